/** A thread that measures: it is told once what of (`ThreadWork`), then piece by piece, and answers each. */
import { workerData } from "node:worker_threads";
import { DataError } from "../../core/errors.js";
import { answerPieces } from "../../core/in-threads.js";
import { findTask } from "../../task/registry.js";
import { buffersOf, figuresOfPiece, type PackedFigures, type Piece, type ThreadWork } from "./piece.js";

const { task: recipe, digest, rewards } = workerData as ThreadWork;
const task = await findTask(recipe.name, recipe.options);
if (task.digest !== digest)
  throw new DataError(`${recipe.name} was changed while it was measured; measure again.`);

answerPieces<Piece, PackedFigures>((items) => figuresOfPiece(task, rewards, items), buffersOf);
