import { z } from "zod";
import { quantization, type Json, type Part, type PowerSampler, type RunAmortize } from "./config.js";
import type { Manifest } from "./manifest.js";

/**
 * Manifests of format 1 held their settings in a bag without types; here is all that was ever written into it. Their files are
 * those of format 2, but for the ids of prompts (`RunTask.ids`).
 */
const json: z.ZodType<Json> = z.json();
const source = z.object({ name: z.string(), digest: z.string(), path: z.string().exactOptional() });
const optional = <T extends z.ZodType>(schema: T) => schema.nullish();

const bag = z.looseObject({
  n: z.int().min(1),
  temperature: z.number(),
  maxTokens: z.int().min(1),
  grader: optional(z.string()),
  orders: optional(z.int()),
  rows: optional(z.int()),
  prompts: optional(z.int()),
  quantize: optional(quantization),
  server: optional(z.record(z.string(), json)),
  method: optional(z.enum(["power", "smc"])),
  powerAlpha: optional(z.number()),
  moves: optional(z.int()),
  blocks: optional(z.int()),
  particles: optional(z.int()),
  reward: optional(z.array(z.string()).min(1)),
  adaptive: optional(z.number()),
  amortize: optional(z.union([z.string(), z.literal(false)])),
  training: optional(z.record(z.string(), z.record(z.string(), json))),
});

type Bag = z.infer<typeof bag>;

const schema = z.object({
  whetstone: z.string(),
  node: z.string(),
  onnxruntime: z.string(),
  model: source,
  task: source,
  options: bag,
  seeds: z.object({ run: z.int().min(0), training: z.int().min(0).exactOptional() }),
  command: z.string(),
  createdAt: z.string(),
});

const named = (name: string): Part => ({ name });

/** A manifest of format 1 as one of today, `format` still 1. */
export function fromFormat1(value: unknown): z.ZodSafeParseResult<Manifest> {
  return schema
    .transform(({ options, model, task, ...rest }): Manifest => {
      const { n, temperature, maxTokens, prompts, grader, orders, rows, quantize, server, reward, adaptive } =
        options;
      const sampler = samplerOf(options);
      const amortize = amortizeOf(options);
      return {
        format: 1,
        ...rest,
        model: { ...model, ...(quantize && { quantize }), ...(server && { server }) },
        task: {
          ...task,
          // A file was graded by `exact` unless it was said.
          ...((grader || task.name.endsWith(".jsonl")) && { grader: named(grader ?? "exact") }),
          ...(orders && { orders }),
          ...(rows && { rows }),
          ids: "line",
        },
        drawing: { n, temperature, maxTokens, ...(prompts && { prompts }), ...(sampler && { sampler }) },
        ...(reward && { rewards: reward.map(named) }),
        ...(typeof adaptive === "number" && { adaptive }),
        ...(amortize && { amortize }),
      };
    })
    .safeParse(value);
}

function samplerOf({ method, powerAlpha, moves, blocks, particles }: Bag): PowerSampler | undefined {
  const alpha = powerAlpha ?? 1;
  if (method === "power") return { method, alpha, moves: moves ?? 0, blocks: blocks ?? 1 };
  return method === "smc" ? { method, alpha, particles: particles ?? 1 } : undefined;
}

/** Suites wrote their training beside the other settings, without a name of the method: it was SFT. */
function amortizeOf({ amortize, training, ...rest }: Bag): RunAmortize | undefined {
  if (typeof amortize !== "string") return undefined;
  const methods = training ?? { sft: Object.fromEntries(TRAINING.flatMap((name) => own(rest, name))) };
  return { reward: named(amortize), methods };
}

const TRAINING = [
  "trainN",
  "trainPrompts",
  "curveSamples",
  "epochs",
  "batchSize",
  "learningRate",
  "schedule",
  "warmup",
  "clipNorm",
  "weightDecay",
  "rank",
  "alpha",
  "patience",
  "keep",
  "targetModules",
];

function own(bag: { readonly [name: string]: unknown }, name: string): [string, Json][] {
  const value = json.safeParse(bag[name]);
  return value.success ? [[name, value.data]] : [];
}
