/**
 * `node bench/simulate.mjs --responses 5000000 --replicas 8 --slots 256 --fixed 0.008 --each 0.00005`: how long a run draws, before there are
 * servers to draw from. Replays the scheduler of `src/policy/remote/pool.ts` (one request a sample, to the server with the fewest) on a trace
 * of response lengths: of a run's file (`--trace responses.jsonl`, drawn from with replacement), or log-normal around `--mean`. A server computes
 * a token of each response that it is drawing in `fixed` + `each` × their count seconds, as servers do that batch as they go. It may fail (`--mtbf`
 * hours, `--repair` seconds), and a share of the requests take longer (`--stragglers 0.01 --slower 4`). The last line is JSON.
 * `node bench/simulate-check.mjs` holds it to a real run.
 */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { randomStream } from "../dist/core/random.js";
import { isMain } from "../scripts/lib/report.mjs";

/**
 * @typedef {object} Plan
 * @property {Iterable<number>} lengths of the responses, in tokens, in the order in which they are asked for
 * @property {number} replicas
 * @property {number} slots requests at once to each replica
 * @property {(running: number) => number} step seconds of one token of each of so many responses
 * @property {number} [first] seconds before a request's first token
 * @property {{ mtbf: number, repair: number }} [failures] of each replica, in seconds
 * @property {{ share: number, slower: number } | undefined} [stragglers]
 * @property {number} [seed]
 *
 * @typedef {{ seconds: number, tokens: number, lost: number, retries: number, tail: number, busy: number[] }} Outcome
 *   `lost`: tokens that were drawn twice; `tail`: seconds after the last request was sent; `busy`: each replica's mean share of slots in use
 *
 * @typedef {{ end: number, length: number, steps: number, begun: number }} Running by the replica's own count of steps
 */

/** The earliest first. @template T */
class Heap {
  /** @type {T[]} */
  #items = [];
  /** @param {(item: T) => number} key */
  constructor(key) {
    this.key = key;
  }
  get size() {
    return this.#items.length;
  }
  /** @returns {T | undefined} */
  get first() {
    return this.#items[0];
  }
  /** @param {T} item */
  push(item) {
    const items = this.#items;
    let at = items.push(item) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (this.key(/** @type {T} */ (items[up])) <= this.key(item)) break;
      items[at] = /** @type {T} */ (items[up]);
      at = up;
    }
    items[at] = item;
  }
  /** @returns {T | undefined} */
  pop() {
    const items = this.#items;
    const [top, last] = [items[0], items.pop()];
    if (items.length === 0 || last === undefined) return top;
    let at = 0;
    for (let down = 1; down < items.length; down = 2 * at + 1) {
      const right = items[down + 1];
      if (right !== undefined && this.key(right) < this.key(/** @type {T} */ (items[down]))) down++;
      if (this.key(/** @type {T} */ (items[down])) >= this.key(last)) break;
      items[at] = /** @type {T} */ (items[down]);
      at = down;
    }
    items[at] = last;
    return top;
  }
  /** @returns {T[]} all, in no order; none is left */
  clear() {
    return this.#items.splice(0);
  }
}

/** One server: what it draws, by its own count of steps, which goes on the slower the more it draws. */
class Replica {
  running = new Heap((/** @type {Running} */ { end }) => end);
  up = true;
  steps = 0;
  slotSeconds = 0;
  /** @param {(running: number) => number} step @param {number} change when it next fails or comes back */
  constructor(step, change) {
    this.step = step;
    this.change = change;
  }
  /** Seconds until the next response is there. */
  get next() {
    const { first, size } = this.running;
    return first === undefined ? Infinity : Math.max(0, first.end - this.steps) * this.step(size);
  }
  /**
   * Fails, or comes back. @param {number} change when it does so next
   * @returns what is to be asked for again, with what was drawn of it
   */
  turn(change) {
    const cut = this.up ? this.running.clear() : [];
    this.up = !this.up;
    this.change = change;
    return cut.map(({ length, steps, begun }) => {
      const drawn = Math.min(length, Math.floor(this.steps - begun));
      return { length, steps, drawn };
    });
  }
  /** @param {number} seconds */
  pass(seconds) {
    const { size } = this.running;
    if (size > 0) this.steps += seconds / this.step(size);
    this.slotSeconds += seconds * size;
  }
}

/**
 * As the pool chooses: the first of those with the fewest. @param {readonly Replica[]} replicas @param {number} slots
 * @returns {Replica | undefined}
 */
function freest(replicas, slots) {
  /** @type {Replica | undefined} */
  let best;
  for (const each of replicas)
    if (each.up && each.running.size < Math.min(slots, best?.running.size ?? slots)) best = each;
  return best;
}

/**
 * What is asked for, one after the other; what failed goes first. @param {Pick<Plan, "lengths" | "step" | "first" | "stragglers" | "seed">} plan
 */
function requestsOf({ lengths, step, first = 0, stragglers, seed = 0 }) {
  const slow = randomStream(seed, "stragglers");
  const asked = lengths[Symbol.iterator]();
  const again = /** @type {Pick<Running, "length" | "steps">[]} */ ([]);
  const request = () => {
    const back = again.pop();
    if (back) return back;
    const next = asked.next();
    if (next.done) return undefined;
    const slower = stragglers && slow.next() < stragglers.share ? stragglers.slower : 1;
    // What comes before the first token takes as long as so many tokens of a response alone.
    return { length: next.value, steps: next.value * slower + first / step(1) };
  };
  return { again, request };
}

/**
 * Replays a run.
 * @param {Plan} plan
 * @returns {Outcome}
 */
export function simulate({
  lengths,
  replicas: count,
  slots,
  step,
  first = 0,
  failures,
  stragglers,
  seed = 0,
}) {
  const moments = randomStream(seed, "failures");
  const until = (/** @type {number} */ mean) => -Math.log(1 - moments.next()) * mean;
  const replicas = Array.from(
    { length: count },
    () => new Replica(step, failures ? until(failures.mtbf) : Infinity),
  );
  const { again, request } = requestsOf({ lengths, step, first, stragglers, seed });
  const sum = { seconds: 0, tokens: 0, lost: 0, retries: 0, sent: 0 };
  const fill = () => {
    for (;;) {
      const best = freest(replicas, slots);
      const next = best && request();
      if (!next) return;
      best.running.push({ ...next, begun: best.steps, end: best.steps + next.steps });
      sum.sent = sum.seconds;
    }
  };
  fill();
  while (again.length > 0 || replicas.some(({ running }) => running.size > 0)) {
    const finish = Math.min(...replicas.map(({ next }) => next));
    const change = Math.min(...replicas.map((each) => each.change)) - sum.seconds;
    const passed = Math.min(finish, Math.max(0, change));
    replicas.forEach((replica) => replica.pass(passed));
    sum.seconds += passed;
    if (change <= finish) {
      const replica = /** @type {Replica} */ (replicas.find((each) => each.change <= sum.seconds + 1e-9));
      const { mtbf = 0, repair = 0 } = failures ?? {};
      const cut = replica.turn(sum.seconds + (replica.up ? repair : until(mtbf)));
      again.push(...cut);
      sum.lost += cut.reduce((lost, each) => lost + each.drawn, 0);
      sum.retries += cut.length;
    } else {
      const replica = replicas.reduce((a, b) => (b.next < a.next ? b : a));
      const done = /** @type {Running} */ (replica.running.pop());
      replica.steps = done.end;
      sum.tokens += done.length;
    }
    fill();
  }
  const { sent, ...told } = sum;
  const busy = replicas.map(({ slotSeconds }) => slotSeconds / (told.seconds * slots));
  return { ...told, tail: told.seconds - sent, busy };
}

/**
 * The lengths of the responses in a run's file. @param {string} file
 * @returns {Promise<number[]>}
 */
export async function lengthsIn(file) {
  const lengths = [];
  for await (const line of createInterface({ input: createReadStream(file) }))
    if (line.trim() !== "") lengths.push(JSON.parse(line).logProbs.length);
  return lengths;
}

/**
 * @param {number} count
 * @param {readonly number[] | { mean: number, spread: number, most: number }} from a trace, or the mean and log-deviation of a log-normal
 * @param {number} seed
 */
function* drawnLengths(count, from, seed) {
  const stream = randomStream(seed, "lengths");
  for (let i = 0; i < count; i++) {
    if ("mean" in from) {
      const { mean, spread, most } = from;
      const value = Math.exp(Math.log(mean) - spread ** 2 / 2 + spread * stream.normal());
      yield Math.max(1, Math.min(most, Math.round(value)));
    } else yield from[Math.floor(stream.next() * from.length)] ?? 1;
  }
}

if (isMain(import.meta.url)) {
  const number = (/** @type {string} */ value) => ({ type: /** @type {const} */ ("string"), default: value });
  const { values } = parseArgs({
    options: {
      ...{ responses: number("5000000"), replicas: number("8"), slots: number("256"), seed: number("0") },
      ...{ fixed: number("0.008"), each: number("0.00005"), first: number("0.02") },
      ...{ mean: number("200"), spread: number("0.6"), most: number("1024"), trace: { type: "string" } },
      ...{ mtbf: number("0"), repair: number("300"), stragglers: number("0"), slower: number("4") },
    },
  });
  const of = (/** @type {Exclude<keyof typeof values, "trace">} */ name) => Number(values[name]);
  const from = values.trace
    ? await lengthsIn(values.trace)
    : { mean: of("mean"), spread: of("spread"), most: of("most") };
  const outcome = simulate({
    lengths: drawnLengths(of("responses"), from, of("seed")),
    replicas: of("replicas"),
    slots: of("slots"),
    step: (running) => of("fixed") + of("each") * running,
    first: of("first"),
    ...(of("mtbf") > 0 && { failures: { mtbf: of("mtbf") * 3600, repair: of("repair") } }),
    ...(of("stragglers") > 0 && { stragglers: { share: of("stragglers"), slower: of("slower") } }),
    seed: of("seed"),
  });
  const rate = outcome.tokens / outcome.seconds;
  console.log(
    `${(outcome.seconds / 3600).toFixed(2)} h, ${Math.round(rate)} tokens/s, ${outcome.retries} requests again`,
  );
  console.log(JSON.stringify(outcome));
}
