import { join } from "node:path";
import type { Policy, Prompt, Response } from "../policy/policy.js";
import { choose, type SelfReward } from "../reward/self-reward.js";
import { responseRecords } from "../run/records.js";
import type { Run } from "../run/run.js";
import type { Task } from "../task/task.js";
import { drawResponses, type DrawSettings } from "./draw.js";
import { throwIfStopped } from "./interrupt.js";
import { splitPrompts } from "./prompts.js";
import { poolsOf } from "./selections.js";
import { recordPrompts } from "./record-prompts.js";
import { checkRewards } from "./sharpen-task.js";

const FOLDER = "hand-over";

export interface HandOverOptions extends DrawSettings {
  readonly policy: Policy;
  readonly task: Task;
  readonly run: Run;
  /** Chooses, and rejects what it scores lowest. */
  readonly reward: SelfReward;
  /** As for a run: which prompts are measured, and so not learned from. */
  readonly prompts?: number | undefined;
  readonly trainPrompts?: number | undefined;
}

/** What was handed over. */
export interface HandOver {
  readonly dir: string;
  /** Training and validation prompts with a chosen response. */
  readonly examples: number;
  /** Those with another response to reject. */
  readonly pairs: number;
  /** Those whose chosen response is empty: OpenAI's fine-tuning refuses them, and its files leave them out. */
  readonly empty: number;
  /** In `dir`. */
  readonly files: readonly string[];
}

/** A prompt, what the self-reward chose, and what it scored lowest among the responses of another text. */
interface Preference {
  readonly prompt: Prompt;
  readonly chosen: Scored;
  readonly rejected: Scored | undefined;
}

interface Scored {
  readonly text: string;
  readonly score: number;
}

/**
 * For a model that cannot be trained here: draws `n` responses to each training and validation prompt (never to those that are
 * measured), lets the self-reward choose, and writes the choice in the shapes that trainers read: TRL's SFT and DPO,
 * and OpenAI's fine-tuning, supervised and by preference. Killed and called again, it continues.
 * @returns undefined where the task has no prompts to learn from.
 */
export async function handOver(options: HandOverOptions): Promise<HandOver | undefined> {
  const { policy, task, run, reward, signal } = options;
  checkRewards([reward], policy);
  const split = splitPrompts(task, options);
  const prompts = [...split.train, ...split.validation];
  if (split.train.length === 0) return undefined;
  await recordPrompts(run, task, split, Infinity);
  const log = await run.log(join(FOLDER, "responses.jsonl"), responseRecords);
  const drawn = await drawResponses(log, policy, prompts, options, "drawing for the hand-over");
  const preferences: Preference[] = [];
  for (const pool of poolsOf(task, prompts, drawn, policy)) {
    throwIfStopped(signal, "Choosing");
    preferences.push({ prompt: pool.prompt, ...preferenceOf(pool.responses, await reward.score(pool)) });
  }
  const files: string[] = [];
  for (const [name, shape] of Object.entries(SHAPES)) {
    const lines = preferences.flatMap((preference) => shape(preference) || []);
    await run.writeText(join(FOLDER, name), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    files.push(name);
  }
  const pairs = preferences.filter(({ rejected }) => rejected !== undefined).length;
  const empty = preferences.filter(({ chosen }) => chosen.text === "").length;
  return { dir: join(run.dir, FOLDER), examples: preferences.length, pairs, empty, files };
}

function preferenceOf(
  responses: readonly Response[],
  scores: readonly number[],
): Pick<Preference, "chosen" | "rejected"> {
  const best = choose(scores);
  const scored = responses.map(({ text }, at) => ({ text, score: scores[at]! }));
  const others = scored.filter(({ text }) => text !== scored[best]!.text);
  const rejected = others.reduce<Scored | undefined>(
    (lowest, one) => (lowest === undefined || one.score < lowest.score ? one : lowest),
    undefined,
  );
  return { chosen: scored[best]!, rejected };
}

const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });

/** OpenAI takes no message without content. */
const isSaid = (...responses: readonly Scored[]): boolean => responses.every(({ text }) => text !== "");

/** File names, and a line of each; undefined for a prompt that has none there. */
const SHAPES: Readonly<Record<string, (preference: Preference) => object | false | undefined>> = {
  "trl-sft.jsonl": ({ prompt, chosen }) => ({ prompt: prompt.text, completion: chosen.text }),
  "trl-dpo.jsonl": ({ prompt, chosen, rejected }) =>
    rejected && {
      prompt: prompt.text,
      chosen: chosen.text,
      rejected: rejected.text,
      chosen_reward: chosen.score,
      rejected_reward: rejected.score,
    },
  "openai-sft.jsonl": ({ prompt, chosen }) =>
    isSaid(chosen) ? { messages: [user(prompt.text), assistant(chosen.text)] } : undefined,
  "openai-dpo.jsonl": ({ prompt, chosen, rejected }) =>
    rejected &&
    isSaid(chosen, rejected) && {
      input: { messages: [user(prompt.text)] },
      preferred_output: [assistant(chosen.text)],
      non_preferred_output: [assistant(rejected.text)],
    },
};
