import { isModulePath } from "../core/own-module.js";
import { graderNamed } from "../task/graders.js";
import type { Parse } from "./values.js";

/** A grader's name, or the path of one's own module; a pattern is tried at once, so that a wrong one is refused before a model is loaded. */
export const grader: Parse<string> = (value) => (isModulePath(value) ? value : graderNamed(value).name);
