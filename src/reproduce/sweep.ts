import { UsageError } from "../core/errors.js";
import type { FitOptions } from "../sharpen/fit-adapter.js";
import type { Method } from "../sharpen/methods/method.js";
import { checkOwn, type OwnSettings } from "../sharpen/methods/options.js";

/** A setting and the values that it is to have, one after the other. */
export interface SweepAxis {
  /** A setting of every training, such as `rank`, or a method's own, by its name in records: `weightDecay`, `optimism`. */
  readonly setting: string;
  /** As they were written. */
  readonly values: readonly string[];
}

/** Settings of every training that can be swept, by their names. */
const SWEPT_FIT = [
  "epochs",
  "batchSize",
  "learningRate",
  "schedule",
  "warmup",
  "clipNorm",
  "weightDecay",
  "rank",
] as const satisfies readonly (keyof FitOptions)[];

/** What the paper's tables name of App. A.3's sweep: ranks and weight decays. */
export const PAPER_SWEEP: readonly SweepAxis[] = [
  { setting: "rank", values: ["8", "16"] },
  { setting: "weightDecay", values: ["0", "0.1", "0.5", "1"] },
];

/** What a variant of a method trains with, whatever is set else. */
export interface Swept {
  readonly fit: Partial<Omit<FitOptions, "seed" | "signal">>;
  readonly own: OwnSettings;
  /** In words: `rank = 8, weightDecay = 0.1`. */
  readonly words: string;
}

/** A method that stands in a suite for one point of the sweep. */
export interface Variant {
  readonly method: Method;
  readonly swept: Swept;
}

/** Every combination of the axes' values, the last axis fastest. */
function grid(axes: readonly SweepAxis[]): (readonly (readonly [setting: string, value: string])[])[] {
  return axes.reduce<(readonly (readonly [string, string])[])[]>(
    (points, { setting, values }) =>
      points.flatMap((point) => values.map((value) => [...point, [setting, value] as const])),
    [[]],
  );
}

/**
 * Each method at each point of the grid, as a method of its own in tables and folders: the same examples and objective, with other
 * settings. Beside each other in one suite they share what the base draws.
 * @throws UsageError for a setting that a training and the method do not have, a value that is no number where one is meant, and a
 * setting named twice.
 */
export function sweptMethods(methods: readonly Method[], axes: readonly SweepAxis[]): Variant[] {
  const names = axes.map(({ setting }) => setting);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new UsageError(`The setting ${twice} is swept twice; give all its values at once.`);
  return methods.flatMap((method) => grid(axes).map((point) => variantOf(method, point)));
}

function variantOf(method: Method, point: readonly (readonly [setting: string, value: string])[]): Variant {
  const fit: Record<string, string | number> = {};
  const own: Record<string, number> = {};
  for (const [setting, value] of point) {
    const known: readonly string[] = SWEPT_FIT;
    if (setting === "schedule") fit[setting] = value;
    else if (known.includes(setting)) fit[setting] = numberOf(setting, value);
    else own[setting] = numberOf(setting, value);
  }
  checkOwn(method.title, method.options, own);
  const label = point.map(([setting, value]) => `${setting}-${value}`).join("-");
  const words = point.map(([setting, value]) => `${setting} = ${value}`).join(", ");
  return {
    method: {
      ...method,
      // A name is lower case, digits and hyphens.
      name: `${method.name}-${label.toLowerCase().replace(/[^a-z0-9]+/g, "-")}`,
      title: `${method.title}, ${words}`,
      presetsOf: method.presetsOf ?? method.name,
    },
    swept: { fit, own, words },
  };
}

function numberOf(setting: string, value: string): number {
  const number = Number(value);
  if (value.trim() !== "" && Number.isFinite(number)) return number;
  throw new UsageError(
    `The setting ${setting} is a number, and is to be swept over "${value}": give numbers.`,
  );
}
