import { z } from "zod";
import { answerSchema } from "../../sharpen/answer-record.js";
import { answerLineSchema } from "../answers-out.js";
import { metrics } from "./figures.js";
import { theory } from "./lab.js";
import { models } from "./models.js";
import { answered, measuredRun, runs, sampled, sharpened } from "./runs.js";
import { suite } from "./suites.js";

/** What a program is given, and where. */
interface Published {
  readonly title: string;
  readonly schema: z.ZodType;
}

const text = z.string();

const lastLine = (command: string): string => `What \`whetstone ${command} --json\` ends with.`;

const exported = z.union([
  z.strictObject({ adapter: text, model: text, target: text, kind: z.enum(["gguf-lora", "merged"]) }),
  z.strictObject({
    ...{ run: text, responses: text, target: text },
    kind: z.literal("parquet"),
    rows: z.int().min(0),
  }),
]);
const served = z.strictObject({ url: text, model: text, bestOf: z.int().min(1), reward: text });

const viewed = z.strictObject({ url: text, folder: text });

/** Every form that is written for programs: the last line of each command under its name, and files. */
export const PUBLISHED = {
  sharpen: { title: lastLine("sharpen"), schema: sharpened },
  answer: { title: lastLine("answer"), schema: answered },
  sample: { title: lastLine("sample"), schema: sampled },
  serve: { title: "What `whetstone serve --json` prints once it listens.", schema: served },
  view: { title: "What `whetstone view --json` prints once it listens.", schema: viewed },
  evaluate: { title: lastLine("evaluate"), schema: measuredRun },
  train: { title: lastLine("train"), schema: measuredRun },
  report: { title: lastLine("report"), schema: z.strictObject({ runDir: text, report: text }) },
  runs: { title: lastLine("runs"), schema: runs },
  export: { title: lastLine("export"), schema: exported },
  models: { title: lastLine("models"), schema: models },
  "demo-page": { title: lastLine("demo-page"), schema: z.strictObject({ folder: text, page: text }) },
  theory: { title: lastLine("theory"), schema: theory },
  reproduce: {
    title: `${lastLine("reproduce")} result.json holds it without page and figures.`,
    schema: suite,
  },
  "answers.jsonl": { title: "A line of answers.jsonl of a run folder.", schema: answerSchema },
  "answers-out.jsonl": { title: "A line of what `whetstone answer --out` writes.", schema: answerLineSchema },
  "metrics.json": { title: "metrics.json of a run folder.", schema: metrics },
} as const satisfies Readonly<Record<string, Published>>;
