/** The page of `npm run bench -- --peers`: what was promised beside what was measured, and each row's figures. */
import { spread } from "./processes.mjs";

/** @typedef {import("./compare-rows.mjs").Promised} Promised */
/** @typedef {import("./compare-rows.mjs").Measure} Measure */
/**
 * What was measured of a row, of whichever kind it is.
 * @typedef {object} Measured
 * @property {string} machine @property {string} [date] @property {string} [versions] @property {number} [minutes] that it took
 * @property {number} [prompts] of a repeat, where more were asked for than the bench does by itself
 * @property {boolean} [busy] whether the machine had other work
 * @property {Readonly<Record<string, readonly number[]>>} [values] by who was measured, one a repeat, in the measure's unit
 * @property {Readonly<Record<string, number>>} [peaks] gigabytes, by who was measured
 * @property {Readonly<Record<string, number>>} [threads] that one took, where it had a choice
 * @property {Readonly<Record<string, readonly number[]>>} [extras]
 * @property {Readonly<Record<string, Readonly<Record<string, Point>>>>} [points] by size and by who was measured
 * @property {import("./processes.mjs").Printed} [memory] what bench/memory.mjs has printed
 */
/** @typedef {{ readonly tokensPerSecond: number, readonly promptTokensPerSecond: number, readonly peak: number }} Point */
/** @typedef {Readonly<Record<string, Measured>>} Results by the rows' names */
/** @typedef {{ readonly promised: string, readonly measured: string, readonly verdict: string }} Judged */

/** @type {Readonly<Record<Measure, { readonly unit: string, readonly more: boolean, readonly of: string }>>} */
const MEASURES = {
  tokensPerSecond: { unit: "tokens/s", more: true, of: "tokens a second" },
  firstTokenSeconds: { unit: "s", more: false, of: "seconds" },
  secondsEach: { unit: "s", more: false, of: "seconds a prompt" },
  peakBytes: { unit: "GB", more: false, of: "GB" },
  kl: { unit: "nats", more: false, of: "nats a token" },
  cost: { unit: "×", more: false, of: "× plain decoding" },
  times: { unit: "×", more: false, of: "× its bound" },
};

/** Three digits that tell something. */
const digits = (/** @type {number} */ value) =>
  !Number.isFinite(value)
    ? "–"
    : value >= 100
      ? value.toFixed(0)
      : value >= 10
        ? value.toFixed(1)
        : value.toFixed(value < 0.1 ? 4 : 2);

/** The median with the least and the largest, where there are several. @param {readonly number[]} values */
export function figure(values, unit = "") {
  const { median, least, largest } = spread(values);
  const range = values.length > 1 ? `(${digits(least)} to ${digits(largest)})` : "";
  return [digits(median), unit, range].filter(Boolean).join(" ");
}

/**
 * How many times better ours is than another, repeat by repeat as they were measured in turn; what was measured fewer times stands beside
 * the rest with its last.
 * @param {readonly number[]} ours @param {readonly number[]} theirs @param {boolean} more whether more is better
 */
export function ratios(ours, theirs, more) {
  return ours.flatMap((own, i) => {
    const other = theirs[Math.min(i, theirs.length - 1)];
    return other === undefined ? [] : [more ? own / other : other / own];
  });
}

/**
 * Whether values keep to a limit. Where the spread reaches over it, the median says which way, and noise is named.
 * @param {readonly number[]} values @param {Pick<Promised, "atLeast" | "atMost">} limit
 */
export function verdict(values, { atLeast = -Infinity, atMost = Infinity }) {
  const kept = (/** @type {number} */ value) => value >= atLeast && value <= atMost;
  const { median, least, largest } = spread(values);
  if (!Number.isFinite(median)) return "not measured";
  const word = kept(median) ? "met" : "missed";
  return kept(least) === kept(largest) ? word : `${word}, but noise swallows it`;
}

/** The words of a processor's extensions that a machine's line has. */
const EXTENSIONS = { "AVX-512": /avx512f|amx_int8/, AMX: /amx_int8/ };

/** A promise beside what was measured. @param {Promised} promise @param {Measure} measures @param {Measured | undefined} found @returns {Judged} */
export function judge(promise, measures, found) {
  const { atLeast, atMost, against, extra, needs, of = [] } = promise;
  const { unit, more } = MEASURES[measures];
  const isRatio = against !== undefined || extra !== undefined;
  const limit = atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`;
  const promised = `${limit} ${against !== undefined ? "×" : extra !== undefined ? "" : unit}`.trim();
  if (!found) return { promised, measured: "", verdict: "not measured" };
  const candidates = (extra !== undefined ? [extra] : of).map((who) => {
    const own = (extra !== undefined ? found.extras : found.values)?.[who] ?? [];
    const values = against === undefined ? own : ratios(own, found.values?.[against] ?? [], more);
    return { who, values, rank: spread(values).median * (more || isRatio ? 1 : -1) };
  });
  const [best] = candidates.filter(({ values }) => values.length > 0).sort((a, b) => b.rank - a.rank);
  if (!best) return { promised, measured: "", verdict: "not measured" };
  const named = of.length > 1 ? `, ${best.who.replace("ours, ", "")}` : "";
  const measured = `${figure(best.values, against !== undefined ? "×" : extra !== undefined ? "" : unit)}${named}`;
  if (needs !== undefined && !EXTENSIONS[needs].test(found.machine))
    return { promised, measured, verdict: `a processor without ${needs}` };
  return { promised, measured, verdict: verdict(best.values, promise) };
}

/** @param {readonly (string | number)[]} cells */
const line = (cells) => `| ${cells.join(" | ")} |`;
/** @param {readonly string[]} columns @param {readonly (readonly (string | number)[])[]} rows */
const table = (columns, rows) =>
  rows.length === 0 ? [] : [line(columns), line(columns.map(() => "---")), ...rows.map(line), ""];

/** A table of a row: who, the figure, how many times better each of ours is, the peak. @param {import("./compare-rows.mjs").Row} row @param {Measured} found */
function figuresOf({ measures }, { values = {}, peaks = {}, threads = {} }) {
  const { more, of } = MEASURES[measures];
  const isOurs = (/** @type {string} */ who) => who.startsWith("ours");
  const peers = Object.keys(values).filter((who) => !isOurs(who));
  const ours = Object.keys(values).filter((who) => isOurs(who) && !who.endsWith("the first time"));
  const baseline = peers.length === 0 ? ours.at(-1) : undefined;
  // Each has a bound of its own.
  const leads = measures === "times" ? [] : peers.length === 0 ? ours.slice(0, -1) : ours;
  const beside = (/** @type {string} */ who) =>
    leads.map((lead) => {
      if (isOurs(who) && who !== baseline) return "";
      const each = ratios(values[lead] ?? [], values[who] ?? [], more);
      const { least, largest } = spread(each);
      return `${figure(each, "×")}${least < 1 && largest > 1 ? ", noise" : ""}`;
    });
  return table(
    ["who", of, ...leads.map((lead) => `${lead} is`), ...(measures === "peakBytes" ? [] : ["peak"])],
    Object.entries(values).map(([who, each]) => [
      threads[who] === undefined ? who : `${who}, ${threads[who]} thread${threads[who] === 1 ? "" : "s"}`,
      figure(each),
      ...beside(who),
      ...(measures === "peakBytes" ? [] : [`${digits(peaks[who] ?? NaN)} GB`]),
    ]),
  );
}

/** The option that names a page. @param {string} page */
const pageOption = (page) => (page === "bench" ? "" : ` --page ${page}`);

/** Where, when, how and for how long. @param {string} name @param {boolean} data @param {Measured} found @param {Results} results @param {string} page */
function provenance(name, data, found, results, page) {
  const took = found.minutes === undefined ? "" : `; ${found.minutes.toFixed(1)} minutes`;
  const when = found.date === undefined ? "" : `, ${found.date}`;
  const command = `npm run bench -- --peers${data ? " --data gsm8k-test.jsonl" : ""}${found.prompts === undefined ? "" : ` --prompts ${found.prompts}`}${pageOption(page)} --only ${name}`;
  return `\`${command}\` (${placeOf(found, results)}${when}${took})`;
}

/** @param {Results} results */
const machinesOf = (results) => [...new Set(Object.values(results).map(({ machine }) => machine))];
/** @param {Measured} found @param {Results} results */
const placeOf = ({ machine }, results) => `machine ${machinesOf(results).indexOf(machine) + 1}`;

/** @param {import("./compare-rows.mjs").Row} row @param {Measured} found @param {Results} results @param {string} page */
function rowSection(row, found, results, page) {
  const { name, title, note, bound, says, data = false, promises } = row;
  const missed = promises.some((promise) => judge(promise, row.measures, found).verdict.startsWith("missed"));
  return [
    ...[`### ${title}`, "", ...figuresOf(row, found)],
    ...(found.extras && says ? [says(found.extras), ""] : []),
    ...(missed && bound !== undefined ? [`What bounds it: ${bound}.`, ""] : []),
    ...(note === undefined ? [] : [`${note}.`, ""]),
    ...[provenance(name, data, found, results, page), ""],
  ];
}

/** @param {import("./compare-rows.mjs").Growth} growth @param {Measured} found @param {Results} results @param {string} page */
function growthSection({ name, title, axis, note }, found, results, page) {
  const { points = {} } = found;
  const rows = Object.entries(points).map(([at, { llama, ...ours }]) => {
    const [own] = Object.values(ours);
    const both = (/** @type {"tokensPerSecond" | "promptTokensPerSecond"} */ what) => [
      digits(own?.[what] ?? NaN),
      digits(llama?.[what] ?? NaN),
    ];
    const times = (own?.tokensPerSecond ?? NaN) / (llama?.tokensPerSecond ?? NaN);
    return [
      ...[at, ...both("tokensPerSecond"), digits(times)],
      ...[
        both("promptTokensPerSecond").join(", "),
        `${digits(own?.peak ?? NaN)}, ${digits(llama?.peak ?? NaN)}`,
      ],
    ];
  });
  return [
    ...[`### ${title}`, ""],
    ...table([axis, "ours", "llama.cpp", "×", "prompt", "peak, GB"], rows),
    `Tokens a second after the prompt; under "prompt", those of the pass over it, and under "peak" the process's memory, ours first. ${note}. Once each.`,
    ...["", provenance(name, false, found, results, page), ""],
  ];
}

/** @param {import("./compare-memory.mjs").MemoryRow} row @param {Measured} found @param {Results} results */
function memoryLine({ title, limit }, found, results) {
  const { memory } = found;
  if (!memory) return [];
  const most = limit ?? memory.allowedBytes / 1e9;
  const peak = memory.peakBytes / 1e9;
  const taken = memory.stepSeconds
    ? `${digits(spread(memory.stepSeconds).median)} a step`
    : `${digits(memory.firstTokenSeconds)} to the first token`;
  const seconds = found.busy ? "not measured (other work)" : taken;
  const place = [placeOf(found, results).replace("machine ", ""), found.date].filter(Boolean).join(", ");
  return [
    [title, `${digits(peak)} GB`, `${digits(most)} GB`, verdict([peak], { atMost: most }), seconds, place],
  ];
}

/**
 * The page.
 * @param {Results} results
 * @param {{ rows: readonly import("./compare-rows.mjs").Row[], growths: readonly import("./compare-rows.mjs").Growth[], memories: readonly import("./compare-memory.mjs").MemoryRow[] }} all
 * @param {string} page its name
 */
export function pageOf(results, { rows, growths, memories }, page = "bench") {
  const promises = rows.flatMap(({ promises: own, measures, name }) =>
    own.map((promise) => ({ promise, judged: judge(promise, measures, results[name]) })),
  );
  const judgedTable = (/** @type {boolean} */ first) =>
    table(
      ["what", "promised", "measured", "verdict"],
      promises
        .filter(({ promise }) => (promise.first ?? false) === first)
        .map(({ promise, judged }) => [promise.text, judged.promised, judged.measured, judged.verdict]),
    );
  const measured = rows.filter(({ name }) => results[name]);
  const versions = new Set(Object.values(results).flatMap(({ versions: own = "" }) => own.split(", ")));
  const grown = growths.filter(({ name }) => results[name]);
  const held = memories.filter(({ name }) => results[name]);
  return [
    ...["# Speed and memory, beside transformers, peft and llama.cpp", ""],
    `Made by \`npm run bench -- --peers --data gsm8k-test.jsonl${pageOption(page)}\`.`,
    "Ours and the peers' are measured in turn, on the same file with as many threads",
    "(llama.cpp also with half of them, if that is faster), each time in a process of its own: the median, and from the least to the largest. Where a",
    'spread reaches over a limit, noise swallows the verdict, and the page says so; "noise" beside a ratio means that it reaches over 1. Unless a row says',
    'otherwise responses have no end token on either side. "Kept" holds the weights as they are in the file. Memory is the peak of the process.',
    ...(page === "bench" ? ["What a processor with AMX gives is on [a page of its own](bench-amx.md)."] : []),
    "",
    ...machinesOf(results).map((name, i) => `- Machine ${i + 1}: ${name}`),
    `- Versions: ${[...versions].filter(Boolean).join(", ") || "not noted"}`,
    ...["", "## What was promised", ""],
    ...["Of a processor with AVX-512:", "", ...judgedTable(true)],
    ...["And beside these:", "", ...judgedTable(false)],
    ...(measured.length === 0 ? [] : ["## Row by row", ""]),
    ...measured.flatMap((row) => rowSection(row, /** @type {Measured} */ (results[row.name]), results, page)),
    ...(grown.length === 0 ? [] : ["## Growth", ""]),
    ...grown.flatMap((growth) =>
      growthSection(growth, /** @type {Measured} */ (results[growth.name]), results, page),
    ),
    ...(held.length === 0 ? [] : ["## Memory of larger models, and of training", ""]),
    ...table(
      ["row", "peak", "at most", "verdict", "seconds", "machine"],
      held.flatMap((row) => memoryLine(row, /** @type {Measured} */ (results[row.name]), results)),
    ),
    ...held.map(({ name, memory }) => `- ${name}: \`npm run bench:memory -- ${memory.join(" ")}\``),
    "",
  ].join("\n");
}
