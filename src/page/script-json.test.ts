import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { scriptJson } from "./script-json.js";

describe("scriptJson", () => {
  it("round-trips and holds nothing that could end a script element", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const markup = scriptJson({ value, bad: "</script><!--<script>&amp;\u2028" });
        expect(markup).not.toMatch(/[<>&\u2028\u2029]/);
        expect(JSON.stringify((JSON.parse(markup) as { value: unknown }).value)).toBe(JSON.stringify(value));
      }),
    );
  });
});
