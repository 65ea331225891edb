import { titleOf } from "../sharpen/methods/registry.js";

/** What a cell is called by: of the amortized suite also its method and N. */
export interface NamedCell {
  /** Short names, as in results. */
  readonly model: string;
  readonly task: string;
  readonly method?: string | undefined;
  /** The method in words, where its name does not tell them: that of a point of a sweep. */
  readonly title?: string | undefined;
  readonly trainN?: number | undefined;
}

/** What a cell of either suite is called, on its page and in the terminal: `model on task, SFT by majority, N = 8`. */
export function cellName({ model, task, method, title, trainN }: NamedCell): string {
  return [
    `${model} on ${task}`,
    ...(method === undefined ? [] : [title ?? titleOf(method)]),
    ...(trainN === undefined ? [] : [`N = ${trainN}`]),
  ].join(", ");
}
