import { describe, expect, it } from "vitest";
import { rows } from "../../src/theory/index.js";

it("has a mutation of every row", () => {
  for (const { title, mutations } of rows) expect(mutations.length, title).toBeGreaterThan(0);
});

describe.each(rows.map((row) => [row.title, row] as const))("%s", (_, row) => {
  it.each(row.mutations.map(({ id }) => id))("turns red under the mutation %s", (mutation) => {
    expect(row.run({ effort: "test", seed: 1, mutation }).verdict).toBe("fails");
  });
});
