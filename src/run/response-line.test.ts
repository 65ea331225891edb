import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Response } from "../policy/policy.js";
import { responseRecords, storedResponse } from "./records.js";
import { parseResponseLine, responseIdOf, tokensOfLine } from "./response-line.js";

const lineOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value), "utf8");

const anyText = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.constant('a\\"\n\u2028é😀'));
const logProb = fc.oneof(
  fc.float({ noNaN: true, noDefaultInfinity: true }),
  fc.double({ min: -30, max: 0, noNaN: true }),
  fc.constantFrom(0, -0, -1e-7, 1.5e21),
);

const anyResponse: fc.Arbitrary<Response> = fc
  .record({
    promptId: anyText.filter((id) => id !== ""),
    index: fc.integer({ min: -1, max: 1e6 }),
    text: anyText,
    steps: fc.array(fc.tuple(fc.integer({ min: 0, max: 2 ** 31 }), logProb, logProb), { maxLength: 8 }),
    finish: fc.constantFrom("stop" as const, "length" as const),
    told: fc.record({ tokens: fc.boolean(), certainties: fc.boolean() }),
  })
  .map(({ steps, told, ...rest }) => ({
    ...rest,
    tokens: told.tokens ? steps.map(([token]) => token) : [],
    logProbs: steps.map(([, value]) => value),
    ...(told.certainties && { certainties: steps.map(([, , value]) => value) }),
  }));

/** What the parser and the schema give of a line; undefined where it is no response. */
function slowly(bytes: Buffer): Response | undefined {
  try {
    const parsed = responseRecords.schema.safeParse(JSON.parse(bytes.toString("utf8")));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

describe("a line of responses.jsonl, read without a JSON parser", () => {
  it("is what the parser and the schema give, to the last bit and in the same order of fields", () => {
    let read = 0;
    fc.assert(
      fc.property(anyResponse, (response) => {
        const bytes = lineOf(storedResponse(response));
        const quick = parseResponseLine(bytes);
        expect(responseIdOf(bytes)).toEqual({ promptId: response.promptId, index: response.index });
        if (quick === undefined) return;
        read++;
        expect(quick).toStrictEqual(slowly(bytes));
        expect(JSON.stringify(quick)).toBe(bytes.toString("utf8"));
      }),
      { numRuns: 400, seed: 1 },
    );
    // Not all: some floats have exponents that are left to the parser.
    expect(read).toBeGreaterThan(100);
  });

  it("never reads what they refuse, or something else than they, in a line that was changed anywhere", () => {
    fc.assert(
      fc.property(anyResponse, fc.nat(), fc.nat(255), fc.boolean(), (response, where, byte, replaced) => {
        const line = lineOf(storedResponse(response));
        const at = where % line.length;
        const bytes = Buffer.concat([
          line.subarray(0, at),
          Buffer.from([byte]),
          line.subarray(replaced ? at + 1 : at),
        ]);
        const quick = parseResponseLine(bytes);
        if (quick !== undefined) expect(quick).toStrictEqual(slowly(bytes));
      }),
      { numRuns: 1500, seed: 2 },
    );
  });

  it.each([
    ["an empty prompt", '{"promptId":"","index":0,"text":"","tokens":[],"logProbs":[],"finish":"stop"}'],
    ["a leading zero", '{"promptId":"a","index":00,"text":"","tokens":[],"logProbs":[],"finish":"stop"}'],
    ["two lengths", '{"promptId":"a","index":0,"text":"","tokens":[1,2],"logProbs":[-1],"finish":"stop"}'],
    ["another end", '{"promptId":"a","index":0,"text":"","tokens":[],"logProbs":[],"finish":"end"}'],
    ["a half token", '{"promptId":"a","index":0,"text":"","tokens":[1.5],"logProbs":[-1],"finish":"stop"}'],
    ["an open number", '{"promptId":"a","index":0,"text":"","tokens":[1],"logProbs":[-1.],"finish":"stop"}'],
    ["what follows", '{"promptId":"a","index":0,"text":"","tokens":[],"logProbs":[],"finish":"stop"} '],
  ])("leaves %s to the parser", (_, line) => {
    expect(parseResponseLine(Buffer.from(line))).toBeUndefined();
  });
});

describe("the tokens of a line, counted without reading them", () => {
  it("are as many as are read, wherever in memory the line lies and however long it is", () => {
    for (const length of [0, 1, 2, 3, 5, 8, 40, 1021, 3000])
      for (const hasIds of [true, false]) {
        const logProbs = Array.from({ length }, (_, at) => (at % 3 === 0 ? -at : -1 / (at + 1)));
        const tokens = hasIds ? logProbs.map((_, at) => (at * 7919) % 50_000) : [];
        const text = '","tokens":[1,2,3],"logProbs":[4]';
        const line = lineOf({ promptId: "a,b", index: 7, text, tokens, logProbs, finish: "stop" });
        for (const offset of [0, 1, 2, 3]) {
          const bytes = Buffer.alloc(line.length + offset + 3, ",");
          line.copy(bytes, offset);
          expect(tokensOfLine(bytes.subarray(offset, offset + line.length))).toBe(length);
        }
      }
  });

  it("are left to the parser where the line has another form", () => {
    const line = lineOf({ promptId: "a", index: 7, text: "", tokens: [1, 2], logProbs: [-1, -2] }).toString();
    for (const other of [
      line.replace('"tokens":[1,2]', '"tokens": [1,2]'),
      line.replace('"tokens":[1,2],"logProbs"', '"tokens":[],"certainties"'),
      line.slice(0, line.indexOf("1,2]") + 2),
    ])
      expect(tokensOfLine(Buffer.from(other))).toBeUndefined();
  });
});
