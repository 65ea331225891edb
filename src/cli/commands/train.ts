import { isModulePath } from "../../core/own-module.js";
import type { Method } from "../../sharpen/methods/method.js";
import { methods } from "../../sharpen/methods/registry.js";
import { defineCommand, type AddCommand } from "../command.js";
import { methodOf, methodOptions } from "../method-options.js";
import { TRAIN, TRAIN_DETAILS, trainOnRun } from "../train-on-run.js";

/**
 * `whetstone train <method> <run>`, one command a method, and one for a module of one's own that the words name.
 * @throws as `methodOf`.
 */
export async function trainCommands(args: readonly string[]): Promise<readonly AddCommand[]> {
  const word = args.filter((each) => !each.startsWith("-"))[1];
  const commands = Object.values(methods).map((method) => trainCommand(method));
  return word !== undefined && isModulePath(word)
    ? [...commands, trainCommand(await methodOf(word), word)]
    : commands;
}

/** @param word what calls it, where that is not its name. */
function trainCommand(method: Method, word?: string): AddCommand {
  const { name, summary, details, examples } = method;
  return defineCommand({
    usage: `${name} <run>`,
    ...(word !== undefined && { word }),
    summary,
    details: details === undefined ? TRAIN_DETAILS : `${details} ${TRAIN_DETAILS}`,
    options: TRAIN,
    own: methodOptions([method]),
    examples: examples.map(
      ([options, meaning]) => [`train ${word ?? name} runs/draws ${options}`.trimEnd(), meaning] as const,
    ),
    run: ([dir], values, context) => trainOnRun(method, dir, values, context),
  });
}
