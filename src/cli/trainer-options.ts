import { option } from "./option-spec.js";
import { positive, text } from "./values.js";

/** Where adapters are trained. */
export const TRAINER_OPTIONS = {
  trainer: option(
    "--trainer <where>",
    "where adapters are trained: tinker+http://host:port, a server that speaks Tinker's protocol (SkyRL, TuFT, OpenRL, whetstone's worker)",
    text,
    "this machine, where the model's weights are here",
  ),
  base: option(
    "--base <id|folder|file>",
    "the model of --trainer, whose tokenizer and configuration are read here: an id of the hub, a folder of Hugging Face layout, or a .gguf file",
    text,
    "what --model names",
  ),
  trainerTolerance: option(
    "--trainer-tolerance <nats>",
    "refuse a trainer whose log-probabilities of drawn responses differ by more a token, on average",
    positive(),
    "0.1",
  ),
} as const;
