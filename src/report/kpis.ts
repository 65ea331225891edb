import { highest, sampleSizes } from "../evaluate/largest-n.js";
import type { AdapterMetrics, Estimate, Metrics } from "../evaluate/metrics.js";
import { fixed, intervalInWords, inTable, methodName, NATS, PERCENT, type Unit } from "./format.js";
import { html, type Html } from "./html.js";

interface Kpi {
  readonly label: string;
  readonly estimate: Estimate;
  readonly unit: Unit;
  readonly strong?: boolean;
}

/** The row of key figures: accuracies on one common scale, or log-likelihoods where there are no labels. */
export function kpiRow(metrics: Metrics): Html {
  const kpis = metrics.labelled ? accuracyKpis(metrics) : likelihoodKpis(metrics);
  const scale = metrics.labelled ? ([0, 1] as const) : extent(kpis);
  return html`<dl class="kpis">
    ${kpis.map(
      (kpi) =>
        html`<div class="kpi${kpi.strong === true && " strong"}">
          <dt>${kpi.label}</dt>
          <dd>
            <span class="value"
              >${inTable(kpi.estimate.value, kpi.unit)}<span class="unit">${kpi.unit.suffix}</span></span
            >
            ${intervalBar(kpi.estimate, scale)}
            <span class="interval">95 %: ${intervalInWords(kpi.estimate, kpi.unit)}</span>
          </dd>
        </div>`,
    )}
  </dl>`;
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
  add("Adaptive best-of-N", metrics.adaptive?.accuracy);
  forAdapters(metrics, (name, a) => add(`${name} adapter, one sample`, a.accuracy, true));
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
    kpis.push({ label: `${name} adapter, one sample`, estimate: a.logLikelihood, unit: NATS, strong: true }),
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

const WIDTH = 160;

/** The interval on the row's common scale, with the value as a dot. */
function intervalBar({ value, low, high }: Estimate, [from, to]: readonly [number, number]): Html {
  const x = (v: number): string =>
    fixed(5 + ((v - from) / (to - from)) * (WIDTH - 10), 1).replace("\u2212", "-");
  return html`<svg
    class="bar"
    viewBox="0 0 ${WIDTH} 12"
    width="${WIDTH}"
    height="12"
    aria-hidden="true"
    focusable="false"
  >
    <line class="track" x1="5" x2="${WIDTH - 5}" y1="6" y2="6" />
    <line class="range" x1="${x(low)}" x2="${x(high)}" y1="6" y2="6" />
    <circle cx="${x(value)}" cy="6" r="4.5" />
  </svg>`;
}
