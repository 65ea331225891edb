import { InterruptedError } from "../../core/errors.js";
import { isAsync, type Source } from "../../core/source.js";
import type { ModelConfig } from "../families/config.js";
import { Arrivals } from "./arrivals.js";
import { Batch, type SamplerSessions } from "./batch.js";
import { chooseLayout, widestFor, widestGroup, type Lookahead } from "./batch-layout.js";
import type { Draw, DrawOptions, DrawRequest } from "./draw-request.js";
import { grown } from "./growth.js";
import { rowsThatFit } from "./rows-that-fit.js";
import { Schedule } from "./schedule.js";

/** Rows decoded at once where nothing else is said. */
const ROWS = 64;
/** Steps between two layouts of a batch whose requests come in time, unless it doubles: moving costs as much as a step or two. */
const CALM_STEPS = 8;

/**
 * Continuous batching over prompts: g groups of r rows; a group's rows share its prompt's keys and values. A row that has finished
 * takes the next request of the same prompt, a group whose rows have all finished takes the next prompt; when there is none, the
 * batch shrinks with the rows that are left. Requests may come in time: a new one enters at the next step, for which the batch
 * grows again where it has to, and while there is none at all it holds no buffer. What is drawn depends on (seed, prompt key,
 * index) alone, to the bit, never on what else is in the batch, with one exception: where a model has as many key heads as heads,
 * prompts that are all asked for their first response alone (before anything is drawn) are drawn in groups of one row, whose
 * products round otherwise; requests that come in time never are.
 * @throws InterruptedError when the options' signal fires.
 */
export async function* draw<T>(
  sessions: SamplerSessions,
  config: ModelConfig,
  requests: Source<DrawRequest<T>>,
  options: DrawOptions<T>,
): AsyncGenerator<Draw<T>> {
  try {
    yield* isAsync(requests)
      ? drawArrivals(sessions, config, requests, options)
      : drawGiven(sessions, config, requests, options);
  } catch (error) {
    if (options.signal?.aborted) throw new InterruptedError("Sampling was stopped.", { cause: error });
    throw error;
  }
}

async function* drawGiven<T>(
  sessions: SamplerSessions,
  config: ModelConfig,
  requests: Iterable<DrawRequest<T>>,
  options: DrawOptions<T>,
): AsyncGenerator<Draw<T>> {
  const schedule = new Schedule(requests);
  let batch: Batch<T> | undefined;
  try {
    const { rowsPerGroup: widest, abandon, greedy: single, signal } = options;
    const rows = fitting(config, schedule, options, abandon !== undefined);
    // As for requests that come in time: of one row, heads that share keys make several.
    const least = config.heads === config.kvHeads ? 2 : 1;
    const layout = chooseLayout(schedule, { rows, widest, canDrop: abandon !== undefined, single, least });
    if (!layout) return;
    schedule.open(layout.groups);
    batch = new Batch<T>(sessions, config, layout, options);
    while (await batch.admit(schedule)) {
      signal?.throwIfAborted();
      if (schedule.isExhausted) await batch.shrink();
      yield* await batch.step();
    }
  } finally {
    schedule.close();
    await batch?.dispose();
  }
}

/** How many rows are decoded at once: those asked for, as far as memory holds their caches. */
function fitting<T>(
  config: ModelConfig,
  requests: Lookahead,
  { rows = ROWS, rowsPerGroup, bytes, maxTokens, kvCache }: DrawOptions<T>,
  canDrop: boolean,
): number {
  if (bytes === undefined) return rows;
  const { run, length: prompt } = requests.look(rows);
  const sharing = Math.max(1, Math.min(run, rowsPerGroup ?? widestFor(requests, rows, canDrop)));
  return rowsThatFit(config, rows, { prompt, sharing, response: maxTokens, kvCache }, bytes());
}

async function* drawArrivals<T>(
  sessions: SamplerSessions,
  config: ModelConfig,
  requests: AsyncIterable<DrawRequest<T>>,
  options: DrawOptions<T>,
): AsyncGenerator<Draw<T>> {
  const { rows: most = ROWS, rowsPerGroup: widest, abandon, lone, signal } = options;
  // A product of one row rounds otherwise, where the heads of one key head do not make several.
  const arrivals = new Arrivals<T>(requests, config.heads === config.kvHeads, ({ tag, settings }) =>
    (settings?.dropped ?? options.dropped)?.(tag),
  );
  let batch: Batch<T> | undefined;
  try {
    while (await arrivals.wait(signal)) {
      await arrivals.gather(most);
      const canDrop = abandon !== undefined || arrivals.canDrop;
      const maxTokens = arrivals.mostTokens(most, options.maxTokens);
      // What is kept of two responses a row: of the one that is gone on from, and of the one that may come in its place.
      const held = arrivals.replays ? 3 : 1;
      const rows = fitting(config, arrivals, { ...options, maxTokens: held * maxTokens }, canDrop);
      const layout = chooseLayout(arrivals, { rows, widest, canDrop, lone });
      if (!layout) continue;
      batch = new Batch<T>(sessions, config, layout, options, options.bytes && options.bytes() / 2);
      const room = new Room(batch, arrivals, {
        rows,
        least: config.heads === config.kvHeads ? 2 : 1,
        widest: widest ?? widestGroup(Infinity, canDrop),
      });
      while (await room.admit()) {
        signal?.throwIfAborted();
        yield* await batch.step();
      }
      await batch.dispose();
      batch = undefined;
    }
  } finally {
    arrivals.close();
    await batch?.dispose();
  }
}

/** Makes room in a batch as requests come, and gives it back. */
class Room<T> {
  /** Steps since the batch was laid out. */
  private calm = 0;

  constructor(
    private readonly batch: Batch<T>,
    private readonly arrivals: Arrivals<T>,
    private readonly options: { readonly rows: number; readonly least: number; readonly widest: number },
  ) {}

  /** Takes in what has come. @returns whether any row is at work. */
  async admit(): Promise<boolean> {
    const { batch, arrivals } = this;
    this.calm++;
    await arrivals.gather(this.options.rows - batch.atWork);
    const working = await this.deal();
    if (!working) return false;
    const { layout } = batch;
    if (arrivals.size > 0) {
      const next = grown(layout, batch.busy, arrivals.runs(), this.options);
      const doubles = next && next.layout.groups * next.layout.rows >= 2 * layout.groups * layout.rows;
      if (!next || !(doubles || this.calm >= CALM_STEPS)) return true;
      await batch.relay(next);
      await this.deal();
      this.calm = 0;
    } else if (this.calm >= CALM_STEPS && ((await batch.shrink()) || (await batch.shorten()))) this.calm = 0;
    return true;
  }

  private deal(): Promise<boolean> {
    this.arrivals.survey(this.batch.prompts);
    return this.batch.admit(this.arrivals);
  }
}
