import type { ResidentBuffer } from "../../graph/index.js";
import type { RowCopy } from "./key-value-cache.js";
import { samePrompt } from "./schedule.js";

/** Keys and values of a response's steps: of the prompt's last token, and of its own but the last, which no step has been over. */
interface Kept extends RowCopy {
  readonly promptKey: number;
  readonly prompt: readonly number[];
  readonly tokens: readonly number[];
}

/** What was found for a response that goes on from another. */
export interface Found {
  readonly entry: RowCopy;
  /** How many of its steps are the wanted response's too; at least 1. */
  readonly steps: number;
}

/**
 * Keys and values of responses that were drawn, for others that begin alike; the least recently used let go of first. They are found by
 * their tokens, and a step's depend on the tokens before it alone, so that what is kept decides about time and never about what is drawn.
 */
export class KeptRows {
  /** In the order of their last use. */
  private readonly entries = new Set<Kept>();
  private bytes = 0;

  /** The steps that are known of a response that begins with these tokens; undefined where there is none. */
  find(promptKey: number, prompt: readonly number[], tokens: readonly number[]): Found | undefined {
    let best: { readonly entry: Kept; readonly steps: number } | undefined;
    for (const entry of this.entries) {
      if (entry.promptKey !== promptKey || !samePrompt(entry.prompt, prompt)) continue;
      const steps = Math.min(shared(entry.tokens, tokens) + 1, entry.steps, tokens.length);
      if (steps > (best?.steps ?? 0)) best = { entry, steps };
    }
    if (best) {
      this.entries.delete(best.entry);
      this.entries.add(best.entry);
    }
    return best;
  }

  /** Keeps a response's, a step a token, and lets go of what is more than `maxBytes`. */
  async add(
    promptKey: number,
    prompt: readonly number[],
    tokens: readonly number[],
    buffer: ResidentBuffer,
    maxBytes: number,
  ): Promise<void> {
    this.entries.add({ promptKey, prompt, tokens, buffer, steps: tokens.length });
    this.bytes += buffer.byteLength;
    for (const entry of this.entries) {
      if (this.bytes <= maxBytes) return;
      this.entries.delete(entry);
      this.bytes -= entry.buffer.byteLength;
      await entry.buffer.free();
    }
  }

  async dispose(): Promise<void> {
    const buffers = [...this.entries].map(({ buffer }) => buffer);
    this.entries.clear();
    await Promise.all(buffers.map((buffer) => buffer.free()));
  }
}

/** How many tokens two responses have in common from the start. */
function shared(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length);
  let at = 0;
  while (at < most && a[at] === b[at]) at++;
  return at;
}
