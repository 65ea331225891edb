import { join } from "node:path";
import { RunError } from "../core/errors.js";
import { collectEarly } from "../core/heap.js";
import type { Policy, Response } from "../policy/policy.js";
import type { Pool } from "../reward/self-reward.js";
import type { PromptRecord } from "../run/records.js";
import type { RunReader } from "../run/read-run.js";
import { indexResponses, type ResponseIndex, type ResponsePlaces } from "../run/response-index.js";
import type { Task } from "../task/task.js";

/** Of a run with more responses heaps are collected early while it is open. */
const LARGE = 200_000;

/** A test prompt of a run with everything that the base drew for it. */
export interface DrawnPrompt {
  readonly prompt: PromptRecord;
  readonly greedy: Response;
  /** By index. */
  readonly responses: readonly Response[];
}

/** The test prompts of a finished run, whose responses lie in its files until they are asked for. */
export interface DrawnPrompts {
  /** In the run's order. */
  readonly prompts: readonly PromptRecord[];
  /** How many responses each has. */
  readonly sizes: readonly number[];
  /** The greedy response to the prompt at a place of `prompts`. @throws DataError for a malformed record. */
  greedy(place: number): Response;
  /** Its responses, by index. The last prompt's are remembered. @throws as `greedy`. */
  responses(place: number): readonly Response[];
  /** Where both lie, for another thread. */
  places(place: number): { readonly greedy: ResponsePlaces; readonly drawn: ResponsePlaces };
  close(): void;
}

/**
 * Opens what a finished run has drawn.
 * @param large of a run with more responses the heaps of this process, and of its threads, are collected early as long as it is open, so that
 * figures of millions do not lie beside as much garbage.
 * @throws RunError when it has drawn fewer responses to a prompt than it was asked for, or no greedy one.
 */
export async function openDrawn(run: RunReader, large = LARGE): Promise<DrawnPrompts> {
  const { n } = run.manifest.drawing;
  const prompts = (await run.prompts()).filter(({ split }) => split === "test");
  const drawn = await indexResponses(join(run.dir, "responses.jsonl"));
  let greedy: ResponseIndex;
  try {
    greedy = await indexResponses(join(run.dir, "greedy.jsonl"));
  } catch (error) {
    drawn.close();
    throw error;
  }
  const endCollecting = drawn.records > large ? collectEarly() : undefined;
  const close = (): void => {
    drawn.close();
    greedy.close();
    endCollecting?.();
  };
  const sizes = prompts.map(({ id }) => drawn.countOf(id));
  const finished = prompts.filter(({ id }, place) => sizes[place]! >= n && greedy.countOf(id) > 0).length;
  if (prompts.length === 0 || finished < prompts.length) {
    close();
    throw new RunError(
      `${run.dir} is not finished: ${finished} of ${prompts.length} prompts have their ${n} responses`,
      { reason: "run-unfinished", where: run.dir, remedy: "continue it" },
    );
  }
  return {
    prompts,
    sizes,
    greedy: (place) => greedy.read(prompts[place]!.id)[0]!,
    responses: (place) => drawn.read(prompts[place]!.id),
    places: (place) => {
      const { id } = prompts[place]!;
      return { greedy: greedy.placesOf(id), drawn: drawn.placesOf(id) };
    },
    close,
  };
}

/** All that was drawn for the prompt at a place. @throws DataError for a malformed record. */
export function drawnAt(drawn: DrawnPrompts, place: number): DrawnPrompt {
  return {
    prompt: drawn.prompts[place]!,
    greedy: drawn.greedy(place),
    responses: drawn.responses(place),
  };
}

/** All of them, in memory. @throws as `openDrawn`. */
export async function drawnPrompts(run: RunReader): Promise<DrawnPrompt[]> {
  const drawn = await openDrawn(run);
  try {
    return drawn.prompts.map((_, place) => drawnAt(drawn, place));
  } finally {
    drawn.close();
  }
}

/** A pool for each prompt whose responses are read when they are asked for, each time anew but for the last prompt's. */
export function filedPools(drawn: DrawnPrompts, task: Task, policy?: Policy): Pool[] {
  const extract = (text: string): string | undefined => task.extract(text);
  return drawn.prompts.map((prompt, place) => ({
    prompt,
    get responses() {
      return drawn.responses(place);
    },
    extract,
    ...(policy && { policy }),
  }));
}

/** The greedy response to each prompt, read when it is asked for. */
export function filedGreedy(drawn: DrawnPrompts): Response[] {
  return drawn.prompts.map(({ id }, place) => {
    const own = (): Response => drawn.greedy(place);
    return {
      promptId: id,
      index: -1,
      get text() {
        return own().text;
      },
      get tokens() {
        return own().tokens;
      },
      get logProbs() {
        return own().logProbs;
      },
      get finish() {
        return own().finish;
      },
    };
  });
}
