import { UsageError } from "../../core/errors.js";

/** Where the key comes from: the first of these variables that is set. */
const KEY_VARIABLES = ["WHETSTONE_API_KEY", "OPENAI_API_KEY"] as const;

/**
 * A server's key. The text is private to this object, so that printing, logging or serializing whatever holds it shows
 * nothing; only the connection asks for it.
 */
export class ApiKey {
  readonly #text: string;
  readonly #forms: readonly string[];

  /** @throws UsageError for a key that cannot stand in a header; the message does not hold it. */
  constructor(text: string) {
    if (!/^[\x21-\x7e]+$/.test(text)) {
      throw new UsageError(
        `The key in ${KEY_VARIABLES.join(" or ")} holds spaces or other characters that no key has; set it anew.`,
      );
    }
    this.#text = text;
    const bytes = Buffer.from(text, "utf8");
    const forms = [text, bytes.toString("base64"), bytes.toString("base64url"), encodeURIComponent(text)];
    this.#forms = [...new Set(forms)].sort((a, b) => b.length - a.length);
  }

  /** The key itself, for the connection alone. */
  reveal(): string {
    return this.#text;
  }

  /** Whether a text holds the key: as it is, in Base64, or URL-encoded. */
  isIn(text: string): boolean {
    return this.#forms.some((form) => text.includes(form));
  }

  /** The text with the key, in any of these forms, replaced. */
  redact(text: string): string {
    return this.#forms.reduce((result, form) => result.replaceAll(form, "[key]"), text);
  }
}

/** The key that the environment gives; undefined if none does: local servers often need none. */
export function keyFromEnvironment(environment: NodeJS.ProcessEnv): ApiKey | undefined {
  for (const name of KEY_VARIABLES) {
    const value = environment[name]?.trim();
    if (value) return new ApiKey(value);
  }
  return undefined;
}
