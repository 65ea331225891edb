import { describe, expect, it } from "vitest";
import { rows } from "../../src/theory/index.js";

// The first mutation of each row is tried beside the rows themselves.
const more = rows.filter(({ mutations }) => mutations.length > 1);

describe.each(more.map((row) => [row.title, row] as const))("%s", (_, row) => {
  it.each(row.mutations.slice(1).map(({ id }) => id))("turns red under the mutation %s", (mutation) => {
    expect(row.run({ effort: "test", seed: 1, mutation }).verdict).toBe("fails");
  });
});
