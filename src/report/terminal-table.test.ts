import { renderToString } from "preact-render-to-string";
import { describe, expect, it } from "vitest";
import type { Estimate, Metrics } from "../evaluate/metrics.js";
import { syntheticRun } from "./synthetic-run.test-helper.js";
import { comparisonTable } from "./comparison.js";
import { terminalTable } from "./terminal-table.js";

const share = ({ value, low, high }: Estimate): string =>
  `${(100 * value).toFixed(1)} [${(100 * low).toFixed(1)}, ${(100 * high).toFixed(1)}]`;
const nats = ({ value, low, high }: Estimate): string =>
  `${value.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`;

const { metrics } = syntheticRun({ prompts: 64, methods: ["sft", "dpo"] });
const lines = terminalTable(metrics).split("\n");

/** The cells of the line that begins with a name. */
function cells(name: string, from = lines): string[] {
  const line = from.find((l) => l.startsWith(name)) ?? "";
  return line.slice(name.length).match(/\S+ \[[^\]]*\]|(?<= )-(?= |$)/g) ?? [];
}

describe("terminalTable", () => {
  it("says how the responses were drawn", () => {
    const drawn = (over: Partial<Metrics>): string => terminalTable({ ...metrics, ...over });
    expect(drawn({ temperature: 0.7 })).toMatch(
      /N = \d+, temperature 0\.7\n[^]*\none sample, temperature 0\.7 /,
    );
    const power = drawn({ sampler: "π^4 by 32 particles" });
    expect(power).toContain("one sample, π^4 by 32 particles");
    expect(power).not.toContain("temperature");
  });

  it("shows greedy, one sample and every adapter with intervals", () => {
    const accuracy = metrics.greedy.accuracy as Estimate;
    expect(cells("greedy")).toEqual([share(accuracy), share(accuracy), nats(metrics.greedy.logLikelihood)]);
    expect(cells("one sample, temperature 1")).toEqual([
      share(metrics.base.accuracy as Estimate),
      "-",
      nats(metrics.base.logLikelihood),
    ]);
    for (const [method, name] of [
      ["sft", "SFT"],
      ["dpo", "DPO"],
    ] as const) {
      const adapter = metrics.adapters[method];
      expect(cells(`${name} adapter, one sample`)).toEqual([
        share(adapter?.accuracy as Estimate),
        share(adapter?.greedyAccuracy as Estimate),
        nats(adapter?.logLikelihood as Estimate),
      ]);
    }
    expect(cells("  gain over one sample")[0]).toBe("+6.1 [+4.0, +8.3]");
  });

  it("shows best-of-N under every self-reward, and the coverage, at the six sizes", () => {
    for (const n of [1, 2, 5, 10, 25, 50]) {
      const wanted = Object.values(metrics.bestOfN).map((byN) => share(byN[n]?.accuracy as Estimate));
      expect(cells(`${n} `.padEnd(3))).toEqual([...wanted, share(metrics.coverage?.[n] as Estimate)]);
    }
    const head = lines.find((l) => l.startsWith("N ")) ?? "";
    expect(head.trim().split(/\s+/)).toEqual(["N", ...Object.keys(metrics.bestOfN), "coverage"]);
  });

  it("is aligned and at most 100 columns wide, also with many rewards and long names", () => {
    const wide: Metrics = {
      ...metrics,
      model: "m".repeat(300),
      bestOfN: Object.fromEntries(
        Array.from({ length: 9 }, (_, i) => [`reward-with-a-name-${i}`, metrics.bestOfN["majority"] ?? {}]),
      ),
    };
    for (const text of [lines.join("\n"), terminalTable(wide)]) {
      for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(100);
    }
    const table = terminalTable(wide);
    for (let i = 0; i < 9; i++) expect(table).toContain(`reward-with-a-name-${i}`);
    const ends = lines.filter((l) => /^(N|\d+) /.test(l)).map((l) => l.length);
    expect(ends).toHaveLength(7);
    expect(new Set(ends).size).toBe(1);
  });

  it("without labels has no accuracy at all, not zeros", () => {
    const { metrics: unlabelled } = syntheticRun({ prompts: 16, labelled: false });
    const table = terminalTable(unlabelled);
    expect(table).not.toMatch(/accuracy|coverage|NaN|undefined| 0\.0 /);
    const last = unlabelled.bestOfN["log-likelihood"]?.[50]?.logLikelihood as Estimate;
    expect(cells("50 ", table.split("\n"))[0]).toBe(nats(last));
  });

  it("lets no terminal escape through", () => {
    const table = terminalTable({ ...metrics, model: "\u001b]0;owned\u0007\u009b31m", task: "a\r\nb\u202e" });
    // eslint-disable-next-line no-control-regex -- control characters are the subject here
    expect(table.replaceAll("\n", "")).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
  });

  it("names a method by its title, and says what it remarks", () => {
    const facts = { capped: 3, meanDraws: 21.25, delta: 0.1, trainingSamples: 50, trainingPrompts: 8 };
    const adapters = { "adaptive-sft": { ...metrics.adapters["sft"]!, ...facts } };
    const table = terminalTable({ ...metrics, adapters });
    expect(table).toContain("Adaptive SFT adapter, one sample");
    expect(table.replace(/\s+/g, " ")).toContain(
      "the stopping rule asked for 21.3 responses per training prompt, and hit its cap of 50 on 3 of 8 prompts",
    );
    const page = renderToString(comparisonTable({ ...metrics, adapters })!);
    for (const text of ["Training prompts that hit the cap", "21.3", "δ of the stopping rule"])
      expect(page).toContain(text);
  });
});
