import { isBase, type MethodWords } from "./collapse.js";
import { decimal, percent } from "./findings-words.js";
import { trainedInWords, type Estimate, type Metrics, type TiltMetrics } from "./metrics.js";

/** A point that rests on fewer responses a prompt is hardly more than their best one. */
const FEWEST_RESPONSES = 2;

type TiltInputs = Pick<Metrics, "tilt" | "labelled" | "base" | "adapters">;

/** What a tilted policy and an adapter are compared by: P(correct), or without labels the log-likelihood under the base. */
function compared({ labelled }: Pick<Metrics, "labelled">): {
  readonly pick: (of: { readonly accuracy?: Estimate; readonly logLikelihood: Estimate }) => number;
  readonly verb: string;
  readonly said: (value: number) => string;
} {
  return labelled
    ? { pick: ({ accuracy }) => accuracy?.value ?? NaN, verb: "is right on", said: percent }
    : {
        pick: ({ logLikelihood }) => logLikelihood.value,
        verb: "has a log-likelihood of",
        said: (value) => decimal(value, 2),
      };
}

/**
 * A curve's value at a distance from the base: linear between its points and the base itself, at 0; beyond its end, the end's.
 * @param kl in nats, at least 0. @param start the base's value.
 */
function tiltedAt(
  curve: readonly TiltMetrics[],
  kl: number,
  start: number,
  pick: (point: TiltMetrics) => number,
): number {
  let [from, value] = [0, start];
  for (const point of curve) {
    const to = point.kl.value;
    const next = pick(point);
    if (to >= kl) return to === from ? next : value + ((next - value) * (kl - from)) / (to - from);
    [from, value] = [to, next];
  }
  return value;
}

/** What the exact optimum of each reward would give with one sample, and how far each adapter stays behind it: target and fit. */
export function tiltFindings(metrics: TiltInputs, wordsOf: (method: string) => MethodWords): string[] {
  const { base, adapters } = metrics;
  const { pick, verb, said } = compared(metrics);
  const curves = Object.entries(metrics.tilt ?? {}).filter(([, curve]) =>
    curve.some((point) => !Number.isNaN(pick(point))),
  );
  if (curves.length === 0) return [];
  const best = curves.flatMap(([reward, curve]) => {
    const known = curve.filter(({ effectiveResponses }) => effectiveResponses >= FEWEST_RESPONSES);
    const top = known.reduce<TiltMetrics | undefined>((a, b) => (a && pick(a) >= pick(b) ? a : b), undefined);
    return top ? [`${said(pick(top))} by ${reward} (β = ${String(Number(top.beta.toPrecision(3)))})`] : [];
  });
  const target =
    best.length === 0
      ? []
      : [
          `What training on a reward could give: weighed from the base's draws, one sample of π·exp(r/β) ${verb} ${best.join(", ")}, each β ` +
            `picked after looking; one sample of the base ${verb} ${said(pick(base))}.`,
        ];
  const fit = Object.entries(adapters).flatMap(([name, adapter]) => {
    if (adapter.kl === undefined || isBase(adapter)) return [];
    const kl = Math.max(0, adapter.kl.value);
    const tilted = curves.map(([reward, curve]) => ({
      reward,
      value: tiltedAt(curve, kl, pick(base), pick),
    }));
    const each = tilted.map(({ reward, value }) => `${said(value)} by ${reward}`);
    const misses = tilted.some(({ value }) => value > pick(adapter));
    return [
      `One sample of the ${trainedInWords(wordsOf(name).name, adapter)}, ${decimal(kl, 2)} nats (KL) from the base, ${verb} ${said(pick(adapter))}; the base ` +
        `tilted as far ${verb} ${each.join(", ")}.${misses ? " The difference is what training misses." : ""}`,
    ];
  });
  return [...target, ...fit];
}
