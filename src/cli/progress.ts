import type { Progress } from "../sharpen/draw.js";
import { beginningOf, fitLine } from "../report/columns.js";
import { count, duration } from "../report/format.js";

/** Shows how far a command is; `stop` before printing anything else. */
export interface ProgressView {
  readonly update: (progress: Progress) => void;
  /** Whether `line` shows anything: at a terminal, unless `CI` is set or the terminal cannot go back in a line. */
  readonly live: boolean;
  /** Shows one line in place of the one before; asked for the text only when it is time for another. Gone after `stop`. */
  line(text: () => string): void;
  stop(): void;
}

/** The stage that is being shown. */
interface Stage {
  readonly name: string;
  readonly started: number;
  /** Done before this process did anything; a resumed stage begins with some. */
  readonly before: number;
  /** When the first piece was done, and how many then: what came before was compiling, which says nothing of the rate. */
  first: { readonly at: number; readonly done: number } | undefined;
}

function beginStage({ stage: name, done }: Progress): Stage {
  return { name, started: performance.now(), before: done, first: undefined };
}

function advance(stage: Stage, done: number): void {
  if (stage.first === undefined && done > stage.before) stage.first = { at: performance.now(), done };
}

const BAR_WIDTH = 28;
const NAME_WIDTH = 25;
const LINE_EVERY_MS = 5000;
/** Before this the rate is noise. */
const RATE_AFTER_SECONDS = 1;

/**
 * Progress on stderr: on a terminal a bar a stage, with rate and time left; elsewhere plain lines, at most one every five
 * seconds and one when a stage ends.
 */
export function showProgress(
  stream: NodeJS.WriteStream = process.stderr,
  env: NodeJS.ProcessEnv = process.env,
): ProgressView {
  if (!stream.isTTY) return { ...lines(stream), live: false, line: () => undefined };
  const single = liveLine(stream);
  const { update, stop } = bars(single);
  const both = (): void => {
    stop();
    single.clear();
  };
  const live = !env["CI"] && env["TERM"] !== "dumb";
  const line = (text: () => string): void => single.show((columns) => fitLine(text(), columns));
  return { update, live, line: live ? line : () => undefined, stop: both };
}

const REDRAW_EVERY_MS = 100;

/** One line at the cursor, without colours; a text is asked for with the columns that there are. */
interface LiveLine {
  /** Replaces the line, unless that was done a moment ago. */
  readonly show: (text: (columns: number) => string) => void;
  /** Replaces it for good: what follows is below. */
  readonly keep: (text: (columns: number) => string) => void;
  readonly clear: () => void;
}

function liveLine(stream: NodeJS.WriteStream): LiveLine {
  let shown = -Infinity;
  let there = false;
  const draw = (text: (columns: number) => string): void =>
    void stream.write(`\r${text((stream.columns || 80) - 1)}\u001B[K`);
  return {
    show: (text) => {
      const now = performance.now();
      if (now - shown < REDRAW_EVERY_MS) return;
      shown = now;
      there = true;
      draw(text);
    },
    keep: (text) => {
      draw(text);
      stream.write("\n");
      shown = -Infinity;
      there = false;
    },
    clear: () => {
      if (there) stream.write("\r\u001B[K");
      there = false;
    },
  };
}

/** What both ways of showing stages do. */
type Stages = Pick<ProgressView, "update" | "stop">;

function bars(single: LiveLine): Stages {
  let stage: Stage | undefined;
  let last: Pick<Progress, "done" | "total"> = { done: 0, total: 0 };
  const bar = (columns: number): string => beginningOf(barLine(stage!, last), columns);
  const stop = (): void => {
    if (stage) single.keep(bar);
    stage = undefined;
  };
  const update = (progress: Progress): void => {
    if (progress.stage !== stage?.name) {
      stop();
      stage = beginStage(progress);
    }
    last = progress;
    advance(stage, progress.done);
    if (progress.done >= progress.total) stop();
    else single.show(bar);
  };
  return { update, stop };
}

function lines(stream: NodeJS.WriteStream): Stages {
  let stage: Stage | undefined;
  let shown = 0;
  const update = (progress: Progress): void => {
    const { stage: name, done, total } = progress;
    const now = performance.now();
    if (name !== stage?.name) {
      stage = beginStage(progress);
      shown = now;
    }
    advance(stage, done);
    const ended = done >= total;
    if (!ended && now - shown < LINE_EVERY_MS) return;
    shown = now;
    const rest = ended ? tookWords(stage) : rateWords(stage, done, total);
    // A stage of one piece has no share worth telling.
    const far = total > 1 ? `${share(done, total)}, ${count(done)} of ${count(total)}` : "";
    stream.write(`${name}: ${[far, rest].filter((part) => part !== "").join(", ")}\n`);
    if (ended) stage = undefined;
  };
  return { update, stop: () => undefined };
}

function barLine(stage: Stage, { done, total }: Pick<Progress, "done" | "total">): string {
  const share01 = total === 0 ? 1 : Math.min(1, done / total);
  const filled = Math.round(share01 * BAR_WIDTH);
  const bar = "█".repeat(filled) + "░".repeat(BAR_WIDTH - filled);
  const rest = done >= total ? tookWords(stage) : rateWords(stage, done, total);
  if (total <= 1) return `${stage.name.padEnd(NAME_WIDTH)} ${rest || "…"}`;
  const counts = `${count(done)}/${count(total)}`;
  return `${stage.name.padEnd(NAME_WIDTH)} ${bar} ${share(done, total).padStart(5)}  ${counts}  ${rest}`;
}

function share(done: number, total: number): string {
  return `${total === 0 ? 100 : Math.floor((100 * done) / total)} %`;
}

/** "412/s, 12 s left"; empty while too little is known. */
function rateWords({ first }: Stage, done: number, total: number): string {
  if (first === undefined) return "";
  const seconds = (performance.now() - first.at) / 1000;
  if (seconds < RATE_AFTER_SECONDS || done <= first.done) return "";
  const rate = (done - first.done) / seconds;
  const shown = rate >= 10 ? count(rate) : rate.toFixed(1);
  return `${shown}/s, ${plain(duration((total - done) / rate))} left`;
}

function tookWords({ started }: Stage): string {
  return plain(duration((performance.now() - started) / 1000));
}

/** Terminals show a non-breaking space as anything. */
function plain(words: string): string {
  return words.replaceAll("\u00a0", " ");
}
