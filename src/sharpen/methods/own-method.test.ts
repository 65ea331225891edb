import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { DataError, OwnCodeError, UsageError } from "../../core/errors.js";
import type { FitProblem } from "../fit-problem.js";
import type { MethodContext } from "./method.js";
import { findMethod, methods } from "./registry.js";

const folder = mkdtempSync(join(tmpdir(), "whetstone-method-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let written = 0;
/** A method of a module whose plan is the function's text. */
async function methodOf(plan: string): Promise<Awaited<ReturnType<typeof findMethod>>> {
  const path = join(folder, `${written++}.mjs`);
  writeFileSync(
    path,
    `export default Object.freeze({
      name: "mine", title: "Mine", brief: "", summary: "", examples: [], options: [], trainN: { default: "n", least: 1 },
      patience: 0, iterate: "epoch", draws: [], page: { losses: "", kept: "", facts: [] }, plan: ${plan},
    });`,
  );
  return findMethod(path);
}
const context = {} as MethodContext;
const PROBLEM = `{ iterates: 2, passes: 1, count: () => 1, examples: async () => [7],
  batch: () => ({ sequences: [{ prompt: { id: "a" }, tokens: [3] }], objective: { evaluate: () => ({ loss: 1 }) }, size: 1 }),
  judge: async () => ({ validationLoss: 2 }) }`;
const planOf = (problem: string, rest = ""): string =>
  `async () => ({ iterates: 2, facts: { modelCalls: 3 }, fitTo: (fit) => fit(${problem}), ${rest} })`;
/** Asks everything of a plan's problem that a training does. */
const ask = async <E>(problem: FitProblem<E>): Promise<unknown[]> => {
  const batch = problem.batch(await problem.examples(1, {} as never));
  return [
    problem.count(1),
    batch.size,
    batch.objective.evaluate([0]).loss,
    await problem.judge({} as never, 0),
  ];
};

describe("a method from a module", () => {
  it("is looked up by its path, a built-in one by its name", async () => {
    expect(await findMethod("dpo")).toBe(methods["dpo"]);
    await expect(findMethod("mine.mjs")).rejects.toThrow(UsageError);
    expect(await methodOf(planOf(PROBLEM))).toMatchObject({ name: "mine", trainN: { default: "n" } });
  });

  it("hands its problem through", async () => {
    const { iterates, facts, fitTo } = await (await methodOf(planOf(PROBLEM))).plan(context);
    expect([iterates, facts]).toEqual([2, { modelCalls: 3 }]);
    expect(await fitTo(ask)).toEqual([1, 1, 1, { validationLoss: 2 }]);
  });

  it("is learned in whole iterates unless it says that it need not be", async () => {
    const whole = async (problem: string): Promise<boolean | undefined> => {
      const { fitTo } = await (await methodOf(planOf(problem))).plan(context);
      return (await fitTo(({ wholeIterates }) => Promise.resolve([wholeIterates])))[0];
    };
    expect(await whole(PROBLEM)).toBe(true);
    expect(await whole(`{ ...${PROBLEM}, wholeIterates: false }`)).toBe(false);
  });

  it.each([
    ["() => undefined", /gave a plan that cannot be used/],
    [planOf(PROBLEM, "iterates: 0"), /gave a plan that cannot be used \(its "iterates": /],
    [planOf("{}"), /gave a problem that cannot be used \(its "iterates": /],
    [planOf(`{ ...${PROBLEM}, wholeIterates: "no" }`), /gave a problem .* \(its "wholeIterates": /],
    [planOf(`{ ...${PROBLEM}, examples: async () => [] }`), /gave a list of examples that cannot be used/],
    [planOf(`{ ...${PROBLEM}, count: () => NaN }`), /gave a count of examples that cannot be used/],
    [planOf(`{ ...${PROBLEM}, batch: () => ({ sequences: [] }) }`), /gave a batch .* \(its "sequences": /],
    [planOf(`{ ...${PROBLEM}, judge: async () => ({}) }`), /gave a judgement .* \(its "validationLoss": /],
    [planOf(`{ ...${PROBLEM}, judge: async () => null.x }`), /threw in judge: TypeError: /],
    [planOf(PROBLEM).replace("fit(", "oops("), /threw in fitTo: ReferenceError: /],
  ])("names the file where it gives something else: %s", async (plan, sentence) => {
    const method = await methodOf(plan);
    const failed = expect(method.plan(context).then(({ fitTo }) => fitTo(ask))).rejects;
    await failed.toThrow(sentence);
    await failed.toThrow(OwnCodeError);
  });

  it("is not blamed for what fails in the training itself", async () => {
    const { fitTo } = await (await methodOf(planOf(PROBLEM))).plan(context);
    for (const error of [new DataError("a full disk"), new Error("a fault of ours")])
      await expect(fitTo(() => Promise.reject(error))).rejects.toBe(error);
  });
});
