/* eslint-disable @typescript-eslint/no-explicit-any, @typescript-eslint/no-unsafe-call -- the JSON of a command: what matters of it is asserted by value */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Estimate } from "../src/evaluate/metrics.js";
import { game24 } from "../src/task/game24/game24.js";
import { commandLine, recordsOf, type CommandLine } from "./support/cli.js";
import { SMALL_N, smallJob } from "./support/small-job.js";

interface Drawn {
  readonly promptId: string;
  readonly index: number;
  readonly text: string;
  readonly logProbs: readonly number[];
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;
const task = game24();
const correct = ({ promptId, text }: Drawn): number => Number(task.grade(promptId, text));
const logLikelihood = ({ logProbs }: Drawn): number => sum(logProbs);

let cli: CommandLine;
let result: Record<string, any>;

beforeAll(async () => {
  cli = commandLine();
  result = await smallJob(cli);
}, 300_000);
afterAll(() => cli.remove());

const inRun = (run: string, name: string): string => join(cli.folder, run, name);
const bytes = (run: string, name: string): string => readFileSync(inRun(run, name), "latin1");

describe("sharpen --json", () => {
  const drawn = (): Drawn[] => recordsOf(inRun("whole", "responses.jsonl"));
  const byPrompt = (): Drawn[][] => {
    const pools = new Map<string, Drawn[]>();
    for (const response of drawn())
      pools.set(response.promptId, [...(pools.get(response.promptId) ?? []), response]);
    return [...pools.values()];
  };

  it("ends with the figures of greedy, base and adapter, which are those of the records", () => {
    const greedy = recordsOf<Drawn>(inRun("whole", "greedy.jsonl"));
    expect(greedy).toHaveLength(12);
    expect(drawn()).toHaveLength(12 * SMALL_N);
    expect(result.greedy.accuracy.value).toBeCloseTo(mean(greedy.map(correct)), 9);
    expect(result.base.accuracy.value).toBeCloseTo(mean(drawn().map(correct)), 9);
    expect(result.base.logLikelihood.value).toBeCloseTo(mean(drawn().map(logLikelihood)), 9);
    const adapter = recordsOf<Drawn>(inRun("whole", "adapters/sft/responses.jsonl"));
    const best = recordsOf<Drawn>(inRun("whole", "adapters/sft/greedy.jsonl"));
    expect(result.sft.accuracy.value).toBeCloseTo(mean(adapter.map(correct)), 9);
    expect(result.sft.greedyAccuracy.value).toBeCloseTo(mean(best.map(correct)), 9);
    expect(result.sft.logLikelihood.value).toBeLessThan(0);
  });

  it("has best-of-N under each default reward, and coverage, at every N up to the number drawn", () => {
    expect(Object.keys(result.bestOfN)).toEqual([
      "log-likelihood",
      "length-normalized",
      "majority",
      "self-certainty",
    ]);
    for (const byN of Object.values<object>(result.bestOfN))
      expect(Object.keys(byN)).toEqual(["1", "2", "5", "10"]);
    const chosen = byPrompt().map((pool) =>
      pool.reduce((a, b) => (logLikelihood(b) > logLikelihood(a) ? b : a)),
    );
    expect(result.bestOfN["log-likelihood"][SMALL_N].accuracy.value).toBeCloseTo(
      mean(chosen.map(correct)),
      9,
    );
    expect(result.bestOfN["majority"][1].accuracy.value).toBeCloseTo(result.base.accuracy.value, 9);
    const covered = byPrompt().map((pool) => Math.max(...pool.map(correct)));
    expect(result.coverage[SMALL_N].value).toBeCloseTo(mean(covered), 9);
  });

  it("gives each with an interval around it, and says where things are and how long they took", () => {
    const estimates: Estimate[] = [
      result.greedy.accuracy,
      result.base.accuracy,
      result.base.logLikelihood,
      result.bestOfN["self-certainty"][5].accuracy,
      result.coverage[2],
      result.sft.accuracy,
      result.sft.greedyAccuracy,
      result.sft.logLikelihood,
      result.adaptive.accuracy,
    ];
    for (const { value, low, high } of estimates) {
      expect(low).toBeLessThanOrEqual(value);
      expect(high).toBeGreaterThanOrEqual(value);
    }
    expect(result).toMatchObject({
      runDir: "whole",
      adapterDir: "whole/adapters/sft",
      report: "whole/report.html",
    });
    for (const stage of ["greedy", "sampling", "evaluating", "amortizing, sft", "total"])
      expect(result.seconds[stage]).toBeGreaterThanOrEqual(0);
    expect(existsSync(inRun("whole", "adapters/sft/adapter_model.safetensors"))).toBe(true);
    expect(bytes("whole", "report.html")).toContain("whetstone report");
  });
});

describe("the parts of the job", () => {
  it("evaluate measures anew without the model, under the rewards asked for, and keeps the adapter's figures", async () => {
    const measured: Record<string, any> = await cli.jsonInTurn(["evaluate", "whole", "--reward", "majority"]);
    expect(measured.bestOfN).toEqual({ majority: result.bestOfN.majority });
    expect(measured.greedy).toEqual(result.greedy);
    expect(measured.sft).toEqual(result.sft);
    const back: Record<string, any> = await cli.jsonInTurn(["evaluate", "whole"]);
    expect(back.bestOfN).toEqual(result.bestOfN);
    expect(back.findings).toEqual(result.findings);
  });

  it("report writes the page from the files", async () => {
    const page = bytes("whole", "report.html");
    rmSync(inRun("whole", "report.html"));
    expect((await cli.inTurn(["report", "whole"])).stdout).toBe("whole/report.html\n");
    expect(bytes("whole", "report.html")).toBe(page);
  });

  it("answer gives the likeliest of the N, pruned or not", async () => {
    const prompt = "4 9 10 13 = 24 :";
    const all: Record<string, any> = await cli.jsonInTurn(["answer", prompt, "--n", "20", "--all"]);
    expect(all.responses).toHaveLength(20);
    const likeliest = Math.max(...all.responses.map((response: any) => response.logLikelihood));
    expect(all.logLikelihood).toBe(likeliest);
    expect(all.responses[all.index].text).toBe(all.text);
    const pruned = await cli.run(["answer", prompt, "--n", "20"]);
    expect(pruned).toMatchObject({ stdout: `${all.text}\n`, status: 0 });
  });

  it("models lists the embedded model with its digest", async () => {
    const { models } = (await cli.jsonInTurn(["models"])) as { models: Record<string, unknown>[] };
    const { digest } = JSON.parse(bytes("whole", "manifest.json")).model;
    expect(models).toContainEqual(expect.objectContaining({ name: "game24", parameters: 880_256, digest }));
  });
});

describe("--help", () => {
  const commands: readonly (readonly [string, RegExp])[] = [
    ["sharpen", /--n <count> .*N: responses drawn per prompt/],
    ["answer", /--all/],
    ["sample", /--resume/],
    ["evaluate", /--reward <names\|module\.js>/],
    ["train dpo", /every pair of them .*--beta <number>/],
    ["train xpo", /--rounds <count> .*\(default: 5, or the preset/],
    ["train sft", /--epochs <count> .*\(default: 30, paper App\. A\.3/],
    ["report", /--json/],
    ["models", /--json/],
    ["theory", /--only/],
  ];
  it("of each command has its options and an example", async () => {
    const ended = await cli.runInTurn(commands.map(([command]) => [...command.split(" "), "--help"]));
    for (const [place, [command, option]] of commands.entries()) {
      const { stdout, status } = ended[place]!;
      expect(status).toBe(0);
      expect(stdout.replace(/\s+/g, " ")).toMatch(option);
      expect(stdout).toMatch(new RegExp(`Examples:\n(?: {2}# .*\n)? {2}whetstone ${command}`));
    }
  });
});
