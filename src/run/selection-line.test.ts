import fc from "fast-check";
import { expect, it } from "vitest";
import { selectionRecords } from "./records.js";

const anyValue = fc.oneof(
  fc.string(),
  fc.integer({ min: -2, max: 4 }),
  fc.double(),
  fc.constantFrom(null, "", [], {}, 1e300, 0.5),
  fc.array(fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(null, "1", 2)), {
    maxLength: 4,
  }),
);
const stored = fc
  .record({
    promptId: fc.string({ minLength: 1 }),
    reward: fc.string({ minLength: 1 }),
    chosen: fc.integer({ min: 0, max: 3 }),
    scores: fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 4 }),
    module: fc.option(fc.string(), { nil: undefined }),
  })
  .map(({ module, ...rest }) => ({ ...rest, ...(module !== undefined && { module }) }));

it("reads of a line of selections.jsonl what the schema gives, or leaves it to that", () => {
  let read = 0;
  const check = (text: string): void => {
    const quick = selectionRecords.quick!(Buffer.from(text, "utf8"));
    if (quick === undefined) return;
    read++;
    const { success, data } = selectionRecords.schema.safeParse(JSON.parse(text));
    expect(success).toBe(true);
    expect(JSON.stringify(quick)).toBe(JSON.stringify(data));
  };
  fc.assert(
    fc.property(
      stored,
      fc.constantFrom("promptId", "reward", "chosen", "scores", "module", "more"),
      anyValue,
      (own, field, value) => {
        check(JSON.stringify(own));
        // One field is another, or there is one more.
        check(JSON.stringify({ ...own, [field]: value }));
        check(JSON.stringify(own).slice(0, -1));
      },
    ),
    { numRuns: 500 },
  );
  check('{"promptId":"a","reward":"r","chosen":0,"scores":[1e999]}');
  check("null");
  expect(read).toBeGreaterThan(300);
});
