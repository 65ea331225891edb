import { UsageError } from "../../core/errors.js";

/** The prefix that tells a served model from a local one: `openai:<name>`. */
export const REMOTE_PREFIX = "openai:";

/** What stands behind the base URL where it was pasted from a client. */
const ROUTES = /\/(?:chat\/completions|completions|models|responses|embeddings)$/;
const EXAMPLE = "http://localhost:8000/v1";

/**
 * The base URLs of a list with commas, each as it will be used: http or https, no trailing slash, `/v1` where there is no path, no route
 * behind it, each once. Such as `http://localhost:8000/v1`; `phi=http://localhost:8000/v1` is for the model phi alone.
 * @param model whose servers they are to be; absent: URLs of every model.
 * @throws UsageError for what is no such URL, or holds a password, a query or a fragment, where keys like to hide; the
 * message then does not repeat it. Where none is left.
 */
export function baseUrls(list: string, model?: string): string[] {
  const servers = list
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part, at) => {
      const [, owner, url = part] = /^([^=]+)=(https?:.*)$/i.exec(part) ?? [];
      return { owner, url: baseUrl(url, at) };
    });
  const own = servers.filter(({ owner }) => model === undefined || owner === undefined || owner === model);
  if (own.length > 0) return [...new Set(own.map(({ url }) => url))];
  const whose = servers.length === 0 ? "" : ` of the model ${model}: without a name before "="`;
  throw new UsageError(`The list of servers needs at least one URL${whose}, such as ${EXAMPLE}.`);
}

function baseUrl(text: string, at: number): string {
  const which = `URL ${at + 1} in the list of servers`;
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new UsageError(`${which} is not a URL of http or https, such as ${EXAMPLE}.`);
  }
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") {
    throw new UsageError(
      `${which} holds a user name or password, which would reach files and logs; put the key into WHETSTONE_API_KEY.`,
    );
  }
  if (url.search !== "" || url.hash !== "") {
    throw new UsageError(`${which} has a "?" or "#" part; give the URL up to its path, such as ${EXAMPLE}.`);
  }
  const path = url.pathname.replace(/\/+$/, "").replace(ROUTES, "");
  return `${url.origin}${path === "" ? "/v1" : path}`;
}
