import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commandLine, type CommandLine, type Ended } from "../support/cli.js";

const MODELS = join(import.meta.dirname, "..", "..", "models");
const TEMPLATE = "{% for m in messages %}{{ m.content }} :{% endfor %}";
const DRAW = ["--model", "chatty", "--n", "2", "--max-tokens", "4"];
const sample = (file: string, run: string, ...more: string[]): string[] => [
  "sample",
  file,
  ...DRAW,
  "--run",
  run,
  ...more,
];
const COMMANDS = {
  chat: sample("prompts.jsonl", "chat"),
  raw: sample("prompts.jsonl", "raw", "--raw"),
  written: sample("written.jsonl", "written"),
  otherwise: sample("prompts.jsonl", "chat", "--raw", "--resume"),
  resumed: sample("prompts.jsonl", "chat", "--resume"),
  cut: sample("cut.jsonl", "cut"),
  base: ["sample", "prompts.jsonl", "--n", "2", "--max-tokens", "4", "--run", "base"],
  evaluate: ["evaluate", "chat"],
  report: ["report", "chat"],
  answer: ["answer", "1 2 3 4 = 24", "--model", "chatty", "-n", "2", "--max-tokens", "4", "--json"],
  answerRaw: [
    "answer",
    "1 2 3 4 = 24 :",
    "--model",
    "chatty",
    "-n",
    "2",
    "--max-tokens",
    "4",
    "--raw",
    "--json",
  ],
};

let cli: CommandLine;
let ended: Record<keyof typeof COMMANDS, Ended>;
beforeAll(async () => {
  cli = commandLine();
  const folder = join(cli.folder, "chatty");
  cpSync(join(MODELS, "game24"), folder, { recursive: true });
  const config = join(folder, "tokenizer_config.json");
  const known = JSON.parse(readFileSync(config, "utf8")) as object;
  writeFileSync(config, JSON.stringify({ ...known, chat_template: TEMPLATE }));
  const lines = (name: string, rows: readonly object[]): void =>
    writeFileSync(join(cli.folder, name), rows.map((row) => JSON.stringify(row)).join("\n"));
  const asked = ["1 2 3 4 = 24", "5 6 7 8 = 24"];
  lines(
    "prompts.jsonl",
    asked.map((prompt, at) => ({ id: `${at}`, prompt })),
  );
  lines(
    "written.jsonl",
    asked.map((prompt, at) => ({ id: `${at}`, prompt: `${prompt} :`, raw: true })),
  );
  const turn = (role: string, content: string): object => ({ role, content });
  lines("cut.jsonl", [
    { id: "0", messages: [turn("user", asked[0]!), turn("assistant", "the answer")] },
    { id: "1", messages: [turn("user", asked[1]!)] },
  ]);
  const all = await cli.runInTurn(Object.values(COMMANDS));
  ended = Object.fromEntries(Object.keys(COMMANDS).map((name, i) => [name, all[i]!])) as typeof ended;
}, 120_000);
afterAll(() => cli.remove());

const file = (...path: string[]): string => readFileSync(join(cli.folder, ...path), "utf8");
const form = (run: string): unknown =>
  (JSON.parse(file(run, "manifest.json")) as { readonly task: { readonly form?: string } }).task.form;

describe("a model with a chat template", () => {
  it("gets a prompt as the user's message: what the template's text draws, given raw", () => {
    for (const name of ["chat", "raw", "written", "cut"] as const)
      expect([name, ended[name].status, ended[name].status === 0 ? "" : ended[name].stderr]).toEqual([
        name,
        0,
        "",
      ]);
    expect(file("chat", "responses.jsonl")).toBe(file("written", "responses.jsonl"));
    expect(file("chat", "greedy.jsonl")).toBe(file("written", "greedy.jsonl"));
    expect(file("raw", "greedy.jsonl")).not.toBe(file("written", "greedy.jsonl"));
  });

  it("has the choice in the manifest and on the page, and cannot go on otherwise", () => {
    expect([form("chat"), form("raw"), form("base")]).toEqual(["chat", "raw", undefined]);
    expect(JSON.parse(file("chat", "prompts.jsonl").split("\n")[0]!)).toEqual({
      id: "0",
      text: "1 2 3 4 = 24",
      messages: [{ role: "user", content: "1 2 3 4 = 24" }],
      split: "test",
    });
    expect(file("raw", "prompts.jsonl")).not.toContain("messages");
    expect(ended.resumed.status).toBe(0);
    expect(ended.otherwise.status).toBe(1);
    expect(ended.otherwise.stderr).toMatch(/was made with the prompts' form = "chat", but now it is "raw"/);
    expect([ended.evaluate.stderr, ended.evaluate.status]).toEqual([expect.anything(), 0]);
    expect(ended.report.status).toBe(0);
    expect(file("chat", "report.html")).toContain("as conversations, in the model's chat template");
  });

  it("gets a conversation without the assistant's turn at its end, and people are told", () => {
    expect(file("cut", "responses.jsonl")).toBe(file("chat", "responses.jsonl"));
    expect(ended.cut.stderr).toContain("the assistant's last turn, cut off, as a reference answer");
  });

  it("answers the same way", () => {
    const answer = ({ stdout }: Ended): unknown =>
      (JSON.parse(stdout.trimEnd().split("\n").at(-1)!) as { readonly text: string }).text;
    expect(ended.answer.stderr).toBe(ended.answerRaw.stderr);
    expect(answer(ended.answer)).toBe(answer(ended.answerRaw));
  });
});
