import { afterEach } from "vitest";
import type { Response, SampleRequest } from "../policy.js";
import type { ServersOptions } from "./connect.js";
import { FaultServer } from "./fault-server.test-helper.js";
import { RemotePolicy } from "./remote-policy.js";
import type { ServerTraits } from "./tiny-server-model.test-helper.js";

/** A key with every character that encodings change. */
export const CANARY = "sk-canary+/=0123456789?&";
export const prompts = [
  { id: "first", text: "The sky over the sea is" },
  { id: "second", text: "Grass is" },
];
export const options = { temperature: 1, maxTokens: 12, seed: 3 };

/** So many samples of each prompt. */
export const requests = (n: number): SampleRequest[] =>
  prompts.flatMap((prompt) => Array.from({ length: n }, (_, index) => ({ prompt, index })));

/** Servers that are stopped after the test. */
export const running: FaultServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});

/** A server that is stopped after the test. */
export async function serve(traits?: ServerTraits): Promise<FaultServer> {
  const server = await new FaultServer(traits).start();
  running.push(server);
  return server;
}

/** Connected without waiting between tries; what would have been waited is kept. */
export async function connect(
  servers: readonly Pick<FaultServer, "url">[],
  settings: Partial<ServersOptions> = {},
): Promise<{ policy: RemotePolicy; waits: number[] }> {
  const waits: number[] = [];
  const sleep = async (ms: number): Promise<void> => {
    waits.push(ms);
    await new Promise((resolve) => setTimeout(resolve, 1));
  };
  const urls = servers.map(({ url }) => url);
  const policy = await RemotePolicy.connect({ model: "tiny", baseUrls: urls, sleep, ...settings });
  waits.length = 0;
  return { policy, waits };
}

/** All responses, by prompt and index. */
export async function collect(responses: AsyncIterable<Response>): Promise<Response[]> {
  const all: Response[] = [];
  for await (const response of responses) all.push(response);
  return all.sort((a, b) => a.promptId.localeCompare(b.promptId) || a.index - b.index);
}
