import { cpSync, mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commandLine, type CommandLine, type Ended } from "./support/cli.js";
import { writeTinyModel } from "./support/tiny-model.js";

let cli: CommandLine;
const small = ["--model", "tiny", "--prompts", "3", "--n", "2", "--threads", "1"];

beforeAll(async () => {
  cli = commandLine();
  const file = (name: string, text: string): void => writeFileSync(join(cli.folder, name), text);
  await writeTinyModel(join(cli.folder, "tiny"));
  for (const broken of ["truncated", "corrupt"])
    cpSync(join(cli.folder, "tiny"), join(cli.folder, broken), { recursive: true });
  truncateSync(join(cli.folder, "truncated/model.safetensors"), 2000);
  const weights = readFileSync(join(cli.folder, "tiny/model.safetensors"));
  weights.fill(0x7b, 8, 40);
  writeFileSync(join(cli.folder, "corrupt/model.safetensors"), weights);
  file("malformed.jsonl", '{"prompt": "1 2"}\n{"prompt": "3 4",}\n');
  file("wrong.jsonl", '{"prompt": "1 2", "answer": "none of these"}\n');
  file("messages.jsonl", '{"messages": [{"role": "user", "content": "1 2"}]}\n');
  mkdirSync(join(cli.folder, "thesis"));
  file("thesis/chapter.txt", "not a run");
  file("a-file", "");
  file(
    "full-disk.mjs",
    `import fs from "node:fs";
     import { syncBuiltinESMExports } from "node:module";
     const write = fs.writeSync;
     let room = 4000;
     fs.writeSync = (fd, data, ...rest) => {
       const path = fs.readlinkSync("/proc/self/fd/" + fd);
       if (path.endsWith("responses.jsonl") && (room -= data.length) < 0)
         throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
       return write(fd, data, ...rest);
     };
     syncBuiltinESMExports();`,
  );
});
afterAll(() => cli.remove());

/** A command that has to fail with one line, and what the line must say. */
type Case = readonly [name: string, args: readonly string[], status: number, sentence: RegExp];

const CASES: readonly Case[] = [
  [
    "unknown task",
    ["sharpen", "sudoku"],
    2,
    /There is no task "sudoku": choose one of game24, game24-fresh, game24-train, game24-spare, gsm8k, .*, or give the path of your own file/,
  ],
  [
    "sequences longer than the model takes",
    ["sample", "game24", ...small, "--max-length", "4096"],
    2,
    /sequences of 4096 tokens are asked for, and tiny takes at most \d+/,
  ],
  [
    "rows that are not there",
    ["sharpen", "prontoqa", ...small],
    1,
    /The task prontoqa needs the rows of its data set, .* with --data\.$/m,
  ],
  [
    "rows for game24",
    ["sharpen", "game24", "--data", "rows.jsonl"],
    2,
    /Rows are for gsm8k, .* leave out --data/,
  ],
  [
    "two tasks",
    ["sharpen", "game24", "--task", "other.jsonl"],
    2,
    /Two tasks are given, game24 and other.jsonl/,
  ],
  [
    "missing file",
    ["sharpen", "none.jsonl", ...small],
    1,
    /none\.jsonl cannot be read: there is no such file/,
  ],
  [
    "malformed JSONL",
    ["sharpen", "malformed.jsonl", ...small],
    1,
    /Line 2 of malformed\.jsonl is not valid JSON/,
  ],
  [
    "label of another kind",
    ["sharpen", "--task", "wrong.jsonl", "--grader", "numeric", ...small],
    1,
    /Line 1 of wrong\.jsonl has the answer "none of these", but the grader "numeric" needs one value, such as 18/,
  ],
  [
    "no chat template",
    ["sharpen", "messages.jsonl", ...small],
    2,
    /Line 1 of messages\.jsonl has "messages", but the model has no chat template/,
  ],
  [
    "grader of a built-in task",
    ["sharpen", "--grader", "exact", ...small],
    2,
    /The task game24 has a grader of its own/,
  ],
  ["N below 1", ["sharpen", "--n", "0"], 2, /--n must be a whole number of at least 1, not "0"\./],
  [
    "N that is not whole",
    ["sample", "--n", "2.5"],
    2,
    /--n must be a whole number of at least 1, not "2\.5"\./,
  ],
  ["temperature", ["sharpen", "--temperature", "0"], 2, /--temperature must be a number above 0, not "0"\./],
  ["δ", ["sharpen", "--adaptive", "1"], 2, /--adaptive must be a number above 0 and below 1/],
  [
    "unknown reward",
    ["sharpen", "--reward", "majority,luck"],
    2,
    /There is no reward "luck": choose one of log-likelihood, length-normalized, majority/,
  ],
  [
    "unknown target",
    ["sharpen", "--target-modules", "q"],
    2,
    /There is no (linear|target) "q": choose one of q_proj/,
  ],
  [
    "unknown model",
    ["answer", "1", "--model", "gpt"],
    2,
    /There is no model "gpt": use .*the path of a folder in Hugging Face layout\./,
  ],
  [
    "truncated weights",
    ["answer", "1 2 3 4 = 24 :", "--model", "truncated"],
    1,
    /truncated\/model\.safetensors.*(truncated|cut|ends)/,
  ],
  ["corrupt weights", ["answer", "1 2 3 4 = 24 :", "--model", "corrupt"], 1, /corrupt\/model\.safetensors/],
  [
    "raw text for a chat route",
    ["answer", "1", "--model", "openai:x", "--base-url", "http://localhost:9/v1", "--api", "chat", "--raw"],
    2,
    /--raw gives prompts as they stand, which --api chat does not take; leave one out/,
  ],
  [
    "a folder of something else",
    ["sample", ...small, "--run", "thesis"],
    1,
    /thesis is not a run folder but holds other files \(chapter\.txt\); choose another folder with --run/,
  ],
  [
    "a file in place of a folder",
    ["sample", ...small, "--run", "a-file"],
    1,
    /a-file is a file, not a folder/,
  ],
  ["nothing to resume", ["sharpen", ...small, "--resume"], 1, /There is no run of game24 in runs to resume/],
  ["not a run", ["evaluate", "thesis"], 1, /thesis is not a run folder: it has no manifest\.json/],
  ["no such run", ["train", "sft", "nowhere"], 1, /nowhere is not a run folder/],
  ["unknown option", ["sharpen", "--nn", "3"], 2, /unknown option '--nn'/],
  ["missing argument", ["evaluate"], 2, /missing required argument 'run'/],
  ["no prompt", ["answer"], 2, /There is no prompt: stdin is empty/],
  ["unknown command", ["sharpn"], 2, /unknown command 'sharpn'/],
  [
    "unknown statement",
    ["theory", "--only", "thm-9.9"],
    2,
    /There is no statement "thm-9\.9".*: choose one of prop-3\.1, /,
  ],
];

describe("one clear sentence on stderr, and nothing on stdout, for", () => {
  let results: Promise<Ended[]> | undefined;
  it.each(CASES.map((row, place) => [...row, place] as const))(
    "%s",
    async (...[, , status, sentence, place]) => {
      results ??= cli.runInTurn(CASES.map(([, args]) => [...args, "--json"]));
      const ended = (await results)[place]!;
      expect(ended.stderr).toMatch(sentence);
      expectOneSentence(ended.stderr);
      expect(ended).toMatchObject({ status, stdout: "" });
    },
  );

  it.skipIf(process.platform !== "linux")("a disk that is full", async () => {
    const preload = join(cli.folder, "full-disk.mjs");
    const ended = await cli.run(["sample", ...small, "--n", "20", "--run", "full"], { preload });
    expect(ended.stderr.trimEnd().split("\n").at(-1)).toMatch(
      /^whetstone: full\/responses\.jsonl cannot be written: no space is left on the disk; free some and try again\.$/,
    );
    expect(ended.status).toBe(1);
    // What was acknowledged before is kept, whole lines only, and the run goes on when there is room again.
    expect(readFileSync(join(cli.folder, "full/responses.jsonl"), "utf8")).toMatch(/^(\{.*\}\n)+$/);
    const resumed = await cli.inTurn(["sample", ...small, "--n", "20", "--run", "full", "--resume"]);
    expect(resumed.status).toBe(0);
    expect(readFileSync(join(cli.folder, "full/responses.jsonl"), "utf8").trimEnd().split("\n")).toHaveLength(
      60,
    );
  });

  it("a run of another configuration, naming the first difference", async () => {
    await cli.jsonInTurn(["sample", ...small, "--run", "made"]);
    const again = await cli.inTurn(["sample", ...small, "--run", "made"]);
    expect(again.stderr).toMatch(/made holds a run already; add --resume to continue it/);
    const other = await cli.inTurn(["sample", ...small, "--run", "made", "--resume", "--temperature", "0.5"]);
    expect(other).toMatchObject({ status: 1, stdout: "" });
    expect(other.stderr).toMatch(
      /made was made with temperature = 1, but now it is 0\.5; resume it as it was made/,
    );
    const model = join(cli.folder, "renamed");
    symlinkSync(join(cli.folder, "tiny"), model);
    const seed = await cli.inTurn([
      "sample",
      ...small,
      "--model",
      "renamed",
      "--run",
      "made",
      "--resume",
      "--seed",
      "7",
    ]);
    expect(seed.stderr).toMatch(/made was made with seed = 0, but now it is 7/);
  }, 120_000);
});

/** One line, begun by the program's name, ended as a sentence, and no stack. */
function expectOneSentence(stderr: string): void {
  const lines = stderr.trimEnd().split("\n");
  expect(lines.filter((line) => line.startsWith("whetstone: "))).toHaveLength(1);
  expect(stderr).not.toMatch(/\n\s+at |Error:/);
}
