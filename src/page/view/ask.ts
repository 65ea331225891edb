import { useEffect, useState } from "preact/hooks";
import { refusalOf } from "../refusal.js";

/** Asks the page's own server. @throws Error with the server's words where it refuses. */
export async function ask<T>(
  path: string,
  query: Readonly<Record<string, string>> = {},
  signal?: AbortSignal,
): Promise<T> {
  const words = new URLSearchParams(query).toString();
  const reply = await fetch(`/api/runs/${path}${words === "" ? "" : `?${words}`}`, {
    ...(signal && { signal }),
  });
  if (reply.ok) return (await reply.json()) as T;
  throw await refusalOf(reply);
}

/** What was asked for, or why it is not there; neither while it is on its way. */
export interface Asked<T> {
  readonly value?: T;
  readonly error?: string;
}

/** What the page says of an error. */
export const wordsOf = (error: unknown): string =>
  error instanceof TypeError
    ? "The server cannot be reached; it is asked again."
    : error instanceof Error
      ? error.message
      : String(error);

/**
 * What the server answers, asked again whenever path, query or version changes; what was there stays until the new one is.
 * @param path undefined: nothing is asked.
 */
export function useAsked<T>(
  path: string | undefined,
  query: Readonly<Record<string, string>> = {},
  version: unknown = undefined,
): Asked<T> {
  const key = JSON.stringify([path, query]);
  const [asked, set] = useState<Asked<T> & { readonly of: string }>({ of: key });
  useEffect(() => {
    if (path === undefined) return undefined;
    const leave = new AbortController();
    ask<T>(path, query, leave.signal).then(
      (value) => set({ of: key, value }),
      (error: unknown) => {
        if (!leave.signal.aborted) set({ of: key, error: wordsOf(error) });
      },
    );
    return () => leave.abort();
  }, [key, version]);
  return asked.of === key ? asked : {};
}

/** Waits. */
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves once the page can be seen. */
function seen(): Promise<void> {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) =>
    document.addEventListener("visibilitychange", () => resolve(), { once: true }),
  );
}

/**
 * Does something again and again while the page is seen, until its signal fires.
 * @param step returns after how many milliseconds it is to be done again.
 */
export async function again(step: () => Promise<number>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await seen();
    if (signal.aborted) return;
    await pause(await step());
  }
}
