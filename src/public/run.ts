// `whetstone/run`: run folders and their configuration, written, resumed, read and verified.
export type {
  Json,
  Part,
  PowerSampler,
  RunAmortize,
  RunConfig,
  RunDrawing,
  RunModel,
  RunSeeds,
  RunTask,
  Source,
} from "../run/config.js";
export type { ModuleFile } from "../core/own-module.js";
export { runVersions, type Manifest } from "../run/manifest.js";
export { openRun, startRun, type Run, type StartOptions } from "../run/run.js";
export { readRun, type RunReader } from "../run/read-run.js";
export { verifyRun, type RunCheck } from "../run/verify-run.js";
export type { RecordLog } from "../run/record-log.js";
export type { RecordKind } from "../run/record-lines.js";
export type { PromptRecord, Selection } from "../run/records.js";
