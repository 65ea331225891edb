import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { graderNamed, type GraderName } from "../graders.js";
import { numericAnswer } from "./numeric.js";

function rows<T>(name: string): T[] {
  const lines = readFileSync(new URL(`./cases/${name}.jsonl`, import.meta.url), "utf8")
    .trim()
    .split("\n");
  return lines.map((line) => JSON.parse(line) as T);
}

/** What people reported of graders, in other tools and in this one before it read values. */
describe("reported cases", () => {
  it.each(
    ["reported-answers", "answers"].flatMap((name) =>
      rows<{ grader: GraderName; label: string; response: string; right: boolean }>(name),
    ),
  )("$grader of $response is judged $right for $label", ({ grader, label, response, right }) => {
    const { label: meaning, agrees } = graderNamed(grader);
    expect(agrees(meaning(label)!, response)).toBe(right);
  });

  it.each(rows<{ label: string | number; equals: string[] }>("reported-labels"))(
    "the label $label is $equals",
    ({ label, equals }) => {
      const { label: meaning, agrees } = graderNamed("numeric");
      // A number of JSON's that is longer than a float holds is handed over as it was written; `jsonl.test.ts` has it.
      const wanted = meaning(typeof label === "number" ? equals[0]! : label)!;
      for (const same of equals) {
        expect(meaning(same)).toMatchObject({ text: wanted.text });
        expect(agrees(wanted, `The answer is ${same}.`)).toBe(true);
        expect(agrees(wanted, `First 7.\n\nThe answer is $${same}$. I used 2 steps.`)).toBe(true);
        expect(agrees(wanted, "The answer is 2.")).toBe(false);
      }
    },
  );

  it("elects the majority's value, however it is spelled", () => {
    const votes = new Map<string | undefined, number>();
    for (const { response, value } of rows<{ response: string; value: string }>("reported-votes")) {
      expect(numericAnswer(response)).toBe(value);
      votes.set(value, (votes.get(value) ?? 0) + 1);
    }
    expect([...votes]).toEqual([
      ["3/4", 5],
      ["2", 3],
    ]);
  });
});

describe("the value of a response", () => {
  it.each(rows<{ response: string; value: string | null }>("values"))(
    "of $response is $value",
    ({ response, value }) => {
      expect(numericAnswer(response)).toBe(value ?? undefined);
    },
  );
});
