import { describe, expect, it } from "vitest";
import { parsePage } from "../../page/parse-page.test-helper.js";
import { fixed } from "../format.js";
import { suitePage } from "./page.js";
import { amortizedResult, inferenceResult } from "./suite-results.test-helper.js";

const inference = inferenceResult();
const markup = suitePage(inference);
const page = parsePage(markup);
const text = (selector: string): string =>
  page.querySelector(selector)?.textContent.replace(/\s+/g, " ") ?? "";

describe("the page of an inference suite", () => {
  it("has every figure under the paper's number, listed at the top", () => {
    for (const number of ["1a", "1b", "1c", "2", "3", "4", "5", "6"]) {
      expect(page.getElementById(`figure-${number}`), number).not.toBeNull();
      expect(page.querySelector(`.figures-list a[href="#figure-${number}"]`), number).not.toBeNull();
    }
  });

  it("has what the base gives when asked in other ways, where it was", () => {
    expect(page.querySelector("[id^=other-ways]")).toBeNull();
    const own = inference.cells[0]!.metrics!;
    const at = String(own.n);
    const way = { ...own.base, accuracy: { value: 0.437, low: 0.3, high: 0.5 } };
    const gainOver = { "beam search of width 4": { value: 0.123, low: 0.01, high: 0.2 } };
    const best = own.bestOfN["log-likelihood"]!;
    const metrics = {
      ...own,
      baselines: { "beam search of width 4": way },
      bestOfN: { ...own.bestOfN, "log-likelihood": { ...best, [at]: { ...best[at]!, gainOver } } },
    };
    const cells = [{ ...inference.cells[0]!, metrics }];
    const table = parsePage(suitePage({ ...inference, cells })).getElementById("other-ways-0")!;
    expect(table.querySelector("thead")!.textContent).toContain(
      `best-of-${own.n} by log-likelihood, above it`,
    );
    expect(table.querySelector("tbody")!.textContent.replace(/\s+/g, " ")).toMatch(
      /^beam search of width 4\s?43\.7.*\+12\.3/,
    );
  });

  it("has accuracy against tokens, the cheapest way first", () => {
    const accuracy = { value: 0.437, low: 0.3, high: 0.5 };
    const costs = [
      { name: "best-of-8 by majority", tokens: 36_864, accuracy, reward: "majority", n: 8 },
      { name: "greedy", tokens: 4_608, accuracy },
    ];
    const cells = [{ ...inference.cells[0]!, metrics: { ...inference.cells[0]!.metrics!, costs } }];
    const table = parsePage(suitePage({ ...inference, cells })).getElementById("tokens-0")!;
    const rows = [...table.querySelectorAll("tbody tr")].map((row) => row.textContent.replace(/\s+/g, " "));
    expect(rows[0]).toMatch(/^greedy\s?4,608\s?43\.7/);
    expect(rows[1]).toMatch(/^best-of-8 by majority\s?36,864\s?43\.7/);
    const { costs: _, ...without } = inference.cells[0]!.metrics!;
    const uncosted = suitePage({ ...inference, cells: [{ ...inference.cells[0]!, metrics: without }] });
    expect(uncosted).not.toContain('id="tokens-0"');
  });

  it("prints each cell's lift, and leaves a cell without a result blank", () => {
    const cells = [...page.querySelectorAll("#figure-1a-heat tbody td")];
    const lift = inference.cells[0]!.metrics!.bestOfN["log-likelihood"]!["50"]!.lift!;
    expect(cells.map((cell) => cell.getAttribute("class")).filter((name) => name === "blank")).toHaveLength(
      1,
    );
    expect(cells[0]!.textContent).toContain(fixed(lift.value, 1, true));
    expect(cells[3]!.textContent.trim()).toBe("no result");
    expect(text("#figure-1b")).toContain("No result.");
  });

  it("says in words where it hurts and why, and what failed, with all text inert", () => {
    expect(text("#verdicts")).toContain("Hurts: it does.");
    expect(text("#verdicts")).toContain("Short answers are preferred.");
    expect(text(".lead")).toMatch(
      /against the strongest baseline: clearly less often right for a on game24, a on other and b on game24\. Why/,
    );
    expect(text(".lead")).toContain("1 of 4 cells are blank.");
    expect(text(".lead")).not.toContain("What the gain");
    const [first] = inference.cells;
    const helps = (reasons: string[]): string =>
      suitePage({
        ...inference,
        cells: [{ ...first!, verdict: { direction: "up", sentence: "Helps.", reasons } }],
      });
    expect(helps(["A guess is better."])).toContain("What the gain is worth stands below.");
    expect(helps([])).not.toContain("What the gain is worth");
    expect(markup).not.toContain("<script");
    expect(markup).toContain("&lt;script>");
    expect(text("#command pre")).toBe(inference.command);
  });

  it("has each figure as a table with the values drawn", () => {
    for (const number of ["1b", "1c", "4"])
      expect(page.getElementById(`figure-${number}-table`), number).not.toBeNull();
    const row = text("#figure-4-table tbody tr");
    const value = inference.cells[0]!.metrics!.bestOfN["log-likelihood"]!["1"]!.logLikelihood.value;
    expect(row).toContain("a on game24, log-likelihood");
    expect(row).toContain(fixed(value, 2));
  });

  it("says so where greedy is never or too seldom right, or nothing is labelled", () => {
    const [first, second] = inference.cells;
    const zero = { value: 0, low: 0, high: 0 };
    const metrics = first!.metrics!;
    const noLift = Object.fromEntries(
      Object.entries(metrics.bestOfN).map(([reward, byN]) => [
        reward,
        Object.fromEntries(Object.entries(byN).map(([n, { lift: _, ...rest }]) => [n, rest])),
      ]),
    );
    const never = { ...metrics, greedy: { ...metrics.greedy, accuracy: zero }, bestOfN: noLift };
    const cells = [
      { ...first!, metrics: never },
      { ...second!, metrics: { ...metrics, labelled: false, labelledPrompts: 0 } },
    ];
    const other = parsePage(suitePage({ ...inference, models: ["a"], cells }));
    const shown = [...other.querySelectorAll("#figure-1a-heat tbody td")].map((td) => td.textContent.trim());
    expect(shown).toEqual(["greedy never right", "no labels"]);
    const told = other.querySelector("#figure-1a")?.textContent;
    expect(told).toContain("No cell has a ratio to greedy’s accuracy.");
    expect(told).not.toContain("0 of 0");
    const seldom = [{ ...first!, metrics: { ...metrics, bestOfN: noLift } }];
    const third = parsePage(suitePage({ ...inference, models: ["a"], cells: seldom }));
    const cell = third.querySelector("#figure-1a-heat tbody td");
    expect(cell?.textContent.trim()).toBe("greedy too seldom right");
    expect(third.querySelector("#figure-1b")?.textContent).toContain("right too seldom for a ratio");
  });
});

describe("the page of an amortized suite", () => {
  const result = amortizedResult();
  const own = parsePage(suitePage(result));

  it("has Table 1's lifts, Table 2's settings, figures 7 to 9, and a blank for what has no result", () => {
    for (const id of ["table-1", "table-2", "figure-7", "figure-8", "figure-9", "figure-9-table"])
      expect(own.getElementById(id), id).not.toBeNull();
    const cellsOf = (table: string): string[] =>
      [...own.querySelectorAll(`#${table} tbody td`)].map((cell) => cell.textContent.trim());
    const cells = cellsOf("table-1");
    const { lift, logLikelihoodLift } = result.cells[1]!.metrics!.adapter;
    expect(cells[0]).toContain(fixed(lift!.value, 1, true));
    expect(cells[1]).toContain(fixed(logLikelihoodLift!.value, 2, true));
    expect(cells[2]).toBe("2");
    expect(cellsOf("table-2").slice(0, 7)).toEqual(["0.5", "16", "4", "3", "0.0003", "linear", "0.1"]);
    // As the paper prints them.
    expect(cellsOf("paper-table-1").slice(0, 2)).toEqual(["19.24 ± 2.41", "48.33 ± 0.17"]);
    expect(cellsOf("paper-table-2")).toEqual(["0.1", "16", "0.5", "16", "0", "16", "1", "8"]);
    // Two right in 32 are no ground for a ratio.
    const { lift: _, ...unrelated } = result.cells[1]!.metrics!.adapter;
    for (const [accuracy, said] of [
      [0.06, "greedy too seldom right"],
      [0, "greedy never right"],
    ] as const) {
      const greedy = {
        ...result.cells[1]!.metrics!.greedy,
        accuracy: { value: accuracy, low: 0, high: 0.2 },
      };
      const seldom = {
        ...result.cells[1]!,
        metrics: { ...result.cells[1]!.metrics!, greedy, adapter: unrelated },
      };
      const table = parsePage(suitePage({ ...result, cells: [seldom] })).getElementById("table-1")!;
      expect(table.querySelector("tbody td")!.textContent).toBe(said);
    }
    const blank = [...own.querySelectorAll("#figure-9-table tbody tr")][0]!;
    expect(blank.textContent.replace(/\s+/g, "")).toBe("aongame24,N=10–––");
  });

  it("names a point of a sweep in words", () => {
    const swept = { method: "sft-rank-8", title: "SFT, rank = 8" };
    const cells = result.cells.map((cell) => ({ ...cell, ...swept }));
    const named = parsePage(suitePage({ ...result, methods: [swept.method], cells }));
    const words = (selector: string): string =>
      named.querySelector(selector)!.textContent.replace(/\s+/g, " ");
    expect(words("#table-1 tbody th")).toBe("a on game24, SFT, rank = 8");
    expect(words("#figure-9-table tbody th")).toBe("a on game24, SFT, rank = 8, N = 10");
    expect(words("#table-1 caption")).toMatch(/^SFT, rank = 8 with N/);
  });

  it("sums up in one sentence, losses first, with what a model and task have in common named once", () => {
    const cell = result.cells[1]!;
    const judgedAs = (
      method: string,
      trainN: number,
      direction: "down" | "unclear" | "few" | "unchanged",
    ) => ({
      ...cell,
      method,
      trainN,
      metrics: { ...cell.metrics!, verdict: { ...cell.metrics!.verdict!, direction } },
    });
    const cells = [
      judgedAs("sft", 10, "unclear"),
      judgedAs("sft", 50, "unclear"),
      judgedAs("dpo", 10, "unclear"),
      judgedAs("dpo", 50, "unclear"),
      judgedAs("xpo", 50, "unclear"),
      judgedAs("sft-majority", 50, "down"),
      { ...judgedAs("sft", 50, "few"), task: "other" },
      { ...judgedAs("dpo", 50, "unchanged"), task: "other" },
    ];
    const methods = ["sft", "sft-majority", "dpo", "xpo"];
    const summed = parsePage(suitePage({ ...result, methods, cells }));
    expect(summed.querySelector("#figure-9 h3")!.textContent).toContain(
      "SFT-Sharpening by log-likelihood and majority, DPO-Sharpening and XPO-Sharpening with different N",
    );
    expect(summed.querySelector(".lead")!.textContent.replace(/\s/g, " ")).toBe(
      "One sample from a model that was trained on its own responses, against the strongest baseline: clearly less often right for " +
        "a on game24 (SFT by majority, N = 50); not clearly more or less often right for a on game24 (SFT and DPO, N = 10 and 50; " +
        "XPO, N = 50); too few prompts to say for a on other (SFT, N = 50); nothing was learned, and the base kept, for a on other " +
        "(DPO, N = 50). Why, as far as the data tell, stands below.",
    );
  });

  it("says which tasks were measured on other prompts, and which on those that were learned from", () => {
    const command = (page: ReturnType<typeof parsePage>): string =>
      page.querySelector("#command")!.textContent.replace(/\s+/g, " ");
    expect(command(own)).toContain("Held-out: what is measured on game24 was not learned from.");
    expect(command(own)).not.toContain("Transductive");
    const [, measured] = result.cells;
    const again = {
      ...measured!,
      task: "game24-transductive",
      metrics: { ...measured!.metrics!, transductive: true as const },
    };
    const both = parsePage(suitePage({ ...result, cells: [...result.cells, again] }));
    expect(command(both)).toContain(
      "Held-out: what is measured on game24 was not learned from. Transductive, as in the paper: on game24-transductive adapters " +
        "learned from the very prompts that are measured.",
    );
    expect(page.querySelector("#command")!.textContent).not.toMatch(/Held-out|Transductive/);
  });
});
