import { describe, expect, it } from "vitest";
import { lemma41 } from "./lemma-4-1.js";
import { lemmaI1 } from "./lemma-i-1.js";
import { propE1 } from "./prop-e-1.js";
import { propE2 } from "./prop-e-2.js";
import { thm31, thmD2 } from "./lower-bounds.js";
import { thm41 } from "./thm-4-1.js";
import { thmD1 } from "./thm-d-1.js";
import { exampleJ1 } from "./example-j-1.js";
import { lemmaJ5 } from "./lemma-j-5.js";
import { thm42 } from "./thm-4-2.js";
import { thm43 } from "./thm-4-3.js";
import { prop31 } from "./prop-3-1.js";
import { propC1 } from "./prop-c-1.js";

describe.each([prop31, propC1, lemmaI1, lemma41, propE1, propE2, thm31, thmD2, thm41, thmD1, thm42, thm43, lemmaJ5, exampleJ1])(
  "$title",
  (row) => {
    it("holds, and says the same for the same seed", () => {
      const result = row.run({ effort: "test", seed: 1 });
      const open = [...result.checks, ...result.fits].filter(({ holds }) => !holds);
      expect(open).toEqual([]);
      expect(result.holds).toBe(true);
    });
    it.each(row.mutations.map(({ id }) => id))("turns red under the mutation %s", (mutation) => {
      expect(row.run({ effort: "test", seed: 1, mutation }).holds).toBe(false);
    });
  },
);
