import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { errata } from "./errata.js";
import { errataMarkdown } from "./errata-text.js";
import { rows } from "./rows/index.js";
import { numberedStatements } from "./statements.js";

describe("the paper's numbered statements", () => {
  const named = new Set(rows.flatMap(({ source }) => source));
  it.each(numberedStatements)("$name has a row, or a reason why it needs none", ({ name, noRow }) => {
    expect(named.has(name)).toBe(noRow === undefined);
  });
  it("every theorem, proposition, lemma, corollary and example has a row, and rows name nothing that is not in the paper", () => {
    const claims = numberedStatements.filter(({ name }) =>
      /^(Theorem|Proposition|Lemma|Corollary|Example)/.test(name),
    );
    expect(claims.filter(({ noRow }) => noRow !== undefined)).toEqual([]);
    expect(claims).toHaveLength(33);
    const known = new Set(numberedStatements.map(({ name }) => name));
    expect([...named].filter((name) => !known.has(name) && !name.startsWith("eq. ("))).toEqual([]);
    expect(known.size).toBe(numberedStatements.length);
  });
});

describe("errata", () => {
  it.each(errata.map((erratum) => [erratum.where, erratum] as const))(
    "%s: the counterexample refutes what is printed and spares what is mended",
    (_, erratum) => {
      const { text, refuted, mended } = erratum.counterexample();
      expect(text).toMatch(/\d/);
      expect({ refuted, mended }).toEqual({ refuted: true, mended: true });
    },
  );
  it("docs/errata.md is what `whetstone theory --errata` prints", () => {
    expect(readFileSync("docs/errata.md", "utf8")).toBe(errataMarkdown());
  });
});
