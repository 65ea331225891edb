import { expect, it } from "vitest";
import { UsageError } from "./errors.js";
import { OWN_MODULE, unknownName } from "./names.js";

const known = ["log-likelihood", "majority", "SFT"];

it.each([
  ["majorty", " (did you mean majority?)"],
  ["sft", " (did you mean SFT?)"],
  ["log_likelyhood", " (did you mean log-likelihood?)"],
  ["coverage", ""],
  ["", ""],
])("a name that is not there, %j, is refused with what there is, and what is near", (name, meant) => {
  const error = unknownName("reward", name, known);
  expect(error).toBeInstanceOf(UsageError);
  expect(error).toMatchObject({ where: name });
  expect(error.message).toBe(
    `There is no reward "${name}"${meant}: choose one of log-likelihood, majority, SFT.`,
  );
});

it("says what else may be given", () => {
  expect(unknownName("grader", "x", ["exact"], OWN_MODULE).message).toBe(
    'There is no grader "x": choose one of exact, or give the path of your own module, such as ./mine.js.',
  );
});
