import type { FaultName } from "./fault.js";

/** What a policy has asked of its servers so far. */
export interface ServerUsage {
  /** Requests to draw that were sent, those of the probe and those that failed included. */
  readonly requests: number;
  /** Requests sent again after a fault. */
  readonly retries: number;
  /** As the servers count them; those of a reply that was no response included. */
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Both together. */
  readonly tokens: number;
  /** By name; absent for those that did not occur. */
  readonly faults: Readonly<Partial<Record<FaultName, number>>>;
  /** Requests by the server's URL. */
  readonly byServer: Readonly<Record<string, number>>;
}

/** Counts what is asked of servers. */
export class Tally implements ServerUsage {
  requests = 0;
  retries = 0;
  promptTokens = 0;
  completionTokens = 0;
  readonly faults: Partial<Record<FaultName, number>> = {};
  readonly byServer: Record<string, number> = {};

  get tokens(): number {
    return this.promptTokens + this.completionTokens;
  }

  request(url: string): void {
    this.requests++;
    this.byServer[url] = (this.byServer[url] ?? 0) + 1;
  }

  reply({ prompt, completion }: { readonly prompt: number; readonly completion: number }): void {
    this.promptTokens += prompt;
    this.completionTokens += completion;
  }

  fault(name: FaultName): void {
    this.faults[name] = (this.faults[name] ?? 0) + 1;
  }
}
