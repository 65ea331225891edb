import { z } from "zod";
import { POWER_METHODS } from "../sharpen/power/draw-power.js";

/** A field that may be null, which says the same as leaving it out. */
export const maybe = <T extends z.ZodType>(schema: T): z.ZodOptional<z.ZodNullable<T>> =>
  schema.nullable().optional();

/** A field of which only what changes nothing is taken. */
export const neutral = (
  isNeutral: (value: unknown) => boolean,
  why: string,
): z.ZodOptional<z.ZodType<unknown>> =>
  z
    .unknown()
    .refine((value) => value === undefined || value === null || isNeutral(value), why)
    .optional();

/** Whether a list or an object is empty. */
export const isEmpty = (value: unknown): boolean =>
  typeof value === "object" && Object.keys(value!).length === 0;

const OWN_DISTRIBUTION =
  "is not supported, since candidates are drawn from the model's own distribution, but for temperature, top_p and min_p; leave it out";
/** How many of the likeliest tokens may be asked for at each position; what the model tells may be fewer. */
export const LIKELIEST = z
  .int("must be a whole number")
  .min(0, "must be at least 0")
  .max(20, "must be at most 20");
/** Why what is no text is not taken. */
export const TEXT_ALONE = "is not supported: this server gives text alone; leave it out";

/** What changes the distribution, or asks for more than text: taken where it asks for nothing. */
const NEUTRAL = {
  frequency_penalty: neutral((value) => value === 0, OWN_DISTRIBUTION),
  presence_penalty: neutral((value) => value === 0, OWN_DISTRIBUTION),
  logit_bias: neutral(isEmpty, OWN_DISTRIBUTION),
} as const;

/** The same, of chat alone. */
export const NEUTRAL_IN_CHAT = {
  tools: neutral(isEmpty, TEXT_ALONE),
  functions: neutral(isEmpty, TEXT_ALONE),
  tool_choice: neutral((value) => value === "none" || value === "auto", TEXT_ALONE),
  function_call: neutral((value) => value === "none" || value === "auto", TEXT_ALONE),
  parallel_tool_calls: z.unknown().optional(),
  response_format: neutral((value) => (value as { type?: unknown }).type === "text", TEXT_ALONE),
  modalities: neutral((value) => Array.isArray(value) && value.every((each) => each === "text"), TEXT_ALONE),
  audio: neutral(() => false, TEXT_ALONE),
  prediction: neutral(() => false, "is not supported; leave it out"),
  web_search_options: neutral(() => false, TEXT_ALONE),
  reasoning_effort: neutral((value) => value === "none", "is not supported; leave it out"),
  verbosity: neutral((value) => value === "medium", "is not supported; leave it out"),
  store: neutral((value) => value === false, "is not supported: this server keeps nothing; leave it out"),
} as const;

/** What says who asks, or how the asker keeps book: read by nobody here. */
const WITHOUT_EFFECT = {
  user: z.unknown().optional(),
  metadata: z.unknown().optional(),
  service_tier: z.unknown().optional(),
  safety_identifier: z.unknown().optional(),
  prompt_cache_key: z.unknown().optional(),
  prompt_cache_retention: z.unknown().optional(),
} as const;

const count = z.int("must be a whole number").min(1, "must be at least 1");

const stopText = z
  .string("must be a text, or a list of texts")
  .min(1, "must not be empty")
  .max(200, "must have at most 200 characters");

/** What a request may say to whetstone alone. */
const whetstoneSchema = z.strictObject({
  reward: maybe(z.string().max(200)),
  answer: maybe(z.string().max(1000)),
  early_stop: maybe(z.boolean()),
  return: maybe(z.enum(["choice", "scores", "all"])),
  usage: maybe(z.enum(["all", "chosen"])),
  events: maybe(z.boolean()),
  deadline_ms: maybe(count),
  method: maybe(z.enum(["base", "adaptive", ...POWER_METHODS])),
  delta: maybe(z.number("must be a number").gt(0, "must be above 0").lt(1, "must be below 1")),
  alpha: maybe(z.number("must be a number").min(1, "must be at least 1").max(100, "must be at most 100")),
  moves: maybe(count.max(100, "must be at most 100")),
  blocks: maybe(count.max(64, "must be at most 64")),
  particles: maybe(count.max(256, "must be at most 256")),
});

/** What a request says to whetstone alone. */
export type WhetstoneFields = z.infer<typeof whetstoneSchema>;

/** What a request says of its stream. */
export const STREAM = {
  stream: maybe(z.boolean()),
  stream_options: maybe(
    z.strictObject({ include_usage: maybe(z.boolean()), include_obfuscation: z.unknown().optional() }),
  ),
} as const;

/** The fields that all routes which draw have. */
export const COMMON = {
  model: z.string("must be a model's name, as /v1/models lists it"),
  n: maybe(count),
  best_of: maybe(count),
  temperature: maybe(z.number("must be a number").min(0, "must be at least 0").max(2, "must be at most 2")),
  seed: maybe(z.int("must be a whole number").min(0, "must be at least 0")),
  max_tokens: maybe(count),
  top_p: maybe(z.number("must be a number").gt(0, "must be above 0").max(1, "must be at most 1")),
  min_p: maybe(z.number("must be a number").min(0, "must be at least 0").lt(1, "must be below 1")),
  stop: maybe(
    z.union(
      [stopText, z.array(stopText).max(4, "must hold at most 4 texts")],
      "must be a text, or a list of at most 4",
    ),
  ),
  whetstone: maybe(whetstoneSchema),
  ...NEUTRAL,
  ...WITHOUT_EFFECT,
} as const;
