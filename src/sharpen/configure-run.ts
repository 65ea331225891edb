import { resolve } from "node:path";
import { moduleOf } from "../core/own-module.js";
import type { RunAmortize, RunConfig, Source } from "../run/config.js";
import { modulesOf, partOf } from "../run/parts.js";
import type { MethodTraining, SharpenOptions } from "./sharpen-task.js";

/** Where a job's model and task lie, so that the command line finds them again; absent for what comes with the package. */
export interface Places {
  /** A folder or a .gguf file. */
  readonly model?: string;
  /** The task's file of prompts, or its rows. */
  readonly task?: string;
}

/**
 * The configuration of a run for a job of one's own program: what `startRun` is told, so that the run is one for every
 * command, as if the command line had made it. Rewards, graders, tasks and methods that were loaded from modules are found again by them.
 */
export function configureRun(job: Omit<SharpenOptions, "run">, places: Places = {}): RunConfig {
  const { policy, task, n, temperature, maxTokens, seed, prompts, rewards, amortize } = job;
  const { adaptiveDelta, baselineSamples } = job;
  const module = moduleOf(task);
  return {
    model: {
      ...source(policy, places.model),
      ...(policy.served && { server: policy.served.settings }),
    },
    task: { ...source(task, places.task ?? module?.path), ...(module && { module }) },
    drawing: { n, temperature, maxTokens, ...(prompts !== undefined && { prompts }) },
    rewards: rewards.map(partOf),
    ...(adaptiveDelta !== undefined && { adaptive: adaptiveDelta }),
    ...(baselineSamples !== undefined && { baselines: baselineSamples }),
    ...(amortize && {
      amortize: {
        reward: partOf(amortize.reward),
        methods: methodsOf(amortize.methods),
        ...modulesOf(amortize.methods.map(({ method }) => method)),
      },
    }),
    seeds: { run: seed },
  };
}

function source({ name, digest }: { readonly name: string; readonly digest: string }, path?: string): Source {
  return path === undefined ? { name, digest } : { name, digest, path: resolve(path) };
}

/** Settings as JSON has them: without what is undefined. */
function methodsOf(trainings: readonly MethodTraining[]): RunAmortize["methods"] {
  const methods = Object.fromEntries(trainings.map(({ method, ...settings }) => [method.name, settings]));
  return JSON.parse(JSON.stringify(methods)) as RunAmortize["methods"];
}
