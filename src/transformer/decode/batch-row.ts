import type { Draw, DrawRequest, DrawSettings } from "./draw-request.js";

/** A row of the batch while it is at work on a response. */
export interface Row<T> {
  readonly request: DrawRequest<T>;
  readonly settings: DrawSettings<T>;
  readonly tokens: number[];
  readonly logProbs: number[];
  readonly certainties: number[];
  logProb: number;
  /** Where they are told. */
  readonly drawnLogProbs: number[] | undefined;
  drawnLogProb: number;
  /** Tokens whose keys and values the row has, the prompt's last one the first of them. */
  behind: number;
}

/** The response's tokens so far that are steps of the row: replayed ones and those that were drawn. */
export const stepToken = <T>({ request: { replay = [] }, tokens }: Row<T>, at: number): number =>
  at < replay.length ? replay[at]! : tokens[at - replay.length]!;

/** A row that begins a response. */
export function newRow<T>(request: DrawRequest<T>, settings: DrawSettings<T>): Row<T> {
  return {
    ...{ request, settings, tokens: [], logProbs: [], certainties: [], logProb: 0 },
    ...{ drawnLogProbs: tellsDrawn(settings) ? [] : undefined, drawnLogProb: 0, behind: 0 },
  };
}

/** A row that has finished, and where it was. */
export interface Finished<T> {
  readonly row: Row<T>;
  readonly i: number;
  readonly draw: Draw<T>;
}

/** Whether a row's tokens are drawn under other probabilities than the model's own at temperature 1, and these are asked for. */
function tellsDrawn<T>({ tellsDrawn: asked, temperature, greedy }: DrawSettings<T>): boolean {
  return asked === true && temperature !== 1 && !greedy;
}

/** What a row has drawn. */
export function drawOf<T>(row: Row<T>, finish: Draw<T>["finish"]): Draw<T> {
  const { request, tokens, logProbs, certainties, drawnLogProbs } = row;
  return { tag: request.tag, tokens, logProbs, certainties, ...(drawnLogProbs && { drawnLogProbs }), finish };
}
