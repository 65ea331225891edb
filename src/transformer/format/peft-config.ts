import { z } from "zod";
import { ModelError } from "../../core/errors.js";

/** What an adapter_config.json says of a LoRA adapter. */
export interface AdapterConfig {
  readonly rank: number;
  readonly alpha: number;
  /** Absent where the file has a pattern in place of a list. */
  readonly targetModules?: readonly string[];
  /** The modules that the adapter replaces whole, by their names or the ends of them. */
  readonly modulesToSave: readonly string[];
}

/** What PEFT writes where no linear is adapted (its DUMMY_TARGET_MODULES). */
const NO_TARGETS = "dummy-target-modules";

const schema = z.looseObject({
  peft_type: z.string(),
  task_type: z.string().nullish(),
  r: z
    .int()
    .min(1)
    .max(1 << 16),
  lora_alpha: z.number().positive(),
  target_modules: z.union([z.string(), z.array(z.string()).max(1 << 16)]).nullish(),
  bias: z.string().nullish(),
  use_rslora: z.boolean().nullish(),
  init_lora_weights: z.union([z.string(), z.boolean()]).nullish(),
  modules_to_save: z
    .array(z.string())
    .max(1 << 16)
    .nullish(),
});

/**
 * Fields that do not change what a trained adapter computes: where it comes from, how it was initialized and trained,
 * and which modules it was put on (the weights say that).
 */
const NEUTRAL_FIELDS: ReadonlySet<string> = new Set([
  ...Object.keys(schema.shape),
  "auto_mapping",
  "base_model_name_or_path",
  "ensure_weight_tying",
  "eva_config",
  "exclude_modules",
  "inference_mode",
  "layers_pattern",
  "layers_to_transform",
  "lora_dropout",
  "megatron_core",
  "peft_version",
  "qalora_group_size",
  "revision",
  "runtime_config",
]);

/** Initializations that leave the base model's weights alone; the others (PiSSA, OLoRA, LoftQ, …) change them. */
const PLAIN_INITIALIZATIONS: readonly unknown[] = [true, false, "gaussian", "eva", "orthogonal"];

/**
 * Validates a PEFT adapter_config.json of the LoRA kind. A feature that would change the function and is not known
 * here is refused, whatever its name, as soon as it is switched on.
 * @param file named in the errors.
 * @throws ModelError naming the field.
 */
export function parseAdapterConfig(json: unknown, file: string): AdapterConfig {
  const type = (json as { peft_type?: unknown } | null)?.peft_type;
  if (typeof type === "string" && type !== "LORA") {
    throw new ModelError(`${file}: an adapter of peft_type "${type}" is not supported; supported is "LORA"`);
  }
  const result = schema.safeParse(json);
  if (!result.success) {
    const issue = result.error.issues[0];
    throw new ModelError(
      `${file}: ${issue?.path.join(".") || "the file"} is missing or malformed (${issue?.message})`,
    );
  }
  const data = result.data;
  const refuse = (what: string, supported: string): never => {
    throw new ModelError(`${file}: ${what} is not supported; supported is ${supported}`);
  };
  if (data.task_type != null && data.task_type !== "CAUSAL_LM")
    refuse(`task_type "${data.task_type}"`, `"CAUSAL_LM"`);
  if (data.bias != null && data.bias !== "none") refuse(`bias "${data.bias}"`, `"none"`);
  if (!PLAIN_INITIALIZATIONS.includes(data.init_lora_weights ?? true)) {
    refuse(
      `init_lora_weights "${data.init_lora_weights}"`,
      "an initialization that leaves the base as it is",
    );
  }
  for (const [field, value] of Object.entries(data)) {
    if (!NEUTRAL_FIELDS.has(field) && !isOff(value))
      refuse(`${field} ${JSON.stringify(value)}`, "plain LoRA");
  }
  const { r: rank, lora_alpha: alpha, target_modules: targets } = data;
  return {
    rank,
    // alpha' / r = alpha / √r (Kalajdzievski, "A Rank Stabilization Scaling Factor", 2023).
    alpha: data.use_rslora === true ? alpha * Math.sqrt(rank) : alpha,
    ...(Array.isArray(targets) ? { targetModules: targets } : {}),
    modulesToSave: data.modules_to_save ?? [],
  };
}

/** The adapter_config.json of a plain LoRA adapter of a causal language model. */
export function toAdapterConfig(adapter: {
  readonly rank: number;
  readonly alpha: number;
  readonly targetModules: readonly string[];
  readonly modulesToSave?: readonly string[];
  readonly baseModel: string | null;
}): Record<string, unknown> {
  return {
    alpha_pattern: {},
    auto_mapping: null,
    base_model_name_or_path: adapter.baseModel,
    bias: "none",
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    layers_pattern: null,
    layers_to_transform: null,
    lora_alpha: adapter.alpha,
    lora_dropout: 0,
    modules_to_save: adapter.modulesToSave?.length ? [...adapter.modulesToSave] : null,
    peft_type: "LORA",
    r: adapter.rank,
    rank_pattern: {},
    revision: null,
    // PEFT takes an empty list for a mistake, and this word for none on purpose.
    target_modules: adapter.targetModules.length > 0 ? [...adapter.targetModules] : NO_TARGETS,
    task_type: "CAUSAL_LM",
    use_dora: false,
    use_rslora: false,
  };
}

function isOff(value: unknown): boolean {
  if (value == null || value === false) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}
