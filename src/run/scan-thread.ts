/** A thread that looks through a file of responses: it is told once which, then stretch by stretch, and answers each. */
import { workerData } from "node:worker_threads";
import { answerPieces } from "../core/in-threads.js";
import type { Stretch } from "../core/files.js";
import { scanStretch, type ScannedStretch } from "./scan-stretch.js";

/** What the thread is told once. */
export interface ScanWork {
  readonly path: string;
  /** Its descriptor, which is this process's. */
  readonly file: number;
  /** The longest line in bytes. */
  readonly longest: number;
}

const { path, file, longest } = workerData as ScanWork;

answerPieces<Stretch, ScannedStretch | undefined>((stretch) => scanStretch(path, file, stretch, longest));
