import { z } from "zod";
import { utf8 } from "../core/lines.js";
import type { Message, Response } from "../policy/policy.js";
import { float32Decimal } from "./float32-decimal.js";
import type { KeySet, RecordKind } from "./record-lines.js";
import { parseResponseLine } from "./response-line.js";

/** A line of prompts.jsonl: a prompt that the run draws responses to. */
export interface PromptRecord {
  readonly id: string;
  /** What people are shown; without `messages` the exact text given to the model. */
  readonly text: string;
  /** The conversation that the model was given. */
  readonly messages?: readonly Message[];
  readonly split: "train" | "validation" | "test";
}

/** A line of selections.jsonl: which of a prompt's responses a self-reward chose. */
export interface Selection {
  readonly promptId: string;
  /** The self-reward's name. */
  readonly reward: string;
  /** The `index` of the chosen response. */
  readonly chosen: number;
  /** The score of each response, by `index`: `scores[chosen]` is the highest. */
  readonly scores: readonly number[];
  /** SHA-256 of the self-reward's module, where it is somebody's own. */
  readonly module?: string;
}

const finite = z.number();
const index = z.int().min(-1);
const name = z.string().min(1);

const responseSchema = z
  .object({
    promptId: name,
    index,
    text: z.string(),
    tokens: z.array(z.int().min(0)),
    logProbs: z.array(finite),
    finish: z.enum(["stop", "length"]),
    certainties: z.array(finite).exactOptional(),
  })
  .refine(
    ({ tokens, logProbs }) => tokens.length === 0 || logProbs.length === tokens.length,
    "tokens and logProbs differ in length",
  )
  .refine(
    ({ logProbs, certainties }) => certainties === undefined || certainties.length === logProbs.length,
    "logProbs and certainties differ in length",
  );

/** What makes a response unique in its file; for `RecordLog.has`. */
export function responseKey(promptId: string, responseIndex: number): string {
  return `${responseIndex}:${promptId}`;
}

/** Keys of responses: by prompt a bit for each index, a fiftieth of what the strings of fifty responses take. */
function responseKeys(): KeySet {
  const byPrompt = new Map<string, number[]>();
  let size = 0;
  // Bits of 32: index -1, the greedy response, is bit 0.
  const placeOf = (key: string) => {
    const colon = key.indexOf(":");
    const bit = Number(key.slice(0, colon)) + 1;
    return { promptId: key.slice(colon + 1), word: Math.floor(bit / 32), mask: 1 << (bit & 31) };
  };
  return {
    get size() {
      return size;
    },
    has: (key) => {
      const { promptId, word, mask } = placeOf(key);
      return ((byPrompt.get(promptId)?.[word] ?? 0) & mask) !== 0;
    },
    add: (key) => {
      const { promptId, word, mask } = placeOf(key);
      const words = byPrompt.get(promptId) ?? [];
      byPrompt.set(promptId, words);
      words[word] = (words[word] ?? 0) | mask;
      size++;
    },
  };
}

/** What makes a selection unique in its file; for `RecordLog.has`. */
export function selectionKey(promptId: string, reward: string): string {
  return `${reward}:${promptId}`;
}

/** prompts.jsonl; the key is the prompt's id. */
export const promptRecords: RecordKind<PromptRecord> = {
  schema: z.object({
    id: name,
    text: z.string(),
    messages: z.array(z.object({ role: z.string(), content: z.string() })).exactOptional(),
    split: z.enum(["train", "validation", "test"]),
  }),
  key: (prompt) => prompt.id,
  normalise: ({ id, text, messages, split }) => ({ id, text, ...(messages && { messages }), split }),
};

/** responses.jsonl and greedy.jsonl; log-probabilities and certainties are stored to float32's precision. */
export const responseRecords: RecordKind<Response> = {
  schema: responseSchema,
  key: (response) => responseKey(response.promptId, response.index),
  normalise: storedResponse,
  quick: parseResponseLine,
  tokensOf: ({ logProbs }) => logProbs.length,
  keySet: responseKeys,
};

/** The fields of a selection as they are stored; the last is there only for a module of one's own. */
const SELECTION_FIELDS = ["promptId", "reward", "chosen", "scores", "module"] as const;

/** What `selectionRecords.schema` gives of a line as we write it; undefined leaves any other to it. */
function parseSelectionLine(bytes: Buffer): Selection | undefined {
  let value: Readonly<Record<string, unknown>> | null;
  try {
    value = JSON.parse(utf8.decode(bytes)) as typeof value;
  } catch {
    return undefined;
  }
  if (!Object.keys(value ?? [""]).every((key, at) => key === SELECTION_FIELDS[at])) return undefined;
  const { promptId, reward, chosen, scores, module } = value!;
  const isNamed =
    typeof promptId === "string" && promptId !== "" && typeof reward === "string" && reward !== "";
  const isScored = Array.isArray(scores) && scores.every(Number.isFinite);
  const isChosen = Number.isSafeInteger(chosen) && (chosen as number) >= 0;
  if (!isNamed || !isScored || !isChosen || (chosen as number) >= scores.length) return undefined;
  return module === undefined || typeof module === "string" ? (value as unknown as Selection) : undefined;
}

/** selections.jsonl. */
export const selectionRecords: RecordKind<Selection> = {
  schema: z
    .object({
      promptId: name,
      reward: name,
      chosen: z.int().min(0),
      scores: z.array(finite).min(1),
      module: z.string().exactOptional(),
    })
    .refine(({ chosen, scores }) => chosen < scores.length, "chosen is not the index of a score"),
  key: (selection) => selectionKey(selection.promptId, selection.reward),
  quick: parseSelectionLine,
  normalise: ({ promptId, reward, chosen, scores, module }) => ({
    ...{ promptId, reward, chosen, scores },
    ...(module !== undefined && { module }),
  }),
};

/**
 * A response as responses.jsonl holds it: fields in a fixed order, floats as the shortest decimal that names the same
 * float32. Work on this, not on the fresh response, so that a resumed run computes with the same numbers.
 */
export function storedResponse(response: Response): Response {
  const { promptId, index: at, text, tokens, logProbs, finish, certainties } = response;
  const stored = { promptId, index: at, text, tokens, logProbs: logProbs.map(float32Decimal), finish };
  return certainties === undefined ? stored : { ...stored, certainties: certainties.map(float32Decimal) };
}
