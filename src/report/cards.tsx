import type { VNode } from "preact";
import { highest, sampleSizes } from "../evaluate/largest-n.js";
import type { AdapterMetrics, Estimate, Metrics } from "../evaluate/metrics.js";
import { px, scaleOf } from "../page/chart/scale.js";
import { intervalInWords, inTable, methodName, NATS, PERCENT, type Unit } from "./format.js";

interface Kpi {
  readonly label: string;
  readonly estimate: Estimate;
  readonly unit: Unit;
  readonly strong?: boolean;
}

/** The row of key figures: accuracies on one common scale, or log-likelihoods where there are no labels. */
export function Cards({ metrics }: { readonly metrics: Metrics }): VNode {
  const kpis = metrics.labelled ? accuracyKpis(metrics) : likelihoodKpis(metrics);
  const scale = metrics.labelled ? ([0, 1] as const) : extent(kpis);
  return (
    <dl class="kpis">
      {kpis.map(({ label, estimate, unit, strong }) => (
        <div key={label} class={strong ? "kpi strong" : "kpi"}>
          <dt>{label}</dt>
          <dd>
            <span class="value">
              {inTable(estimate.value, unit)}
              <span class="unit">{unit.suffix}</span>
            </span>
            <IntervalBar estimate={estimate} scale={scale} />
            <span class="interval">{intervalInWords(estimate, unit)}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function accuracyKpis(metrics: Metrics): Kpi[] {
  const kpis: Kpi[] = [];
  const add = (label: string, estimate: Estimate | undefined, strong = false): void => {
    if (estimate) kpis.push({ label, estimate, unit: PERCENT, strong });
  };
  add("Greedy", metrics.greedy.accuracy);
  add("One sample", metrics.base.accuracy);
  const best = highest(metrics, (a) => a.accuracy);
  if (best) add(`Best of ${best.n}, ${best.reward}`, best.answer.accuracy);
  add("Adaptive N", metrics.adaptive?.accuracy);
  forAdapters(metrics, (name, a) => add(`${name}, one sample`, a.accuracy, true));
  const n = metrics.coverage && sampleSizes(metrics.coverage).at(-1);
  if (n !== undefined) add(`Ceiling: any of ${n}`, metrics.coverage?.[n]);
  return kpis;
}

function likelihoodKpis(metrics: Metrics): Kpi[] {
  const kpis: Kpi[] = [
    { label: "Greedy, log-likelihood", estimate: metrics.greedy.logLikelihood, unit: NATS },
    { label: "One sample", estimate: metrics.base.logLikelihood, unit: NATS },
  ];
  const best = highest(metrics, (a) => a.logLikelihood);
  if (best)
    kpis.push({
      label: `Best of ${best.n}, ${best.reward}`,
      estimate: best.answer.logLikelihood,
      unit: NATS,
    });
  forAdapters(metrics, (name, a) =>
    kpis.push({ label: `${name}, one sample`, estimate: a.logLikelihood, unit: NATS, strong: true }),
  );
  return kpis;
}

function forAdapters(metrics: Metrics, visit: (name: string, adapter: AdapterMetrics) => void): void {
  for (const [method, adapter] of Object.entries(metrics.adapters)) visit(methodName(method), adapter);
}

function extent(kpis: readonly Kpi[]): readonly [number, number] {
  const low = Math.min(...kpis.map((k) => k.estimate.low));
  const high = Math.max(...kpis.map((k) => k.estimate.high));
  return high > low ? [low, high] : [low - 1, low + 1];
}

const WIDTH = 140;

/** The interval on the row's common scale, with the value as a dot. */
function IntervalBar({
  estimate: { value, low, high },
  scale,
}: {
  readonly estimate: Estimate;
  readonly scale: readonly [number, number];
}): VNode {
  const x = scaleOf(scale, [5, WIDTH - 5]);
  return (
    <svg class="bar" viewBox={`0 0 ${WIDTH} 12`} width={WIDTH} height="12" aria-hidden="true">
      <line class="track" x1="5" x2={WIDTH - 5} y1="6" y2="6" />
      <line class="range" x1={px(x(low))} x2={px(x(high))} y1="6" y2="6" />
      <circle cx={px(x(value))} cy="6" r="4.5" />
    </svg>
  );
}
