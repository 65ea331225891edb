import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, describe, expect, it } from "vitest";
import { UsageError } from "../core/errors.js";
import { modelFolder } from "../policy/model-folder.js";
import { askedPrompts } from "./asked-prompts.js";
import { keepingContext } from "./context.test-helper.js";
import type { ModelSource } from "./sources.js";

const dir = mkdtempSync(join(tmpdir(), "whetstone-asked-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const text: ModelSource = { name: "plain", folder: modelFolder("game24") };
const chat: ModelSource = {
  name: "openai:m",
  remote: { model: "m", baseUrls: ["http://localhost:9/v1"], api: "chat" },
};
const piped = (content: string): NodeJS.ReadStream =>
  Object.assign(Readable.from(content === "" ? [] : [Buffer.from(content)]), {
    isTTY: false,
  }) as unknown as NodeJS.ReadStream;
const terminal = Object.assign(Readable.from([]), { isTTY: true }) as unknown as NodeJS.ReadStream;
const ask = (
  words: readonly string[],
  values: Parameters<typeof askedPrompts>[2] = {},
  source = text,
  stdin = terminal,
) => askedPrompts(words, source, values, keepingContext(), stdin);

describe("what is asked", () => {
  it("is the prompts in their order, grouped by how their answers are compared", async () => {
    const { prompts, groups } = await ask(["What is 7 times 8?", "Who wrote Emma?", "What is 1 + 1?"]);
    expect(prompts.map((prompt) => prompt.text)).toEqual([
      "What is 7 times 8?",
      "Who wrote Emma?",
      "What is 1 + 1?",
    ]);
    expect(groups.map((group) => group.prompts.length)).toEqual([2, 1]);
    expect(groups.map(({ extract }) => extract("So it is $56.00"))).toEqual(["56", "So it is $56.00"]);
  });

  it("has ids by the text, so that an answer does not change with the prompts beside it", async () => {
    const idsOf = async (words: readonly string[], values = {}): Promise<readonly string[]> =>
      (await ask(words, values)).prompts.map(({ id }) => id);
    const [a, b, again] = await idsOf(["a", "b", "a"]);
    expect(await idsOf(["b"], { out: "x.jsonl" })).toEqual([b]);
    expect([again, await idsOf(["a"])]).toEqual([`${a!}-2`, ["prompt"]]);
  });

  it("is what comes on stdin: for -, or where nothing else is asked and something is piped in", async () => {
    const of = async (words: readonly string[], content: string): Promise<readonly string[]> =>
      (await ask(words, {}, text, piped(content))).prompts.map((prompt) => prompt.text);
    expect(await of([], "two\nlines\r\n")).toEqual(["two\nlines"]);
    expect(await of(["a", "-"], "b\n")).toEqual(["a", "b"]);
    expect(await of(["a"], "not read")).toEqual(["a"]);
  });

  it("is a conversation where the model takes them, with the instructions ahead", async () => {
    const path = join(dir, "turns.jsonl");
    const turn = (role: string, content: string): object => ({ role, content });
    const rows = [
      { id: "1", prompt: "hello" },
      { id: "2", messages: [turn("system", "own"), turn("user", "hello")] },
      { id: "3", prompt: "hello", raw: false, split: "train" },
    ];
    writeFileSync(path, rows.map((row) => JSON.stringify(row)).join("\n"));
    const { prompts, groups } = await ask([], { file: path, system: "be brief" }, chat);
    expect(prompts.map(({ id, messages }) => [id, ...messages!.map(({ content }) => content)])).toEqual([
      ["3", "be brief", "hello"],
      ["1", "be brief", "hello"],
      ["2", "own", "hello"],
    ]);
    expect(groups.map((group) => group.prompts)).toEqual([prompts]);
    const [prompt] = (await ask(["hi"], { system: "be brief" }, chat)).prompts;
    expect(prompt!.messages).toEqual([turn("system", "be brief"), turn("user", "hi")]);
  });
});

describe("a file of labelled prompts", () => {
  it("tells what is right", async () => {
    const path = join(dir, "sums.jsonl");
    writeFileSync(path, '{"id": "s", "prompt": "1 + 1", "answer": 2}\n');
    const [group] = (await ask([], { file: path })).groups;
    expect(["it is 2", "it is 3"].map((response) => group!.grade!("s", response))).toEqual([true, false]);
  });
});

describe("one sentence for", () => {
  it.each([
    ["nothing at all", [], {}, text, terminal, /There is no prompt: give one, - to read it from stdin, or/],
    ["an empty pipe", [], {}, text, piped(""), /There is no prompt: stdin is empty/],
    ["an empty prompt", ["a", " "], {}, text, terminal, /A prompt is empty/],
    ["stdin twice", ["-", "-"], {}, text, piped("a"), /Stdin can be read once/],
    ["prompts beside a file", ["a"], { file: "p.jsonl" }, text, terminal, /not both/],
    ["a task beside a file", [], { file: "p.jsonl", task: "gsm8k" }, text, terminal, /by --grader/],
    ["instructions to a base model", ["a"], { system: "x" }, text, terminal, /plain has no chat template/],
    ["raw instructions", ["a"], { system: "x", raw: true }, chat, terminal, /--raw gives prompts as they/],
  ] as const)("%s", async (_, words, values, source, stdin, sentence) => {
    await expect(ask(words, values, source, stdin)).rejects.toThrow(sentence);
    await expect(ask(words, values, source, stdin)).rejects.toThrow(UsageError);
  });
});
