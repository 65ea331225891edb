import type { VNode } from "preact";
import { renderToString } from "preact-render-to-string";
import { visibleText } from "../core/visible-text.js";
import type {
  AdapterMetrics,
  EpochMetrics,
  Estimate,
  JudgedObjective,
  Metrics,
} from "../evaluate/metrics.js";
import type { Axis } from "../page/chart/axes.js";
import { LineChart, type LineSeries } from "../page/chart/line-chart.js";
import { Legend } from "../page/chart/marks.js";
import { domainAround } from "../page/chart/scale.js";
import { Figure } from "../page/figure.js";
import { seriesStyle } from "../page/palette.js";
import type { Method, MethodPage } from "../sharpen/methods/method.js";
import { partsOf } from "../sharpen/methods/registry.js";
import { valuesOf } from "./axis-of-n.js";
import { fixed, inWords, list, methodName, NATS, PERCENT } from "./format.js";

const TRAIN = seriesStyle(6);
const VALIDATION = seriesStyle(0);

/** How a method's training is spoken of; one that is not registered, as supervised training anywhere. */
export function wordingOf(name: string): Pick<MethodPage, "losses" | "kept"> & Pick<Method, "iterate"> {
  const parts = partsOf(name);
  if (parts) return { ...parts.method.page, iterate: parts.method.iterate };
  return { losses: "Loss", kept: "the lowest validation loss", iterate: "epoch" };
}

/** Why an iterate is kept by `objective`; see `keptEpoch`. */
const HIGHEST_OBJECTIVE =
  "the highest J_β = E[r] − β·KL on the validation prompts of those that are above the base by a standard error and show no sign of collapse";

/** A quantity of held-out prompts that every method has alike. */
interface Quantity {
  readonly title: string;
  readonly pick: (epoch: EpochMetrics) => Estimate | undefined;
  readonly scale: number;
}

/** What is drawn of a method's training; while it goes on, no iterate is kept yet. */
type Curve = Pick<AdapterMetrics, "epochs"> & Partial<Pick<AdapterMetrics, "keptEpoch">>;
type Curves = readonly (readonly [method: string, curve: Curve])[];
type Trained = readonly (readonly [method: string, adapter: AdapterMetrics])[];

/** Every adapter's training in one figure: what all have alike with the methods laid over each other, and each one's own losses. */
export function trainingFigure({ adapters, temperature }: Metrics): VNode | undefined {
  const trained = Object.entries(adapters).filter(([, { epochs }]) => epochs.length > 0);
  if (trained.length === 0) return undefined;
  return (
    <Figure
      id="figure-training"
      title="Training, iterate by iterate"
      message={trained.map(([method, adapter]) => trainingMessage(method, adapter)).join(" ")}
      note={`${beginnings(trained)} The ring is the one that was kept: ${keptNotes(trained)}. What is sampled is sampled from the iterate on held-out prompts. Values stand where one points, their 95\u00a0% intervals with them.`}
      whole
      quiet
      table={`figure-training-${trained[0]![0]}-table`}
    >
      <CurvePanels curves={trained} temperature={temperature} />
    </Figure>
  );
}

/** The training of methods that are being trained, as far as it has come, as markup; undefined where nothing has been measured. */
export function trainingFragment(curves: Curves, temperature: number): string | undefined {
  const begun = curves.filter(([, { epochs }]) => epochs.length > 0);
  if (begun.length === 0) return undefined;
  const panels = <CurvePanels curves={begun} temperature={temperature} />;
  return visibleText(renderToString(panels));
}

/** What all methods have alike laid over each other, and each one's own losses. */
function CurvePanels({
  curves,
  temperature,
}: {
  readonly curves: Curves;
  readonly temperature: number;
}): VNode {
  const samples = curves[0]![1].epochs.find((e) => e.samples !== undefined)?.samples;
  const quantities: readonly Quantity[] = [
    { title: `Accuracy at temperature ${temperature}, %`, pick: (e) => e.accuracy, scale: 100 },
    { title: "Mean log-likelihood under the base, nats", pick: (e) => e.logLikelihood, scale: 1 },
    { title: `Coverage at N\u00a0=\u00a0${samples ?? "?"}, %`, pick: (e) => e.coverage, scale: 100 },
    { title: "Entropy, nats", pick: (e) => e.entropy, scale: 1 },
    { title: "KL to the base, nats", pick: (e) => e.kl, scale: 1 },
    { title: "Response length, tokens", pick: (e) => e.length, scale: 1 },
    { title: "Repeated trigrams, %", pick: (e) => e.repetition, scale: 100 },
  ];
  return (
    <>
      {curves.length > 1 && (
        <Legend
          always
          series={curves.map(([method], at) => ({ name: methodName(method), style: seriesStyle(at) }))}
        />
      )}
      <div class="panels">
        {quantities.map((quantity) => (
          <Panel key={quantity.title} title={quantity.title} series={heldOut(curves, quantity)} />
        ))}
        <Panel title="J_β on validation prompts" series={objectives(curves)} />
        {curves.map(([method, { epochs, keptEpoch }]) => (
          <Panel
            key={method}
            title={`${methodName(method)}: ${wordingOf(method).losses}`}
            series={lossSeries(epochs).map((series) => withRing(series, keptEpoch))}
            named
          />
        ))}
      </div>
    </>
  );
}

/** What iterate 0 is. */
function beginnings(trained: Trained): string {
  const begun = trained.flatMap(([method, { start }]) =>
    start === undefined ? [] : [`of ${methodName(method)} it is the ${methodName(start)} adapter`],
  );
  return `Iterate 0 is the untouched base${begun.length > 0 ? `; ${list(begun)}, where its training began` : ""}.`;
}

function keptNotes(trained: Trained): string {
  return list(
    trained.map(([method, { keep }]) =>
      keep === "last"
        ? `of ${methodName(method)} the last, as was asked`
        : `of ${methodName(method)} the one with ${keep === "objective" ? HIGHEST_OBJECTIVE : wordingOf(method).kept}, which needs no labels`,
    ),
  );
}

const withRing = (series: LineSeries, kept: number | undefined): LineSeries => ({
  ...series,
  points: series.points.map((point) => (point.x === kept ? { ...point, ring: true } : point)),
});

function heldOut(trained: Curves, { pick, scale }: Quantity): LineSeries[] {
  return trained.flatMap(([method, { epochs, keptEpoch }], at) => {
    const points = epochs.flatMap((e) => {
      const estimate = pick(e);
      if (estimate === undefined) return [];
      const { value, low, high } = estimate;
      return [{ x: e.epoch, value: value * scale, low: low * scale, high: high * scale }];
    });
    // Bands of several lie on each other, and hide what they are of.
    const series = { name: methodName(method), style: seriesStyle(at), band: trained.length === 1, points };
    return points.length === 0 ? [] : [withRing(series, keptEpoch)];
  });
}

function objectives(trained: Curves): LineSeries[] {
  return trained.flatMap(([method, { epochs, keptEpoch }], at) => {
    const points = epochs.flatMap((e) => (e.objective ? [objectivePoint(e.epoch, e.objective)] : []));
    const series = { name: methodName(method), style: seriesStyle(at), band: false, points };
    return points.length === 0 ? [] : [withRing(series, keptEpoch)];
  });
}

/** J_β, with the standard error of its gain over the base to either side where it is known. */
function objectivePoint(x: number, { value, error }: JudgedObjective): LineSeries["points"][number] {
  return error === undefined ? { x, value } : { x, value, low: value - error, high: value + error };
}

function lossSeries(epochs: readonly EpochMetrics[]): LineSeries[] {
  const train = epochs.flatMap((e) =>
    e.trainLoss === undefined ? [] : [{ x: e.epoch, value: e.trainLoss }],
  );
  const training: LineSeries = { name: "training", style: TRAIN, band: false, points: train };
  // Where the iterates are judged by J_β, the validation loss is no loss of the same kind.
  if (epochs.some((e) => e.objective && e.validationLoss === -e.objective.value))
    return train.length === 0 ? [] : [training];
  const validation = epochs.map((e) => ({ x: e.epoch, value: e.validationLoss }));
  return [training, { name: "validation", style: VALIDATION, band: false, points: validation }];
}

function Panel({
  title,
  series,
  named = false,
}: {
  readonly title: string;
  readonly series: readonly LineSeries[];
  /** Whether the lines are not those of the figure's legend. */
  readonly named?: boolean;
}): VNode | null {
  if (series.length === 0) return null;
  const last = Math.max(1, ...series.flatMap(({ points }) => points.map(({ x }) => x)));
  return (
    <div class="panel">
      <p class="panel-title">{title}</p>
      <LineChart
        {...{ width: 300, height: 190, series, xName: "iterate", labels: false }}
        x={{ ...epochAxis(last), label: "Epoch or round" }}
        y={{ domain: domainAround(valuesOf(series)) }}
        write={(value) => fixed(value, Math.abs(value) < 10 ? 2 : 1)}
      />
      {named && series.length > 1 && <Legend always series={series} />}
    </div>
  );
}

/** The axis of what is drawn against epochs: ticks at whole ones, at most seven of them. */
export function epochAxis(last: number): Pick<Axis, "domain" | "ticks"> {
  const step = [1, 2, 5, 10, 20, 50, 100].find((s) => last / s <= 6) ?? Math.ceil(last / 6);
  return {
    domain: [0, Math.max(1, last)],
    ticks: Array.from({ length: Math.floor(last / step) + 1 }, (_, i) => i * step),
  };
}

function trainingMessage(method: string, { epochs, keptEpoch }: AdapterMetrics): string {
  const name = wordingOf(method).iterate === "round" ? "round" : "epoch";
  const first = epochs[0];
  const kept = epochs.find((e) => e.epoch === keptEpoch);
  const last = epochs.at(-1);
  if (first === undefined || kept === undefined || last === undefined)
    return `${methodName(method)}: ${name} ${keptEpoch} was kept.`;
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
  return `${methodName(method)}: ${name} ${keptEpoch} of ${last.epoch} was kept; from the base to it: ${list(parts)}.`;
}
