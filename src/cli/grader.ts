import { UsageError } from "../core/errors.js";
import { isModulePath } from "../core/own-module.js";
import { graderNamed, graderNames, isGraderName } from "../task/graders.js";
import type { Parse } from "./values.js";

/** A grader's name, or the path of one's own module; a pattern is tried at once, so that a wrong one is refused before a model is loaded. */
export const grader: Parse<string> = (value, flag) => {
  if (isGraderName(value)) return graderNamed(value).name;
  if (isModulePath(value)) return value;
  throw new UsageError(
    `${flag} must be one of ${graderNames.join(", ")} or the path of your own module, such as ./mine.js, not ${JSON.stringify(value)}.`,
  );
};
