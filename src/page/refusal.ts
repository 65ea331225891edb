/** What a server says of a request that it refuses, in its own words where it has some. */
export async function refusalOf(reply: Response): Promise<Error> {
  const told = (await reply.json().catch(() => ({}))) as { readonly error?: { readonly message?: string } };
  return new Error(told.error?.message ?? `The server answered ${reply.status}.`);
}
