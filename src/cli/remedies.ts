import type { WhetstoneError } from "../core/errors.js";

/** What to do about an error on the command line, by its reason: with the flag that helps. */
export const REMEDIES: Readonly<Record<string, string>> = {
  "adapter-not-served": "serve it as said, then go on with --resume",
  "cannot-listen": "end what listens there, or choose another with --port or --host",
  "beyond-half": "leave out --quantize, or use --quantize keep where the file has blocks",
  "batch-exists": "choose another with --batch",
  "batch-incomplete":
    "write the rest with --batch <folder> --resume, or give more results with --batch-results and --resume",
  "data-is-the-task": "leave out --data, and name your own file as the task",
  "data-missing": "name the file, or a folder of such files, with --data",
  "data-not-taken": "leave out --data",
  "device-half": "leave out --quantize and --kv-cache, or use --device cpu",
  "device-lacks": "use --device cpu, or another --quantize",
  "device-lost": "repeat the command, with --resume for a run, or add --device cpu",
  "device-memory": "lower --n or --max-tokens, or add --device cpu",
  "device-wrong": "use --device cpu",
  "file-in-use": "wait for it to end or choose another with --out",
  "grader-not-taken": "leave out --grader, which is for your own files",
  "label-of-another-kind": "choose another with --grader",
  "model-too-big": "choose one of these with --quantize",
  "nothing-rounded": "leave out --exact-choice, or add --quantize int8 or --quantize int4",
  "no-adapter": "install the graphics driver, or use --device cpu",
  "no-margin": "give one with --beta",
  "no-trainer": "see that it runs where --trainer says, then repeat the command with --resume",
  "no-server": "give --base-url, such as http://localhost:8000/v1, or set OPENAI_BASE_URL",
  "no-serve-key": "give it one with --api-key-file or WHETSTONE_API_KEY, or leave out --host",
  "prompt-too-long": "shorten it or lower --max-tokens",
  "prompts-too-long": "leave such prompts out with --skip-long, shorten them, or lower --max-tokens",
  "quantized-training": "use --quantize keep or leave it out to train",
  "requests-used-up": "raise --max-requests to go on",
  "row-stopped": "check that row alone with --only",
  "rows-not-taken": "leave out --rows",
  "run-differs": "resume it as it was made, or choose another folder with --run",
  "run-exists": "add --resume to continue it, or choose another folder with --run",
  "run-folder-taken": "choose another folder with --run",
  "run-in-use": "wait for it to end or choose another folder with --run",
  "run-of-another-task": "name the right one with --task",
  "run-unfinished": "continue it with --resume",
  "suite-differs": "resume it as it was made, or choose another with --out",
  "suite-exists": "add --resume to continue it, or choose another with --out",
  "suite-folder-taken": "choose another with --out",
  "suite-unfinished": "continue the suite with --resume",
  "thread-ended": "measure it with --threads 1",
  "tokens-used-up": "raise --max-tokens-total to go on",
  "trainer-differs": "name the model that drew with --base, or allow more with --trainer-tolerance",
  "trainer-shape": "ask for what it makes with --rank, --alpha and --target-modules",
};

/** The sentence of an error for the command line: the library's, with a remedy that names flags where there is one. */
export function sentenceOf(error: WhetstoneError): string {
  const remedy = error.reason === undefined ? undefined : REMEDIES[error.reason];
  return remedy === undefined ? error.message : `${error.problem}; ${remedy}.`;
}
