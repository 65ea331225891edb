import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  runTheory,
  rows,
  theoryMarkdown,
  theoryList,
  theoryPage,
  theoryTable,
  type TheoryProgress,
} from "./index.js";

const quick = { only: ["prop-e.2", "lemma-4.1"], effort: "test", seed: 2, threads: 2 } as const;

describe("runTheory", () => {
  it("reports the chosen rows in the paper's order, tells its progress, and repeats itself exactly", async () => {
    const progress: TheoryProgress[] = [];
    const report = await runTheory({ ...quick, onProgress: (event) => progress.push(event) });
    expect(report.rows.map(({ id }) => id)).toEqual(["lemma-4.1", "prop-e.2"]);
    expect(report.holds).toBe(true);
    expect(progress.map(({ done, total }) => `${done}/${total}`)).toEqual(["1/2", "2/2"]);
    expect(JSON.parse(JSON.stringify(await runTheory(quick)))).toEqual(JSON.parse(JSON.stringify(report)));
  });
  it("refuses an unknown row, a bad seed and no threads, in one sentence", async () => {
    await expect(runTheory({ ...quick, only: ["thm-9"] })).rejects.toThrow(/no row thm-9.*thm-4\.1/);
    await expect(runTheory({ ...quick, seed: -1 })).rejects.toThrow(/The seed must be/);
    await expect(runTheory({ ...quick, threads: 0 })).rejects.toThrow(/at least 1 thread/);
  });

  it("ends when it is told to, and keeps nothing", async () => {
    const stop = new AbortController();
    let done = 0;
    const onProgress = (): void => {
      done++;
      stop.abort();
    };
    const run = runTheory({ ...quick, only: ["lemma-4.1", "prop-e.2"], signal: stop.signal, onProgress });
    await expect(run).rejects.toMatchObject({ code: "interrupted" });
    expect(done).toBe(1);
  });
});

describe("what people see", () => {
  it("the page is self-contained and shows each row's figure, numbers and verdict, escaped", async () => {
    const report = await runTheory(quick);
    const page = theoryPage(report);
    expect(page.match(/class="plot" role="img"/g)).toHaveLength(2);
    expect(page).toContain("prefers-color-scheme:dark");
    expect(page).not.toMatch(/(?:src|href)="(?!#|data:,")/);
    expect(page).toContain("default-src 'none'");
    expect(page).toContain("Proposition E.2");
    const broken = {
      ...report,
      rows: report.rows.map((row) => ({ ...row, title: "<b>&", verdict: "fails" as const })),
    };
    expect(theoryPage(broken)).toContain("&lt;b>&amp;");
    expect(theoryPage(broken)).toContain('<span class="fails">fails</span>');
    const open = { ...report, rows: report.rows.map((row) => ({ ...row, verdict: "not refuted" as const })) };
    expect(theoryPage(open)).toContain('<span class="open">not refuted</span>');
    expect(theoryPage(open)).toContain("0 of 2 statements hold, 2 are not refuted:");
  });
  it("the terminal table has a verdict a row and names what does not hold", async () => {
    const report = await runTheory(quick);
    const table = theoryTable(report);
    expect(table).toMatch(/lemma-4\.1 {2}holds {8}Lemma 4\.1/);
    expect(table).toContain("2 of 2 statements hold");
    const [first, second] = report.rows;
    const check = { ...first!.checks[0]!, measured: 1.5, bound: 1, verdict: "fails" as const };
    const broken = { ...report, rows: [{ ...first!, verdict: "fails" as const, checks: [check] }, second!] };
    expect(theoryTable(broken)).toMatch(/FAILS[\s\S]*! .*: 1\.5, not <= 1/);
    const idle = { ...check, verdict: "not refuted" as const };
    const open = {
      ...report,
      rows: [{ ...first!, verdict: "not refuted" as const, checks: [idle] }, second!],
    };
    expect(theoryTable(open)).toMatch(/lemma-4\.1 {2}not refuted {2}[\s\S]*~ could not have failed here: /);
    expect(theoryTable(open)).toContain("1 of 2 statements hold, 1 is not refuted on");
    expect(Math.max(...table.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
  });
  it("the Markdown links each statement to its file, and says what fails and what is not shown", async () => {
    const report = await runTheory(quick);
    const text = theoryMarkdown(report, "npx whetstone theory");
    expect(text).toContain(
      "| Lemma 4.1 | [lemma-4-1.ts](../src/theory/rows/lemma-4-1.ts) (`lemma-4.1`) | holds |",
    );
    expect(text).toContain("2 of 2 statements hold (test run, seed 2)");
    expect(text).not.toContain("| Theorem 4.1 |");
    expect(text.match(/\*\*What it does not show\.\*\*/g)).toHaveLength(2);
    const broken = { ...report, rows: report.rows.map((row) => ({ ...row, verdict: "fails" as const })) };
    expect(theoryMarkdown(broken, "")).toContain("(`lemma-4.1`) | **fails** |");
    for (const line of text.split("\n").filter((row) => row.startsWith("|"))) {
      expect([4, 6, 7]).toContain(line.split(/(?<!\\)\|/).length - 1);
    }
  });
  it("the list finds every statement of the paper by its number", () => {
    const list = theoryList();
    for (const name of [
      ["Proposition 3.1", "Theorem 3.1′", "Theorem D.2", "Theorem 4.1′", "Theorem D.1", "Theorem 4.2"],
      [
        "Theorem 4.3",
        "Theorem J.2",
        "Theorem J.3",
        "Example J.1",
        "Proposition C.1",
        "Lemma I.1",
        "Lemma 4.1",
      ],
      [
        "Proposition E.1",
        "Proposition E.2",
        "Lemma J.5",
        "Definition J.1",
        "Definition 3.2",
        "Definition D.1",
      ],
      ["Theorem 3.1", "Theorem 4.1", "Definition 3.1", "Definition F.1", "Assumption 4.2", "Algorithm 1"],
      ["eq. (2)", "eq. (4)", "eq. (6)", "eq. (8)", "eq. (9)", "eq. (10)"],
    ].flat()) {
      expect(list).toMatch(new RegExp(`^  ${name.replace(/[.()]/g, "\\$&")} +[a-z]`, "m"));
    }
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
    for (const row of rows) {
      expect(row.mutations.length).toBeGreaterThan(0);
      expect(existsSync(row.file), row.file).toBe(true);
    }
  });
});
