import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { WhetstoneError } from "../core/errors.js";
import { isFile } from "../core/files.js";
import { highest } from "../evaluate/largest-n.js";
import type { Estimate, Metrics } from "../evaluate/metrics.js";
import type { RunLine, RunList } from "../page/view/told.js";
import { inWords, methodName, NATS, PERCENT } from "../report/format.js";
import { readRun, type RunReader } from "../run/read-run.js";
import { readMetrics } from "../sharpen/run-metrics.js";
import { measuredAt, stampOf, stateOf } from "./run-state.js";
import { RunView, type Progress } from "./run-view.js";
import { isSuite, suiteMarkup } from "./suites.js";
import type { TaskOf } from "./task-at-hand.js";

/** How deep below the folder runs are looked for: those of suites lie at suite/model/task/seed. */
const DEPTH = 4;
/** Runs that are kept open at once; of each, where every response lies. */
const KEPT = 6;
/** The list's only run, where the folder is a run's own. */
const ITSELF = ".";
const MANIFEST = "manifest.json";

/** The runs in a folder, those that somebody looks at kept open. */
export class RunsFolder {
  /** The least recently asked for first. */
  private readonly views = new Map<string, RunView>();
  private readonly figures = new Map<
    string,
    { readonly measured: string; readonly words: readonly string[] }
  >();
  private readonly progress = new Map<string, { readonly stamp: string; readonly progress: Progress }>();

  constructor(
    readonly folder: string,
    private readonly taskOf: TaskOf,
  ) {}

  /** The runs that there are, the newest first. */
  async list(): Promise<RunList> {
    const runs: RunLine[] = [];
    const unread: { readonly id: string; readonly reason: string }[] = [];
    const { ids, suites } = this.found();
    for (const id of ids) {
      try {
        runs.push(await this.line(id, readRun(this.dirOf(id))));
      } catch (error) {
        if (!(error instanceof WhetstoneError)) throw error;
        unread.push({ id, reason: error.message });
      }
    }
    return {
      folder: this.folder,
      runs: runs.sort((a, b) => b.createdAt.localeCompare(a.createdAt)),
      suites,
      unread,
    };
  }

  private dirOf(id: string): string {
    return id === ITSELF ? this.folder : join(this.folder, id);
  }

  /** Where there is a manifest, and where a suite's result. */
  private found(): { readonly ids: readonly string[]; readonly suites: readonly string[] } {
    const [ids, suites]: [string[], string[]] = [[], []];
    const look = (dir: string, depth: number): void => {
      const id = relative(this.folder, dir).replaceAll("\\", "/") || ITSELF;
      if (isFile(join(dir, MANIFEST))) {
        ids.push(id);
        return;
      }
      if (isSuite(dir)) suites.push(id);
      if (depth === 0) return;
      for (const name of foldersIn(dir)) look(join(dir, name), depth - 1);
    };
    look(this.folder, DEPTH);
    return { ids, suites };
  }

  /** A suite of the list, as markup; undefined where there is none of that name. @throws DataError for one that cannot be shown. */
  suite(id: string): string | undefined {
    const dir = this.placeOf(id);
    if (dir === undefined || isFile(join(dir, MANIFEST)) || !isSuite(dir)) return undefined;
    return suiteMarkup(dir, id, (run) => this.has(run));
  }

  /** Whether a run of the list has that name. */
  private has(id: string): boolean {
    const dir = this.placeOf(id);
    return dir !== undefined && isFile(join(dir, MANIFEST));
  }

  /** The folder of a name, which the list may have: one in no run, by the folders on its way alone. */
  private placeOf(id: string): string | undefined {
    const parts = id === ITSELF ? [] : id.split("/");
    if (parts.length > DEPTH) return undefined;
    let dir = this.folder;
    for (const part of parts) {
      if (isFile(join(dir, MANIFEST)) || !foldersIn(dir).includes(part)) return undefined;
      dir = join(dir, part);
    }
    return dir;
  }

  private async line(id: string, run: RunReader): Promise<RunLine> {
    const { task, model, drawing, createdAt } = run.manifest;
    let progress: Progress | undefined;
    const state = await stateOf(run, async () => {
      progress = await this.progressOf(id, run);
      return progress.whole;
    });
    return {
      ...{ id, task: task.name, model: model.name, n: drawing.n, createdAt, state },
      ...(progress && progress.drawn < progress.asked && { drawn: progress.drawn, asked: progress.asked }),
      figures: this.figuresOf(id, run),
    };
  }

  /** Read again only where the run's files are others than before, so that a list keeps no run open that nobody looks at. */
  private async progressOf(id: string, run: RunReader): Promise<Progress> {
    const stamp = ["prompts.jsonl", "responses.jsonl"].map((name) => stampOf(join(run.dir, name))).join();
    const known = this.progress.get(id);
    if (known?.stamp === stamp) return known.progress;
    const view = this.opened(id, run);
    const progress = await view.turn(() => Promise.resolve(view.progress));
    this.progress.set(id, { stamp, progress });
    return progress;
  }

  private figuresOf(id: string, run: RunReader): readonly string[] {
    const measured = measuredAt(run);
    if (measured === undefined) return [];
    const known = this.figures.get(id);
    if (known?.measured === measured) return known.words;
    const metrics = readMetrics(run);
    const words = metrics ? figuresInWords(metrics) : [];
    this.figures.set(id, { measured, words });
    return words;
  }

  /** A run that is in the list, open; undefined where there is none of that name. */
  async view(id: string): Promise<RunView | undefined> {
    if (!this.has(id)) {
      await this.letGo(id);
      return undefined;
    }
    return this.opened(id, readRun(this.dirOf(id)));
  }

  private opened(id: string, run: RunReader): RunView {
    const known = this.views.get(id);
    const same = known && JSON.stringify(known.run.manifest) === JSON.stringify(run.manifest);
    const view = same ? known : new RunView(run, this.taskOf);
    if (known && !same) void known.leave();
    this.views.delete(id);
    this.views.set(id, view);
    for (const [other] of [...this.views].slice(0, -KEPT)) void this.letGo(other);
    return view;
  }

  private async letGo(id: string): Promise<void> {
    const view = this.views.get(id);
    this.views.delete(id);
    await view?.leave();
  }

  /** Lets go of all files. */
  async close(): Promise<void> {
    await Promise.all([...this.views.keys()].map((id) => this.letGo(id)));
  }
}

function foldersIn(dir: string): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules")
      .map(({ name }) => name);
  } catch {
    // Not there, or not ours to read: no run to be seen.
    return [];
  }
}

/** What a run has found, in a few words. */
function figuresInWords(metrics: Metrics): string[] {
  const { labelled, greedy, base, adapters } = metrics;
  const pick = (its: { readonly accuracy?: Estimate; readonly logLikelihood: Estimate }) =>
    labelled ? its.accuracy : its.logLikelihood;
  const unit = labelled ? PERCENT : NATS;
  const best = highest(metrics, pick);
  const named = [
    ["greedy", pick(greedy)],
    ["one sample", pick(base)],
    ...(best ? ([[`best of ${best.n}, ${best.reward}`, pick(best.answer)]] as const) : []),
    ...Object.entries(adapters).map(([name, its]) => [methodName(name), pick(its)] as const),
  ] as const;
  return named.flatMap(([name, estimate]) => (estimate ? [`${name} ${inWords(estimate.value, unit)}`] : []));
}
