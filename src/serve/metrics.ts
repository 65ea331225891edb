import type { MiddlewareHandler } from "hono";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Policy } from "../policy/policy.js";
import type { Answering } from "./answering.js";
import type { LogLine } from "./request-log.js";

const SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

/** What Prometheus is told: each request counted when it is over, and what is at work now. */
export class ServeMetrics {
  private readonly registry = new Registry();
  private readonly requests = new Counter({
    name: "whetstone_requests_total",
    help: "Requests that are over, by route and status.",
    labelNames: ["route", "status"],
    registers: [this.registry],
  });
  private readonly seconds = new Histogram({
    name: "whetstone_request_seconds",
    help: "Seconds from a request's beginning to the end of its reply, by route.",
    labelNames: ["route"],
    buckets: SECONDS,
    registers: [this.registry],
  });
  private readonly tokens = new Counter({
    name: "whetstone_tokens_total",
    help: "Tokens of prompts, of all candidates that were drawn, and of those that were chosen.",
    labelNames: ["kind"],
    registers: [this.registry],
  });
  private readonly candidates = new Counter({
    name: "whetstone_candidates_total",
    help: "Candidates that were asked for (best_of), by reward.",
    labelNames: ["reward"],
    registers: [this.registry],
  });

  constructor(answering: Answering, policy: Policy) {
    const { registry } = this;
    const gauge = (name: string, help: string, value: () => number): void => {
      new Gauge({
        ...{ name, help, registers: [registry] },
        collect() {
          this.set(value());
        },
      });
    };
    gauge(
      "whetstone_requests_answering",
      "Requests that are being answered.",
      () => answering.standing.answering,
    );
    gauge(
      "whetstone_requests_waiting",
      "Requests that wait to be answered.",
      () => answering.standing.waiting,
    );
    gauge(
      "whetstone_candidates_drawing",
      "Candidates that are being drawn.",
      () => answering.standing.responses,
    );
    this.countPrefixes(policy);
  }

  /** Of a model on this machine that keeps prompts. */
  private countPrefixes(policy: Policy): void {
    if (!policy.prefixCounts) return;
    const { registry } = this;
    new Gauge({
      name: "whetstone_prefix_bytes",
      help: "Bytes that are held of prompts, for prompts that begin alike.",
      registers: [registry],
      collect() {
        this.set(policy.prefixCounts!.bytes);
      },
    });
    new Gauge({
      name: "whetstone_prefix_tokens",
      help: "Tokens of prompts that were found there, and that were computed, since the start.",
      labelNames: ["kind"],
      registers: [registry],
      collect() {
        const { found, computed } = policy.prefixCounts!;
        this.set({ kind: "found" }, found);
        this.set({ kind: "computed" }, computed);
      },
    });
  }

  /** Counts a request that is over. */
  take({ route, status, ms, best_of: bestOf, reward, tokens }: LogLine): void {
    this.requests.inc({ route, status: String(status) });
    this.seconds.observe({ route }, ms / 1000);
    if (reward !== undefined) this.candidates.inc({ reward }, bestOf ?? 0);
    for (const [kind, count] of Object.entries(tokens ?? {})) this.tokens.inc({ kind }, count);
  }

  /** The route that tells. */
  readonly handler: MiddlewareHandler = async ({ body }) =>
    body(await this.registry.metrics(), 200, { "content-type": this.registry.contentType });
}
