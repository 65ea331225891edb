import type { Method } from "../../sharpen/methods/method.js";
import { methods } from "../../sharpen/methods/registry.js";
import { defineCommand, type AddCommand } from "../command.js";
import { methodOptions } from "../method-options.js";
import { TRAIN, TRAIN_DETAILS, trainOnRun } from "../train-on-run.js";

/** `whetstone train <method> <run>`, one command a method. */
export const trainCommands: readonly AddCommand[] = Object.values(methods).map(trainCommand);

function trainCommand(method: Method): AddCommand {
  const { name, summary, details, examples } = method;
  return defineCommand({
    usage: `${name} <run>`,
    summary,
    details: details === undefined ? TRAIN_DETAILS : `${details} ${TRAIN_DETAILS}`,
    options: TRAIN,
    own: methodOptions([method]),
    examples: examples.map(
      ([options, meaning]) => [`train ${name} runs/draws ${options}`.trimEnd(), meaning] as const,
    ),
    run: ([dir], values, context) => trainOnRun(method, dir, values, context),
  });
}
