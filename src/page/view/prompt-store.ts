import type { PromptLine, RunChanges } from "./told.js";

/** Lines that are kept; those that were fetched first go. */
const KEPT = 2000;

/** The lines of a run's prompts that have been looked at, and which of them have changed since. */
export class PromptStore {
  private readonly lines = new Map<number, PromptLine>();
  private readonly stale = new Set<number>();
  private readonly versions = new Map<number, number>();
  private generation = 0;

  /** Takes what has changed. */
  take({ changed }: Pick<RunChanges, "changed">): void {
    if (changed === "all") {
      this.generation++;
      for (const at of this.lines.keys()) this.stale.add(at);
      return;
    }
    for (const at of changed) {
      if (this.lines.has(at)) this.stale.add(at);
      this.versions.set(at, (this.versions.get(at) ?? 0) + 1);
    }
  }

  /** Something that changes whenever the prompt does. */
  versionOf(at: number): string {
    return `${this.generation}.${this.versions.get(at) ?? 0}`;
  }

  /** Those that have to be fetched. */
  missing(wanted: readonly number[]): number[] {
    return wanted.filter((at) => !this.lines.has(at) || this.stale.has(at));
  }

  /** Keeps lines that were fetched. @param asked before they were: what changed since stays to be fetched. */
  put(lines: readonly PromptLine[], asked: ReadonlyMap<number, string>): void {
    for (const line of lines) {
      this.lines.delete(line.at);
      this.lines.set(line.at, line);
      if (this.versionOf(line.at) === asked.get(line.at)) this.stale.delete(line.at);
    }
    for (const at of this.lines.keys()) {
      if (this.lines.size <= KEPT) break;
      this.lines.delete(at);
      this.stale.delete(at);
    }
  }

  get(at: number): PromptLine | undefined {
    return this.lines.get(at);
  }
}
