import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "./support/fixture.js";

const RESULTS = join(ROOT, "docs", "results");

interface Row {
  page: string;
  command: string;
  found: string;
}

/** The rows of docs/results/README.md: a page, the command that makes it, and what it found. */
function rowsOf(text: string): Row[] {
  return [...text.matchAll(/^\| \[([\w-]+)\.html\]\(\1\.html\) +\| `([^`]+)` +\| (.+?) +\|$/gm)].map(
    ([, page = "", command = "", found = ""]) => ({ page, command, found }),
  );
}

/** Every number in a page's JSON, and in the sentences that it holds. */
function numbersIn(value: unknown): number[] {
  if (typeof value === "number") return [value];
  if (typeof value === "string") {
    return (value.match(/\d+(?:,\d{3})*(?:\.\d+)?/g) ?? []).map((text) => Number(text.replaceAll(",", "")));
  }
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(numbersIn) : [];
}

/** The figures of a row, those with a decimal, that its page does not have, neither as they are nor in percent. */
function strangersIn(found: string, numbers: readonly number[]): string[] {
  return (found.match(/\d+\.\d+/g) ?? []).filter((figure) => {
    const digits = figure.split(".")[1]!.length;
    return !numbers.some((number) =>
      [number, 100 * number].some((value) => Math.abs(value).toFixed(digits) === figure),
    );
  });
}

const readJson = (page: string): { command: string } =>
  JSON.parse(readFileSync(join(RESULTS, `${page}.json`), "utf8")) as { command: string };

describe("the table of results", () => {
  const rows = rowsOf(readFileSync(join(RESULTS, "README.md"), "utf8"));
  const withJson = rows.filter(({ page }) => existsSync(join(RESULTS, `${page}.json`)));

  it("has every page once", () => {
    const pages = rows.map(({ page }) => page);
    expect(new Set(pages).size).toBe(pages.length);
    expect(withJson.length).toBeGreaterThan(12);
  });

  it.each(withJson)("says of $page what its JSON says", ({ page, found }) => {
    expect(strangersIn(found, numbersIn(readJson(page)))).toEqual([]);
  });

  it.each(withJson)("has the command that made $page", ({ page, command }) => {
    const shown = (text: string): string[] =>
      text
        .replace(/ -n (?=\d)/, " --n ")
        .split(/ (?=--)/)
        .filter((part) => !part.startsWith("--data"))
        .sort();
    expect(shown(command)).toEqual(shown(readJson(page).command));
  });

  it("would not pass with another page's row", () => {
    const { found } = rows.find(({ page }) => page === "inference-smollm2-mmlu")!;
    expect(strangersIn(found, numbersIn(readJson("inference-smollm2-math")))).not.toEqual([]);
  });
});
