import * as Plot from "@observablehq/plot";
import type { AdapterMetrics, EpochMetrics, Estimate } from "../evaluate/metrics.js";
import type { Method, MethodPage } from "../sharpen/methods/method.js";
import { registered } from "../sharpen/methods/registry.js";
import { domainOf, figure, lineMarks, svg, type ChartSeries, type Mark } from "./chart.js";
import { fixed, inWords, list, methodName, NATS, PERCENT } from "./format.js";
import { html, type Html } from "./html.js";
import { seriesStyle } from "../page/palette.js";

const TRAIN = seriesStyle(6);
const VALIDATION = seriesStyle(0);

/** How a method's training is spoken of; one that is not registered, as supervised training anywhere. */
export function wordingOf(name: string): Pick<MethodPage, "losses" | "kept"> & Pick<Method, "iterate"> {
  const method = registered(name);
  if (method) return { ...method.page, iterate: method.iterate };
  return { losses: "Loss", kept: "the lowest validation loss", iterate: "epoch" };
}

/** Why an iterate is kept by `objective`; see `keptEpoch`. */
const HIGHEST_OBJECTIVE =
  "the highest J_β = E[r] − β·KL on the validation prompts of those that are above the base by a standard error and show no sign of collapse";

/** An adapter's training: loss, what the held-out prompts say at each iterate, and the guards, with the kept one marked. */
export function trainingFigure(
  method: string,
  adapter: AdapterMetrics,
  temperature: number,
): Html | undefined {
  const { epochs, keptEpoch } = adapter;
  if (epochs.length === 0) return undefined;
  const { iterate: unit, losses, kept: reason } = wordingOf(method);
  const kept =
    adapter.keep === "last"
      ? "is the last, as was asked"
      : `has ${adapter.keep === "objective" ? HIGHEST_OBJECTIVE : reason}, which needs no labels`;
  const samples = epochs.find((e) => e.samples !== undefined)?.samples;
  const of = (title: string, series: readonly ChartSeries[]): Html | undefined =>
    panel(title, series, epochs, keptEpoch, unit);
  const guard = (
    title: string,
    pick: (e: EpochMetrics) => Estimate | undefined,
    scale = 1,
  ): Html | undefined => of(title, heldOut(epochs, pick, scale, 5));
  const panels = [
    of(losses, lossSeries(epochs)),
    of("J_β on validation prompts", objectiveSeries(epochs)),
    of(
      `Accuracy at temperature ${temperature}, %`,
      heldOut(epochs, (e) => e.accuracy, 100, 2),
    ),
    of(
      "Mean log-likelihood under the base, nats",
      heldOut(epochs, (e) => e.logLikelihood, 1, 3),
    ),
    of(
      `Coverage at N\u00a0=\u00a0${samples ?? "?"}, %`,
      heldOut(epochs, (e) => e.coverage, 100, 4),
    ),
    guard("Entropy, nats", (e) => e.entropy),
    guard("KL to the base, nats", (e) => e.kl),
    guard("Response length, tokens", (e) => e.length),
    guard("Repeated trigrams, %", (e) => e.repetition, 100),
  ];
  return figure(
    {
      id: `figure-training-${method}`,
      title: `${methodName(method)}: training, ${unit} by ${unit}`,
      message: trainingMessage(epochs, keptEpoch, unit),
      note: `${unit === "round" ? "Round" : "Epoch"} 0 is ${adapter.start === undefined ? "the untouched base" : `the ${adapter.start} adapter`}. The kept ${unit} (vertical line) ${kept}. What is sampled is sampled from the iterate on held-out prompts after each ${unit}; a step would cost less than its sampling. Bands are 95\u00a0% intervals.`,
    },
    html`<div class="panels">${panels}</div>`,
  );
}

function objectiveSeries(epochs: readonly EpochMetrics[]): ChartSeries[] {
  const points = epochs.flatMap((e) => (e.objective ? [{ x: e.epoch, value: e.objective.value }] : []));
  return points.length === 0 ? [] : [{ name: "", style: VALIDATION, band: false, points }];
}

function lossSeries(epochs: readonly EpochMetrics[]): ChartSeries[] {
  const train = epochs.flatMap((e) =>
    e.trainLoss === undefined ? [] : [{ x: e.epoch, value: e.trainLoss }],
  );
  const training: ChartSeries = { name: "training", style: TRAIN, band: false, points: train };
  // Where the iterates are judged by J_β, the validation loss is no loss of the same kind.
  if (epochs.some((e) => e.objective && e.validationLoss === -e.objective.value))
    return train.length === 0 ? [] : [training];
  const validation = epochs.map((e) => ({ x: e.epoch, value: e.validationLoss }));
  return [training, { name: "validation", style: VALIDATION, band: false, points: validation }];
}

function heldOut(
  epochs: readonly EpochMetrics[],
  pick: (epoch: EpochMetrics) => Estimate | undefined,
  scale: number,
  style: number,
): ChartSeries[] {
  const points = epochs.flatMap((e) => {
    const estimate = pick(e);
    if (estimate === undefined) return [];
    return [
      { x: e.epoch, value: estimate.value * scale, low: estimate.low * scale, high: estimate.high * scale },
    ];
  });
  return points.length === 0 ? [] : [{ name: "", style: seriesStyle(style), band: true, points }];
}

function panel(
  title: string,
  series: readonly ChartSeries[],
  epochs: readonly EpochMetrics[],
  kept: number,
  unit: "epoch" | "round",
): Html | undefined {
  if (series.length === 0) return undefined;
  const last = Math.max(1, ...epochs.map((e) => e.epoch));
  const named = series.some((s) => s.name !== "");
  const tight = domainOf(series, []);
  // Room below for the name of the lower line.
  const domain = named ? ([tight[0] - 0.14 * (tight[1] - tight[0]), tight[1]] as const) : tight;
  const right = kept > last * 0.7;
  return html`<div class="panel">
    <p class="panel-title">${title}</p>
    ${svg({
      width: 330,
      height: 200,
      marginTop: 14,
      marginBottom: 40,
      marginLeft: 46,
      marginRight: 14,
      x: {
        domain: [0, last],
        ticks: epochTicks(last),
        tickFormat: (e: number) => String(e),
        label: unit === "round" ? "Round" : "Epoch",
        labelAnchor: "center",
        labelArrow: "none",
      },
      y: { domain: [...domain], grid: true, label: null, ticks: 5 },
      marks: [
        Plot.ruleX([kept], {
          stroke: "var(--text)",
          strokeWidth: 1.25,
          strokeDasharray: "1 3",
          strokeLinecap: "round",
        }),
        ...series.flatMap(lineMarks),
        ...nameMarks(series),
        Plot.text(["kept"], {
          x: () => kept,
          y: () => domain[1],
          dx: right ? -5 : 5,
          dy: 7,
          textAnchor: right ? "end" : "start",
          fill: "var(--text)",
          stroke: "var(--page)",
          strokeWidth: 4,
        }),
      ],
    })}
  </div>`;
}

/** The names of two or more lines at their right ends: above the upper line, below the others. */
function nameMarks(series: readonly ChartSeries[]): Mark[] {
  const ends = series.flatMap(({ name, style, points }) => {
    const end = points.at(-1);
    return end === undefined || name === "" ? [] : [{ name, colour: style.colour, ...end }];
  });
  const top = Math.max(...ends.map((end) => end.value));
  return ends.map((end) =>
    Plot.text([end.name], {
      x: () => end.x,
      y: () => end.value,
      dx: 4,
      dy: end.value === top ? -13 : 14,
      textAnchor: "end",
      fill: end.colour,
      fontWeight: 600,
      stroke: "var(--page)",
      strokeWidth: 4,
    }),
  );
}

/** Whole epochs, at most seven of them. */
function epochTicks(last: number): number[] {
  const step = [1, 2, 5, 10, 20, 50, 100].find((s) => last / s <= 6) ?? Math.ceil(last / 6);
  return Array.from({ length: Math.floor(last / step) + 1 }, (_, i) => i * step);
}

function trainingMessage(
  epochs: readonly EpochMetrics[],
  keptEpoch: number,
  unit: "epoch" | "round",
): string {
  const name = unit === "round" ? "Round" : "Epoch";
  const first = epochs[0];
  const kept = epochs.find((e) => e.epoch === keptEpoch);
  const last = epochs.at(-1);
  if (first === undefined || kept === undefined || last === undefined)
    return `${name} ${keptEpoch} was kept.`;
  const change = (name: string, pick: (e: EpochMetrics) => string | undefined): string[] => {
    const [a, b, c] = [pick(first), pick(kept), pick(last)];
    if (a === undefined || b === undefined || c === undefined) return [];
    const end = last === kept ? "" : ` (at the last, ${c})`;
    return [first === kept ? `${name} ${a}${end}` : `${name} from ${a} to ${b}${end}`];
  };
  const parts = [
    ...change("validation loss", (e) => (e.objective ? undefined : fixed(e.validationLoss, 3))),
    ...change("J_β", (e) => e.objective && fixed(e.objective.value, 3)),
    ...change("accuracy", (e) => e.accuracy && inWords(e.accuracy.value, PERCENT)),
    ...change("log-likelihood", (e) => e.logLikelihood && inWords(e.logLikelihood.value, NATS)),
    ...change("coverage", (e) => e.coverage && inWords(e.coverage.value, PERCENT)),
    ...change("entropy", (e) => e.entropy && inWords(e.entropy.value, NATS)),
  ];
  return `${name} ${keptEpoch} of ${last.epoch} was kept; from the base to it: ${list(parts)}.`;
}
