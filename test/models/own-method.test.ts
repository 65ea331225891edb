import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { game24 } from "../../src/task/game24/game24.js";
import { commandLine, recordsOf, type CommandLine, type Ended } from "../support/cli.js";
import { compileSource } from "../support/compiled.js";

let cli: CommandLine;
const write = (name: string, text: string): void => writeFileSync(join(cli.folder, name), text);
const bytes = (name: string): Buffer => readFileSync(join(cli.folder, name));
const read = (name: string): unknown => JSON.parse(bytes(name).toString("utf8"));

/** Learns the shortest response of N, cut; with N = 1 and no cut it is SFT on the only one. Throws while broken.txt names the place. */
const SHORTEST = `
import { readFileSync } from "node:fs";
import { sftProblem } from "${pathToFileURL(join(compileSource(), "index.js")).href}";

const breaks = (where) => {
  if (readFileSync(new URL("broken.txt", import.meta.url), "utf8") === where) throw new RangeError("out of shorts");
};

export default Object.freeze({
  name: "shortest",
  title: "Shortest",
  brief: "the shortest of N",
  summary: "train the shortest of N responses into an adapter",
  examples: [["--most-tokens 9", "cut after nine tokens"]],
  options: [
    { name: "mostTokens", flags: "--most-tokens <count>", symbol: "the limit", help: "tokens that are learned of a response",
      range: "whole", default: 100, otherwise: "100" },
  ],
  trainN: { default: 2, least: 1 },
  patience: 0,
  iterate: "epoch",
  draws: [],
  page: { losses: "Loss per token, nats", kept: "the lowest loss", facts: [] },
  async plan({ policy, split, settings, temperature, maxTokens, seed }) {
    breaks("plan");
    const learn = async (prompts) => {
      const drawn = [];
      const requests = prompts.flatMap((prompt) => Array.from({ length: settings.trainN }, (_, index) => ({ prompt, index })));
      for await (const response of policy.sample(requests, { temperature, maxTokens, seed })) drawn.push(response);
      return prompts.map((prompt) => {
        const own = drawn.filter(({ promptId }) => promptId === prompt.id).sort((a, b) => a.index - b.index);
        const shortest = own.reduce((best, next) => (next.tokens.length < best.tokens.length ? next : best));
        return { prompt, tokens: shortest.tokens.slice(0, settings.own.mostTokens) };
      });
    };
    const examples = await learn(split.train);
    const problem = sftProblem(examples, await learn(split.validation), settings.fit.epochs);
    const batch = (own) => {
      breaks("batch");
      return problem.batch(own);
    };
    return {
      iterates: problem.iterates,
      facts: {
        modelCalls: split.train.length * settings.trainN,
        tokensLearned: examples.reduce((sum, { tokens }) => sum + tokens.length, 0),
      },
      fitTo: (fit) => fit({ ...problem, batch }),
    };
  },
});
`;
const FIT = ["--epochs", "2", "--rank", "1", "--target-modules", "q_proj", "--curve-samples", "0"];
const DRAW = ["--task", "prompts.jsonl", "--model", "game24", "-n", "2", "--max-tokens", "18"];
const JOB = ["sharpen", ...DRAW, "--methods", "sft,./shortest.mjs", "--train-n", "1", ...FIT, "--run", "own"];

beforeAll(() => {
  cli = commandLine();
  const splits = ["test", "test", "train", "train", "train", "train", "validation", "validation"];
  const puzzles = game24().prompts("test").slice(0, splits.length);
  const lines = puzzles.map(({ text }, i) =>
    JSON.stringify({ prompt: text, answer: "24", split: splits[i] }),
  );
  write("prompts.jsonl", `${lines.join("\n")}\n`);
  write("shortest.mjs", SHORTEST);
}, 120_000);
afterAll(() => cli.remove());

describe("a method of one's own", { timeout: 120_000 }, () => {
  it("that throws is named, and the run goes on once it does not", async () => {
    write("broken.txt", "plan");
    const planned = await cli.run(JOB);
    expect(planned.stderr).toMatch(
      /whetstone: \.\/shortest\.mjs threw in plan: RangeError: out of shorts\.\n$/,
    );
    expect(planned.status).toBe(1);
    const drawn = bytes("own/responses.jsonl");
    expect(recordsOf(join(cli.folder, "own/responses.jsonl"))).toHaveLength(2 * 2);
    write("broken.txt", "batch");
    const fitted = await cli.run([...JOB, "--resume"]);
    expect(fitted.stderr).toMatch(/\.\/shortest\.mjs threw in batch: RangeError: out of shorts\.\n$/);
    write("broken.txt", "");
    const { adapters } = (await cli.json([...JOB, "--resume"])) as { adapters: Record<string, object> };
    expect(Object.keys(adapters)).toEqual(["sft", "shortest"]);
    expect(adapters["shortest"]).toMatchObject({ trainingPrompts: 4, trainingSamples: 1, modelCalls: 4 });
    expect(bytes("own/responses.jsonl")).toEqual(drawn);
  });

  it("trains through the same loop: on the only response of each prompt it learns what SFT does, to the byte", () => {
    for (const file of ["adapter_model.safetensors", "epochs.jsonl"])
      expect(bytes(`own/adapters/shortest/${file}`)).toEqual(bytes(`own/adapters/sft/${file}`));
    const chosen = recordsOf<{ tokens: number[] }>(join(cli.folder, "own/chosen.jsonl")).slice(0, 4);
    const { adapters } = read("own/metrics.json") as { adapters: { shortest: { tokensLearned: number } } };
    expect(adapters.shortest.tokensLearned).toBe(chosen.reduce((sum, { tokens }) => sum + tokens.length, 0));
  });

  it("is in the manifest and in its training's record with the digest of its file", () => {
    const digest = createHash("sha256").update(SHORTEST).digest("hex");
    const module = { path: join(cli.folder, "shortest.mjs"), digest };
    expect(read("own/manifest.json")).toMatchObject({ amortize: { modules: { shortest: module } } });
    expect(read("own/adapters/shortest/training.json")).toMatchObject({ module, mostTokens: 100 });
    expect(read("own/adapters/sft/training.json")).not.toHaveProperty("module");
  });

  it("needs no module to be evaluated and reported", async () => {
    write("shortest.mjs", "export default {");
    const { adapters } = await cli.json(["evaluate", "own"]);
    await cli.json(["report", "own"]);
    write("shortest.mjs", SHORTEST);
    expect(Object.keys(adapters as object)).toEqual(["sft", "shortest"]);
    expect(bytes("own/report.html").toString("utf8")).toContain("shortest");
  });

  it("brings its options along to train", async () => {
    const help = await cli.run(["train", "./shortest.mjs", "--help"]);
    expect(help.stdout).toMatch(/whetstone train \.\/shortest\.mjs \[options\] <run>/);
    expect(help.stdout).toMatch(/--most-tokens <count> +tokens that are learned of a response/);
    await cli.json(["sample", ...DRAW, "--run", "draws"]);
    const { adapters } = await cli.json(["train", "./shortest.mjs", "draws", "--most-tokens", "3", ...FIT]);
    expect(adapters).toMatchObject({ shortest: { trainingSamples: 2, modelCalls: 8, tokensLearned: 4 * 3 } });
    const record = read("draws/adapters/shortest/training.json") as { command: string };
    expect(record).toMatchObject({ mostTokens: 3, trainN: 2 });
    expect(record.command).toMatch(/train \S+\/shortest\.mjs draws .*--most-tokens 3/);
    const other = await cli.run(["train", "./shortest.mjs", "draws", "--most-tokens", "4", ...FIT]);
    expect(other.stderr).toMatch(/shortest was trained with mostTokens = 3, but now it is 4; go on/);
  });

  it("that has changed is refused, in one sentence", async () => {
    write("shortest.mjs", `${SHORTEST}// changed\n`);
    const [resumed, trained] = await cli.runInTurn([
      [...JOB, "--resume"],
      ["train", "./shortest.mjs", "draws"],
    ]);
    write("shortest.mjs", SHORTEST);
    expect(resumed!.stderr).toMatch(
      /own was made with .*shortest\.mjs as it was, and that file has changed since; resume/,
    );
    expect(trained!.stderr).toMatch(
      /adapters\/shortest was trained with .*shortest\.mjs as it was, and that file has changed since; restore it, or delete/,
    );
  });
});

describe("methods that cannot be used are refused before anything is drawn", () => {
  const as = (change: string): string =>
    SHORTEST.replace("Object.freeze({", "({")
      .replace(/\n\}\);\n$/, `,${change}});`)
      .replace(/,\s*,/, ",");
  const option = (change: string): string =>
    as(
      `options: [{ name: "cut", flags: "--cut <count>", symbol: "", help: "", range: "whole", otherwise: "", ${change} }]`,
    );
  const CASES: readonly (readonly [what: string, text: string, sentence: RegExp])[] = [
    ["no plan", as("plan: 3"), /does not export a method by default \(its "plan": must be a function\)/],
    ["a name that is a path", as('name: "../x"'), /its "name": must be lower case, digits and hyphens/],
    [
      "a name that is taken",
      as('name: "dpo"'),
      /names its method dpo, as one of ours is; give it another name/,
    ],
    [
      "a file that is a path",
      as('draws: [{ name: "../x.jsonl", bySettings: true }]'),
      /its "draws\.0\.name": must be/,
    ],
    ["an option of another flag", option('name: "other"'), /its "options\.0": its flag must be its name/],
    ["a default out of range", option("default: 0.5"), /its "options\.0": its default is out of its range/],
    [
      "an option of ours",
      option('name: "rank", flags: "--rank <n>"'),
      /has an option rank, as whetstone has one/,
    ],
  ];
  let results: Promise<Ended[]> | undefined;

  it.each(CASES.map(([what, , sentence], place) => [what, sentence, place] as const))(
    "%s",
    async (_, sentence, place) => {
      for (const [i, [, text]] of CASES.entries()) write(`case-${i}.mjs`, text);
      results ??= cli.runInTurn(
        CASES.map((_case, i) => ["sharpen", ...DRAW, "--method", `./case-${i}.mjs`, "--run", `refused-${i}`]),
      );
      const { stderr, status } = (await results)[place]!;
      expect(stderr).toMatch(sentence);
      expect(stderr).toContain(`./case-${place}.mjs`);
      expect(stderr).not.toMatch(/\n\s+at |fault of whetstone/);
      expect(status).not.toBe(0);
    },
    120_000,
  );

  it("a bare name, and a file that is not there", async () => {
    const [bare, none, train] = await cli.runInTurn([
      ["sharpen", ...DRAW, "--methods", "shortest.mjs"],
      ["sharpen", ...DRAW, "--methods", "./none.mjs"],
      ["train", "./none.mjs", "draws"],
    ]);
    expect(bare!.stderr).toMatch(/There is no method "shortest\.mjs": choose one of .*, or give the path/);
    for (const { stderr } of [none!, train!])
      expect(stderr).toMatch(/There is no file \.\/none\.mjs to take the method from/);
  });
});
