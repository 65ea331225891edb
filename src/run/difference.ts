import { ownParts, type Json, type OwnPart } from "./config.js";
import type { Manifest } from "./manifest.js";

/** A field in which two configurations differ. */
export interface Difference {
  /** Such as `drawing.temperature`. */
  readonly field: string;
  /** As JSON; `nothing` where there is no such field. */
  readonly recorded: string;
  readonly asked: string;
}

/**
 * The first field in which a run's configuration differs from another: the model, settings, seeds, and the versions that results
 * depend on. The names and places of model, task and modules, Node's version, the command line and the time are free to
 * differ, and so are the prompts: what is drawn belongs to each prompt alone (`reconcilePrompts`).
 */
export function firstDifference(recorded: Manifest, asked: Manifest): Difference | undefined {
  return differenceAt("", configuration(recorded), configuration(asked));
}

/**
 * A difference as the middle of a sentence, such as `was made with temperature = 1, but now it is 0.5`. Digests say
 * nothing to a person: what they are of does.
 */
export function differenceInWords({ field, recorded, asked }: Difference, manifest: Manifest): string {
  const { model } = manifest;
  if (field === "model.digest") {
    return `was made with a model of other weights, tokenizer or template than ${model.name} has now`;
  }
  if (field === "format" || field === "task.ids")
    return "was made by an earlier version, and can be read but not drawn into any further";
  if (field === "whetstone" || field === "onnxruntime") {
    return `was made with ${field} ${recorded}, but this is ${asked}, and figures of two versions do not mix`;
  }
  if (field.startsWith("modules.")) {
    const name = field.slice("modules.".length);
    const path = ownParts(manifest).find((part) => partKey(part) === name)?.module.path;
    return path === undefined
      ? `was made with another ${name} than that of a module of your own`
      : `was made with ${path} as it was, and that file has changed since`;
  }
  const setting = field
    .replace(/^(?:drawing|task|model|amortize\.methods)\./, "")
    .replace(/^form$/, "the prompts' form")
    .replace(/^seeds\.run$/, "seed");
  return `was made with ${setting} = ${recorded}, but now it is ${asked}`;
}

/** Parts of two kinds may have one name. */
const partKey = ({ kind, name }: OwnPart): string => `${kind} ${name}`;

function configuration(manifest: Manifest): Json {
  const { format, whetstone, onnxruntime, model, task, drawing, rewards, adaptive, amortize, seeds } =
    manifest;
  const { quantize, exactChoice, kvCache, maxLength, device, server } = model;
  const { grader, orders, rows, form, skipLong, ids } = task;
  const modules = Object.fromEntries(
    ownParts(manifest).map((part) => [partKey(part), part.module.digest] as const),
  );
  const fields = {
    format,
    drawing,
    rewards: rewards?.map(({ name }) => name),
    adaptive,
    amortize: amortize && { reward: amortize.reward.name, methods: amortize.methods },
    task: { grader: grader?.name, orders, rows, form, skipLong, ids },
    modules,
    // The digest last: how the model is held, above all, changes it and says more than it does.
    quantize: quantize ?? "none",
    exactChoice: exactChoice ?? "none",
    kvCache: kvCache ?? "float32",
    maxLength: maxLength ?? "none",
    device: device ?? "cpu",
    server: server ?? "none",
    model: { digest: model.digest },
    seeds,
    whetstone,
    onnxruntime,
  };
  return JSON.parse(JSON.stringify(fields)) as Json;
}

function differenceAt(
  field: string,
  recorded: Json | undefined,
  asked: Json | undefined,
): Difference | undefined {
  if (isObject(recorded) && isObject(asked)) {
    for (const key of new Set([...Object.keys(recorded), ...Object.keys(asked)])) {
      const inner = field === "" ? key : `${field}.${key}`;
      const difference = differenceAt(inner, ownValue(recorded, key), ownValue(asked, key));
      if (difference) return difference;
    }
    return undefined;
  }
  const [a, b] = [recorded, asked].map((value) => (value === undefined ? "nothing" : JSON.stringify(value)));
  return a === b ? undefined : { field, recorded: a!, asked: b! };
}

function ownValue(object: { readonly [key: string]: Json }, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
