import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commandLine, type CommandLine, type Ended } from "../support/cli.js";

const SMALL = ["--prompts", "4", "--n", "5", "--quantize", "int8", "--run", "choosing", "--threads", "1"];
const COMMANDS = {
  sharpen: ["sharpen", "game24", "--no-amortize", ...SMALL, "--json"],
  again: ["sharpen", "game24", "--no-amortize", ...SMALL, "--resume", "--json"],
  otherwise: ["sharpen", "game24", "--no-amortize", ...SMALL.with(5, "int4"), "--resume"],
  amortize: ["sharpen", "game24", "--quantize", "int8"],
  train: ["train", "sft", "choosing"],
  evaluate: ["evaluate", "choosing", "--json"],
  answer: [
    "answer",
    "4 9 10 13 = 24 :",
    "--n",
    "6",
    "--all",
    "--quantize",
    "int4",
    "--threads",
    "1",
    "--json",
  ],
  exact: [
    "sharpen",
    "game24",
    "--no-amortize",
    ...SMALL.with(5, "int4").with(7, "exact"),
    "--exact-choice",
    "--json",
  ],
  exactAnswer: ["answer", "4 9 10 13 = 24 :", "--n", "20", "--quantize", "int4", "--exact-choice", "--json"],
  unrounded: ["answer", "4 9 10 13 = 24 :", "--exact-choice"],
  served: ["answer", "x", "--model", "openai:m", "--base-url", "http://localhost:9/v1", "--quantize", "int8"],
  unknown: ["answer", "x", "--quantize", "int3"],
};

let cli: CommandLine;
let ended: Record<keyof typeof COMMANDS, Ended>;
beforeAll(async () => {
  cli = commandLine();
  const all = await cli.runInTurn(Object.values(COMMANDS));
  ended = Object.fromEntries(Object.keys(COMMANDS).map((name, i) => [name, all[i]!])) as typeof ended;
});
afterAll(() => cli.remove());

interface Measured {
  readonly quantization: string;
  readonly responses: number;
  readonly tokens: number;
  readonly perResponse: { readonly mean: number; readonly max: number };
  readonly perToken: { readonly mean: number; readonly max: number };
}

const resultOf = ({ stdout }: Ended): Record<string, unknown> =>
  JSON.parse(stdout.trimEnd().split("\n").at(-1)!) as Record<string, unknown>;
const inFolder = (name: string): string => readFileSync(join(cli.folder, "choosing", name), "utf8");

describe("a run of a quantized base", () => {
  it("measures what that does to log π, on tokens of its own, and says so in all three places", () => {
    expect(ended.sharpen.stderr).not.toMatch(/error/i);
    expect(ended.sharpen.status).toBe(0);
    const measured = resultOf(ended.sharpen)["quantization"] as Measured;
    expect(measured).toMatchObject({ quantization: "int8", responses: 16, tokens: 16 * 18 });
    const { perResponse, perToken } = measured;
    for (const { mean, max } of [perResponse, perToken]) {
      expect(mean).toBeGreaterThan(0);
      expect(max).toBeGreaterThan(mean);
    }
    expect(perResponse.max).toBeLessThan(0.5);
    expect(perToken.mean).toBeLessThan(perResponse.mean);
    expect(JSON.parse(inFolder("quantization.json"))).toEqual(measured);
    const sentence = new RegExp(
      `The base is held quantized to int8\\. Its log π\\(y\\|x\\) differs from that of the float model by ${perResponse.mean.toFixed(3)} nats`,
    );
    expect(ended.sharpen.stderr).toMatch(sentence);
    expect(inFolder("report.html")).toMatch(sentence);
  });

  it("is the same when it goes on, and is refused with another quantization", () => {
    expect(resultOf(ended.again)["quantization"]).toEqual(resultOf(ended.sharpen)["quantization"]);
    expect(JSON.parse(inFolder("manifest.json"))).toMatchObject({
      model: { quantize: "int8" },
      command: expect.stringContaining("--quantize int8") as string,
    });
    expect(ended.otherwise.status).not.toBe(0);
    expect(ended.otherwise.stderr).toMatch(/quantize = "int8", but now it is "int4"/);
  });

  it("is evaluated anew with what was measured, and is nothing to train on", () => {
    expect(resultOf(ended.evaluate)["quantization"]).toEqual(resultOf(ended.sharpen)["quantization"]);
    expect(ended.train.status).not.toBe(0);
    expect(ended.train.stderr).toMatch(
      /A model in int8 or int4 is for sampling and scoring.*draw a run without it/s,
    );
    expect(ended.amortize.status).not.toBe(0);
    expect(ended.amortize.stderr).toMatch(
      /A model in int8 or int4 is for sampling and scoring.*add --no-amortize/s,
    );
  });
});

it("answers of a quantized model come with the difference where all responses are asked for", () => {
  const answer = resultOf(ended.answer);
  expect(answer).toMatchObject({ quantize: "int4", quantization: { quantization: "int4", responses: 6 } });
  expect((answer["quantization"] as Measured).perToken.mean).toBeGreaterThan(1e-4);
});

it("a model of servers, and a quantization that there is not, are refused", () => {
  expect(ended.served.stderr).toMatch(/--quantize is for a model on this machine/);
  expect(ended.unknown.stderr).toMatch(/--quantize.*int8, int4, int4a8, float16, keep, keepa8/s);
});

it("exact choices are recorded as such, with what rounding would have chosen", () => {
  expect(ended.exact.status).toBe(0);
  const measured = resultOf(ended.exact)["quantization"] as Measured & {
    readonly divergence: { readonly kl: { readonly value: number } };
    readonly choices: Readonly<Record<string, { readonly same: { readonly value: number } }>>;
  };
  expect(measured.perToken.mean).toBeGreaterThan(1e-4);
  expect(measured.divergence.kl.value).toBeLessThan(0.1);
  expect(measured.choices["log-likelihood"]!.same.value).toBeGreaterThan(0);
  const manifest = readFileSync(join(cli.folder, "exact", "manifest.json"), "utf8");
  expect(JSON.parse(manifest)).toMatchObject({ model: { quantize: "int4", exactChoice: true } });
  expect(readFileSync(join(cli.folder, "exact", "report.html"), "utf8")).toMatch(
    /own choice is the exact one for/,
  );
  const { score, logLikelihood } = resultOf(ended.exactAnswer);
  expect(score).toBe(logLikelihood);
  expect(ended.unrounded.status).toBe(2);
  expect(ended.unrounded.stderr).toMatch(/is not rounded; leave out --exact-choice, or add --quantize int8/);
});
