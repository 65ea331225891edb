/** A thread that measures: it is told once what of (`ThreadWork`), then piece by piece, and answers each. */
import { parentPort, workerData } from "node:worker_threads";
import { DataError } from "../../core/errors.js";
import { findTask } from "../../task/registry.js";
import { buffersOf, figuresOfPiece, type Piece, type PieceReply, type ThreadWork } from "./piece.js";

const { task: recipe, digest, rewards } = workerData as ThreadWork;
const task = await findTask(recipe.name, recipe.options);
if (task.digest !== digest)
  throw new DataError(`${recipe.name} was changed while it was measured; measure again.`);

const reply = async ({ number, items }: Piece): Promise<void> => {
  try {
    const figures = await figuresOfPiece(task, rewards, items);
    parentPort!.postMessage({ number, figures } satisfies PieceReply, buffersOf(figures));
  } catch {
    // The main thread reads it again, and says what is wrong with it.
    parentPort!.postMessage({ number } satisfies PieceReply);
  }
};
parentPort!.on("message", (piece: Piece) => void reply(piece));
