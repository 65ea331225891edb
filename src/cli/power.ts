import { UsageError } from "../core/errors.js";
import { checkAlpha } from "../sharpen/power/continuation.js";
import { acceptedByLength, POWER_DEFAULTS, type PowerDrawing } from "../sharpen/power/draw-power.js";
import type { PowerRecord } from "../sharpen/power/power-record.js";
import type { PowerSampler } from "../run/config.js";
import type { POWER, Values } from "./options.js";
import type { Settings } from "./settings.js";

export type PowerValues = Values<(typeof POWER)[number] | "temperature">;

/** Settings of power sampling as given, defaults filled in; undefined for independent samples of π. */
export type PowerSettings = Pick<PowerDrawing, "method" | "alpha" | "moves" | "blocks" | "particles">;

/** @throws UsageError for α < 1, and for options that the method does not have. */
export function powerSettings(values: PowerValues): PowerSettings | undefined {
  const {
    method = "base",
    alpha = POWER_DEFAULTS.alpha,
    moves = POWER_DEFAULTS.moves,
    blocks = POWER_DEFAULTS.blocks,
    particles = POWER_DEFAULTS.particles,
  } = values;
  const refuse = (names: readonly (keyof PowerValues)[], why: string): void => {
    for (const name of names)
      if (values[name] !== undefined) throw new UsageError(`--${name} is not for this: ${why}.`);
  };
  if (method === "base") {
    refuse(["alpha", "moves", "blocks", "particles"], "it belongs to --method power or smc");
    return undefined;
  }
  if (values.temperature !== 1)
    refuse(["temperature"], `--method ${method} proposes at temperature 1/α, and --alpha sharpens`);
  refuse(
    method === "power" ? ["particles"] : ["moves", "blocks"],
    `it belongs to --method ${method === "power" ? "smc" : "power"}`,
  );
  checkAlpha(alpha);
  return { method, alpha, moves, blocks, particles };
}

/** The same as a run's configuration has them: those of the other method left out. */
export function samplerOf({ method, alpha, moves, blocks, particles }: PowerSettings): PowerSampler {
  const proposals = "1/α";
  return method === "power"
    ? { method, alpha, moves, blocks, proposals }
    : { method, alpha, particles, proposals };
}

/** The same under the names of the options' table, for the command line of the record. */
export function recordedPower({ method, alpha, moves, blocks, particles }: PowerSettings): Settings {
  return { method, powerAlpha: alpha, ...(method === "power" ? { moves, blocks } : { particles }) };
}

const percent = (value: number): string => `${Math.round(100 * value)} %`;

/** How the draws went, in a sentence. */
export function powerNote(
  { method, alpha, particles }: PowerSettings,
  maxTokens: number,
  summary: Omit<PowerRecord, "promptId">,
): string {
  const { acceptance, blockAcceptance = [], leastEffectiveShare = 0, resamplings = 0 } = summary;
  return method === "power"
    ? `π^${alpha} by Metropolis–Hastings: ${percent(acceptance ?? 0)} of proposals accepted (${acceptedByLength(blockAcceptance, maxTokens)}).`
    : `π^${alpha} by ${particles} particles a response: least effective sample size ${percent(leastEffectiveShare)} of them, ${resamplings.toFixed(1)} resamplings.`;
}
