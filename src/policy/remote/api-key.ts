import { UsageError } from "../../core/errors.js";

/** Where the key comes from: the first of these variables that is set. */
export const KEY_VARIABLES = ["WHETSTONE_API_KEY", "OPENAI_API_KEY"] as const;

const SHORTEST_SECRET = 12;

/**
 * A server's key. The text is private to this object, so that printing, logging or serializing whatever holds it shows
 * nothing; only the connection asks for it.
 */
export class ApiKey {
  readonly #text: string;
  readonly #forms: readonly string[];

  /**
   * @param from where it stands, for the message.
   * @throws UsageError for a key that cannot stand in a header; the message does not hold it.
   */
  constructor(
    text: string,
    readonly from: string = KEY_VARIABLES.join(" or "),
  ) {
    if (!/^[\x21-\x7e]+$/.test(text)) {
      throw new UsageError(
        `The key in ${from} holds spaces or other characters that no key has; set it anew.`,
      );
    }
    this.#text = text;
    this.#forms = [...new Set(formsOf(text))].sort((a, b) => b.length - a.length);
  }

  /** The key itself, for the connection alone. */
  reveal(): string {
    return this.#text;
  }

  /**
   * Whether a text holds the key: as it is, URL-encoded, in JSON, or in Base64, also with something before it, as in Basic
   * authorization. Never for a key so short that a text may hold its letters by chance: it is a placeholder, such as `EMPTY`.
   */
  isIn(text: string): boolean {
    return this.#text.length >= SHORTEST_SECRET && this.#forms.some((form) => text.includes(form));
  }

  /** The text with the key, in any of these forms and however short, replaced. */
  redact(text: string): string {
    return this.#forms.reduce((result, form) => result.replaceAll(form, "[key]"), text);
  }
}

function formsOf(text: string): string[] {
  const encoded = encodeURIComponent(text);
  const lowered = encoded.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
  const plain = [text, JSON.stringify(text).slice(1, -1), encoded, lowered];
  return text.length < SHORTEST_SECRET ? plain : [...plain, ...base64Forms(text)];
}

/** What of Base64's characters the key alone decides, whatever stands before and after it. */
function base64Forms(text: string): string[] {
  return [0, 1, 2].flatMap((before) => {
    const bytes = Buffer.from(`${" ".repeat(before)}${text}`, "utf8");
    const [first, end] = [Math.ceil((before * 8) / 6), Math.floor((bytes.length * 8) / 6)];
    return (["base64", "base64url"] as const).map((alphabet) => bytes.toString(alphabet).slice(first, end));
  });
}

/** A status with the server's words; where it refuses the key, with the variable that this came from. */
export function refusalText(status: number, said: string, key: ApiKey | undefined): string {
  if (status !== 401 && status !== 403) return `${status} ${said}`;
  const from = key === undefined ? "no key was sent" : `the key comes from ${key.from}`;
  return `${status} ${said.replace(/\.$/, "")}; ${from}`;
}

/** The key that the environment gives, in the first of these variables that is set; undefined if none is: local servers often need none. */
export function keyFromEnvironment(
  environment: NodeJS.ProcessEnv,
  variables: readonly string[] = KEY_VARIABLES,
): ApiKey | undefined {
  for (const name of variables) {
    const value = environment[name]?.trim();
    if (value) return new ApiKey(value, name);
  }
  return undefined;
}
