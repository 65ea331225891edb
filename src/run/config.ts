import { z } from "zod";
import type { ModuleFile } from "../core/own-module.js";
import type { DeviceName } from "../graph/device.js";
import type { KvCacheType } from "../transformer/decode/cache-inputs.js";
import type { Quantization } from "../transformer/decoder/quantize.js";

/** A plain value that JSON holds. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** A self-reward, a grader or a method: by its name where it is built in, with its module where it is somebody's own. */
export interface Part {
  readonly name: string;
  readonly module?: ModuleFile;
}

/** The model or the task of a run. */
export interface Source {
  readonly name: string;
  /** Fixes what it is, wherever it lies. */
  readonly digest: string;
  /** Where it was found, an absolute path; absent for what comes with the package. It may have moved since. */
  readonly path?: string;
}

/** The base model of a run. */
export interface RunModel extends Source {
  /** How it is held; absent: in float32. */
  readonly quantize?: Quantization;
  /** Responses that a rounded model has drawn were chosen from by what it says unrounded; absent: by what it says rounded. */
  readonly exactChoice?: true;
  /** How keys and values were held while responses were drawn; absent: in float32. */
  readonly kvCache?: Exclude<KvCacheType, "float32">;
  /** The longest sequence, prompt and response, in tokens, if one was asked for. */
  readonly maxLength?: number;
  /** What computes it, as devices round otherwise; absent: the CPU, or whatever its servers have. */
  readonly device?: DeviceName;
  /** What its servers were found to do; absent for a model on this machine. */
  readonly server?: { readonly [name: string]: Json };
}

/** What a manifest says of where a part comes from. */
export const sourceOf = (name: string, digest: string, path: string | undefined): Source =>
  path === undefined ? { name, digest } : { name, digest, path };

/** What a run's prompts are. `digest` is of all of them, with template, extractor and labels, as last drawn for or measured. */
export interface RunTask extends Source {
  /** Its own code, if it is no built-in task and no file of prompts. */
  readonly module?: ModuleFile;
  /** How the answers of a file of prompts are compared; absent: `exact`, or the task's own way. */
  readonly grader?: Part;
  /** Of game24. */
  readonly orders?: number;
  /** Rows of each split of a public data set's task; absent: the task's default. */
  readonly rows?: number;
  /** How a model that takes conversations got them: as such, or as plain text; absent where it takes text alone. */
  readonly form?: "chat" | "raw";
  /** Prompts that are too long for the model were left out; absent: there were none, or they would have been refused. */
  readonly skipLong?: true;
  /** `line`: prompts without an id of their own are named by their line, as runs of format 1 did; absent: by their text. */
  readonly ids?: "line";
}

/**
 * Power sampling: how responses are drawn from π^α. `proposals`: what they are drawn from is π at the temperature 1/α, and goes on from what
 * was kept of others; absent: at temperature 1 with all computed anew, as earlier versions did.
 */
export type PowerSampler = { readonly alpha: number; readonly proposals?: "1/α" } & (
  | { readonly method: "power"; readonly moves: number; readonly blocks: number }
  | { readonly method: "smc"; readonly particles: number }
);

/** What is drawn from the base for each test prompt. */
export interface RunDrawing {
  /** Responses per prompt. */
  readonly n: number;
  readonly temperature: number;
  /** The longest response, in tokens. */
  readonly maxTokens: number;
  /** Test prompts at most; absent: all. */
  readonly prompts?: number;
  /** Absent: independent samples of π. */
  readonly sampler?: PowerSampler;
}

/** What a run trains into adapters. */
export interface RunAmortize {
  readonly reward: Part;
  /** Each method's settings by its name, as its registry reads them: this room stands below theirs. */
  readonly methods: { readonly [method: string]: { readonly [setting: string]: Json } };
  /** The modules of those methods that are somebody's own, by the methods' names; absent: all are built in. */
  readonly modules?: { readonly [method: string]: ModuleFile };
}

/** Random seeds; non-negative safe integers. */
export interface RunSeeds {
  /** Of splits, draws and intervals. */
  readonly run: number;
  /** Of training; absent: the run's. */
  readonly training?: number;
}

/** All that fixes a run's results, every default filled in; nothing that does not (progress, `--json`, threads). */
export interface RunConfig {
  readonly model: RunModel;
  readonly task: RunTask;
  readonly drawing: RunDrawing;
  /** The self-rewards that are compared; absent for a run that only draws. */
  readonly rewards?: readonly Part[];
  /** δ of adaptive best-of-N; absent: not measured. */
  readonly adaptive?: number;
  /** Samples of each test prompt in each of the base's other ways to answer; absent: they are not measured. */
  readonly baselines?: number;
  /** Absent: inference time only. */
  readonly amortize?: RunAmortize;
  readonly seeds: RunSeeds;
}

const json: z.ZodType<Json> = z.json();
const proposals = z.literal("1/α").exactOptional();
const count = z.int().min(1);
const positive = z.number().positive();
const seed = z.int().min(0);
/** A `ModuleFile` as records have it. */
export const moduleFile = z.object({ path: z.string(), digest: z.string() });
const part = z.object({ name: z.string().min(1), module: moduleFile.exactOptional() });
const source = { name: z.string().min(1), digest: z.string(), path: z.string().exactOptional() };

// Names alone: the room that quantizes is not loaded to read a manifest.
const quantizations = {
  int8: true,
  int4: true,
  int4a8: true,
  float16: true,
  keep: true,
  keepa8: true,
} satisfies Record<Quantization, true>;
const devices = { cpu: true, webgpu: true } satisfies Record<DeviceName, true>;
/** How a run's model may be held. */
export const quantization = z.enum(Object.keys(quantizations) as Quantization[]);

/** What a `RunConfig` must hold, field by field: checked when a run is started, and when its manifest is read. */
export const configFields = {
  model: z.object({
    ...source,
    quantize: quantization.exactOptional(),
    exactChoice: z.literal(true).exactOptional(),
    kvCache: z.literal("float16").exactOptional(),
    maxLength: count.exactOptional(),
    device: z.enum(Object.keys(devices) as DeviceName[]).exactOptional(),
    server: z.record(z.string(), json).exactOptional(),
  }),
  task: z.object({
    ...source,
    module: moduleFile.exactOptional(),
    grader: part.exactOptional(),
    orders: count.exactOptional(),
    rows: count.exactOptional(),
    form: z.enum(["chat", "raw"]).exactOptional(),
    skipLong: z.literal(true).exactOptional(),
    ids: z.literal("line").exactOptional(),
  }),
  drawing: z.object({
    n: count,
    temperature: positive,
    maxTokens: count,
    prompts: count.exactOptional(),
    sampler: z
      .discriminatedUnion("method", [
        z.object({
          method: z.literal("power"),
          alpha: z.number().min(1),
          moves: z.int().min(0),
          blocks: count,
          proposals,
        }),
        z.object({ method: z.literal("smc"), alpha: z.number().min(1), particles: count, proposals }),
      ])
      .exactOptional(),
  }),
  rewards: z.array(part).min(1).exactOptional(),
  adaptive: z.number().exactOptional(),
  baselines: count.exactOptional(),
  amortize: z
    .object({
      reward: part,
      methods: z.record(z.string(), z.record(z.string(), json)),
      modules: z.record(z.string(), moduleFile).exactOptional(),
    })
    .exactOptional(),
  seeds: z.object({ run: seed, training: seed.exactOptional() }),
} as const;

/** What a `RunConfig` must hold as a whole. */
export const configSchema: z.ZodType<RunConfig> = z.object(configFields);

/** A part of a run that is somebody's own code. */
export interface OwnPart extends Required<Part> {
  readonly kind: "task" | "grader" | "reward" | "method";
}

/** The parts of a run that are somebody's own code. */
export function ownParts({ task, rewards = [], amortize }: RunConfig): readonly OwnPart[] {
  const of = (kind: OwnPart["kind"], parts: readonly (Part | undefined)[]): OwnPart[] =>
    parts.flatMap((part) => (part?.module ? [{ kind, name: part.name, module: part.module }] : []));
  const methods = Object.entries(amortize?.modules ?? {}).map(([name, module]) => ({ name, module }));
  return [
    ...of("task", [task]),
    ...of("grader", [task.grader]),
    ...of("reward", [...rewards, amortize?.reward]),
    ...of("method", methods),
  ];
}

/** How a run's responses were drawn where not independently from π, for people: `π^4 by Metropolis–Hastings`. */
export function samplerInWords({ sampler }: RunDrawing): string | undefined {
  if (sampler === undefined) return undefined;
  const how = sampler.method === "power" ? "Metropolis–Hastings" : `${sampler.particles} particles`;
  return `π^${sampler.alpha} by ${how}`;
}
