import OpenAI from "openai";
import { afterEach } from "vitest";
import type { Policy } from "../policy/policy.js";
import { rewardNamed } from "../reward/registry.js";
import type { ServeSettings } from "./app.js";
import { startServer, type RunningServer } from "./server.js";

/** Servers that are stopped after the test. */
const running: RunningServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

/** What a server has around it in tests: a clock that stands still, and seeds and names that count up. */
function counting(): ServeSettings["surroundings"] {
  let [seeds, ids] = [1000, 0];
  return { now: () => 1_700_000_000_000, freshSeed: () => seeds++, freshId: () => `${ids++}` };
}

/** A server of a policy at a free port, best-of-4 by length-normalized log-likelihood, and OpenAI's own client. */
export async function servePolicy(
  policy: Policy,
  settings: Partial<ServeSettings> & { readonly takes?: ServeSettings["model"]["takes"] } = {},
): Promise<{ readonly server: RunningServer; readonly url: string; readonly client: OpenAI }> {
  const { takes = policy.can.messages ? "both" : "text", ...rest } = settings;
  const server = await startServer(
    {
      model: { id: policy.name, policy, takes },
      defaults: { bestOf: 4, reward: rewardNamed("length-normalized") },
      surroundings: counting(),
      ...rest,
    },
    { port: 0 },
  );
  running.push(server);
  const apiKey = settings.keys?.[0] ?? "none";
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey, maxRetries: 0 });
  return { server, url: server.url, client };
}

/** The fields that OpenAI's types do not know. */
export interface Whetstone {
  readonly reward: string;
  readonly seed: number;
  readonly chosen: number;
  readonly score: number;
  readonly candidates?: readonly {
    readonly index: number;
    readonly score: number | null;
    readonly tokens: number;
    readonly finish_reason: string | null;
    readonly pruned_at?: number;
    readonly text?: string;
  }[];
  readonly tokens: { readonly prompt: number; readonly drawn: number; readonly chosen: number };
}

export const whetstoneOf = (reply: object): Whetstone => (reply as { whetstone: Whetstone }).whetstone;
