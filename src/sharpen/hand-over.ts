import { join } from "node:path";
import { writeAtomically } from "../core/files.js";
import type { Policy, Prompt, Response } from "../policy/policy.js";
import { choose, type SelfReward } from "../reward/self-reward.js";
import { responseRecords } from "../run/records.js";
import { indexResponses } from "../run/response-index.js";
import type { Run } from "../run/run.js";
import type { Task } from "../task/task.js";
import { drawAll, type DrawSettings } from "./draw.js";
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
  const { policy, task, run, reward } = options;
  checkRewards([reward], policy);
  const split = splitPrompts(task, options);
  const prompts = [...split.train, ...split.validation];
  if (split.train.length === 0) return undefined;
  await recordPrompts(run, task, split, Infinity);
  const log = await run.log(join(FOLDER, "responses.jsonl"), responseRecords);
  await drawAll(log, policy, prompts, options, "drawing for the hand-over");
  const preferences = await preferencesOf(options, prompts, log.path);
  const files = Object.keys(SHAPES);
  for (const name of files)
    await writeAtomically(join(run.dir, FOLDER, name), linesOf(preferences, SHAPES[name]!));
  const pairs = preferences.filter(({ rejected }) => rejected !== undefined).length;
  const empty = preferences.filter(({ chosen }) => chosen.text === "").length;
  return { dir: join(run.dir, FOLDER), examples: preferences.length, pairs, empty, files };
}

/** Lets the reward choose, prompt by prompt: of each the texts that were chosen and rejected stay in memory, and no other response. */
async function preferencesOf(
  { policy, task, reward, signal }: HandOverOptions,
  prompts: readonly Prompt[],
  path: string,
): Promise<Preference[]> {
  const drawn = await indexResponses(path);
  try {
    const preferences: Preference[] = [];
    for (const prompt of prompts) {
      throwIfStopped(signal, "Choosing");
      const [pool] = poolsOf(task, [prompt], [drawn.read(prompt.id)], policy);
      preferences.push({ prompt, ...preferenceOf(pool!.responses, await reward.score(pool!)) });
    }
    return preferences;
  } finally {
    drawn.close();
  }
}

/** So many lines are put together at a time. */
const LINES = 1000;

function* linesOf(preferences: readonly Preference[], shape: Shape): Generator<Uint8Array> {
  for (let at = 0; at < preferences.length; at += LINES) {
    const lines = preferences.slice(at, at + LINES).flatMap((preference) => shape(preference) || []);
    yield Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(""), "utf8");
  }
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

/** A line of a file; undefined for a prompt that has none there. */
type Shape = (preference: Preference) => object | false | undefined;

/** File names, and a line of each. */
const SHAPES: Readonly<Record<string, Shape>> = {
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
