import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import type { LocalPolicy } from "../../src/policy/local-policy.js";
import type { Policy, Response as Drawn } from "../../src/policy/policy.js";
import { loadAdapter } from "../../src/transformer/format/peft.js";

/** What a server does wrong with adapters; each but `refuses` says that all is well. */
export type LoraMisdeed =
  /** It has no such route. */
  | "no route"
  /** It says what is wrong with it. */
  | "refuses"
  /** It does not list it. */
  | "forgets"
  /** The base answers under its name. */
  | "does nothing"
  /** What was loaded before answers under its name. */
  | { readonly stale: string };

/** A server of a model on this machine that loads adapters while it runs, by vLLM's routes. */
export interface LoraServer {
  /** Up to `/v1`. */
  readonly url: string;
  /** Adapters that are loaded, by their names. */
  readonly adapters: ReadonlyMap<string, Policy>;
  /** Names that were loaded and unloaded, in their order: `+name`, `-name`. */
  readonly events: readonly string[];
  stop(): Promise<void>;
}

/** Starts one. @param base what it serves under its own name; the caller disposes of it. */
export async function loraServer(base: LocalPolicy, misdeed?: LoraMisdeed): Promise<LoraServer> {
  const models = new Map<string, LocalPolicy>([[base.name, base]]);
  const adapters = new Map<string, Policy>();
  const events: string[] = [];
  const load = async (name: string, path: string): Promise<Response> => {
    if (misdeed === "refuses")
      return Response.json({ error: { message: "rank 9 is too large" } }, { status: 400 });
    events.push(`+${name}`);
    const from = typeof misdeed === "object" ? misdeed.stale : path;
    const policy = misdeed === "does nothing" ? base : await base.withAdapter(await loadAdapter(from), name);
    if (misdeed !== "forgets") {
      adapters.set(name, policy);
      models.set(name, policy);
    }
    // In words, as vLLM does.
    return new Response(`Success: LoRA adapter '${name}' added successfully.`);
  };
  const unload = (name: string): Response => {
    events.push(`-${name}`);
    adapters.delete(name);
    models.delete(name);
    return new Response(`Success: LoRA adapter '${name}' removed successfully.`);
  };
  const answer = async (request: Request): Promise<Response> => {
    const path = new URL(request.url).pathname.replace("/v1", "");
    if (path === "/models")
      return Response.json({ data: [...models.keys()].map((id) => ({ id, owned_by: "vllm" })) });
    const body = (await request.json()) as Asked & Record<string, string>;
    if (path.endsWith("load_lora_adapter") && misdeed === "no route")
      return Response.json({ detail: "Not Found" }, { status: 404 });
    if (path === "/load_lora_adapter") return load(body["lora_name"]!, body["lora_path"]!);
    if (path === "/unload_lora_adapter") return unload(body["lora_name"]!);
    const policy = models.get(body.model);
    if (policy === undefined) return Response.json({ error: { message: "no such model" } }, { status: 404 });
    return Response.json(await completion(policy, body));
  };
  const listening = serve({ fetch: answer, port: 0, hostname: "127.0.0.1" });
  if (!listening.listening) await new Promise((resolve) => listening.once("listening", resolve));
  const { port } = listening.address() as AddressInfo;
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      listening.close(() => resolve());
      if ("closeAllConnections" in listening) listening.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${port}/v1`, adapters, events, stop };
}

/** A request for a completion. */
interface Asked {
  readonly model: string;
  readonly prompt: string;
  readonly max_tokens: number;
  readonly temperature: number;
  readonly seed: number;
}

/** Tokens of a prompt's first position that are told. */
const TOP = 20;

/** One response as vLLM tells it, with token ids; where one token is asked for, beside the likeliest ones. */
async function completion(policy: LocalPolicy, asked: Asked): Promise<object> {
  const { model, prompt: text, max_tokens: maxTokens, temperature, seed } = asked;
  const prompt = { id: text, text };
  const greedy = temperature === 0;
  const limits = { temperature: temperature || 1, maxTokens, seed };
  const drawn: Drawn[] = [];
  for await (const each of policy.sample([{ prompt, index: 0, options: { greedy } }], limits))
    drawn.push(each);
  const [{ text: said, tokens, logProbs, finish }] = drawn as [Drawn];
  const { tokenizer, config } = policy.runtime.model;
  const pieceOf = (token: number): string => tokenizer.decode([token]);
  const all = Array.from({ length: config.vocabSize }, (_, token) => token);
  const first =
    maxTokens === 1 ? await policy.logProb(all.map((token) => ({ prompt, tokens: [token] }))) : [];
  const top = first.map((row, token) => [pieceOf(token), row[0]!] as const).sort((a, b) => b[1] - a[1]);
  const logprobs = {
    tokens: tokens.map(pieceOf),
    token_logprobs: logProbs,
    top_logprobs: maxTokens === 1 ? [Object.fromEntries(top.slice(0, TOP).reverse())] : null,
  };
  const usage = { prompt_tokens: 1, completion_tokens: tokens.length };
  const choice = { index: 0, text: said, finish_reason: finish, token_ids: tokens, logprobs };
  return { model, choices: [choice], usage };
}
