import { UsageError } from "../../core/errors.js";

/** The prefix that tells a served model from a local one: `openai:<name>`. */
export const REMOTE_PREFIX = "openai:";

const EXAMPLE = "http://localhost:8000/v1";

/**
 * The base URLs of a list with commas, each as it will be used: http or https, no trailing slash, each once. Such as
 * `http://localhost:8000/v1`.
 * @throws UsageError for what is no such URL, or holds a password, a query or a fragment, where keys like to hide; the
 * message then does not repeat it.
 */
export function baseUrls(list: string): string[] {
  const urls = list
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map(baseUrl);
  if (urls.length === 0) throw new UsageError(`--base-url needs at least one URL, such as ${EXAMPLE}.`);
  return [...new Set(urls)];
}

function baseUrl(text: string, at: number): string {
  const which = `URL ${at + 1} of --base-url`;
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
  return `${url.origin}${url.pathname}`.replace(/\/+$/, "");
}
