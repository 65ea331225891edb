import { option } from "./option-spec.js";
import { positive, text, wholeNumber } from "./values.js";

/** Where adapters are trained. */
export const TRAINER_OPTIONS = {
  trainer: option(
    "--trainer <where>",
    "where adapters are trained: worker (torch on this machine), ray://host:8265 or slurm://user@host (the same worker as a job there), " +
      "or tinker+http://host:port (a server that speaks Tinker's protocol: SkyRL, TuFT, OpenRL)",
    text,
    "this machine, where the model's weights are here",
  ),
  base: option(
    "--base <id|folder|file>",
    "the model of --trainer, whose tokenizer and configuration are read here: an id of the hub, a folder of Hugging Face layout, or a .gguf file",
    text,
    "what --model names",
  ),
  trainerPython: option(
    "--trainer-python <path>",
    "the worker's Python, with torch, transformers and peft",
    text,
    "python3",
  ),
  trainerGpus: option(
    "--trainer-gpus <count>",
    "GPUs of a worker that is a job",
    wholeNumber(0, 64),
    "what is there",
  ),
  trainerState: option(
    "--trainer-state <folder>",
    "where the worker keeps checkpoints; on a cluster a folder that all nodes share",
    text,
    "~/.cache/whetstone/trainer-state",
  ),
  serverAdapters: option(
    "--server-adapters <folder>",
    "draw from each adapter on --model's servers too: a folder that all of them see under this path, into which it is copied, to be " +
      "loaded while they run (vLLM with VLLM_ALLOW_RUNTIME_LORA_UPDATING) or served by hand",
    text,
    "adapters are drawn from on the trainer",
  ),
  trainerTolerance: option(
    "--trainer-tolerance <nats>",
    "refuse a trainer whose log-probabilities of drawn responses differ by more a token, on average",
    positive(),
    "0.1",
  ),
} as const;

/** Their names. */
export const TRAINER = [
  "trainer",
  "base",
  "trainerPython",
  "trainerGpus",
  "trainerState",
  "trainerTolerance",
  "serverAdapters",
] as const satisfies readonly (keyof typeof TRAINER_OPTIONS)[];
