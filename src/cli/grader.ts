import { UsageError } from "../core/errors.js";
import { graderNamed, graderNames, isGraderName, type GraderName } from "../task/graders.js";
import type { Parse } from "./values.js";

/** A grader's name; a pattern is tried at once, so that a wrong one is refused before a model is loaded. */
export const grader: Parse<GraderName> = (value, flag) => {
  if (isGraderName(value)) return graderNamed(value).name;
  throw new UsageError(`${flag} must be one of ${graderNames.join(", ")}, not ${JSON.stringify(value)}.`);
};
