import { describe, expect, it } from "vitest";
import { DataError } from "../core/errors.js";
import { promptRow, type PromptRow } from "./prompt-row.js";

const read = (value: unknown): PromptRow => promptRow({ number: 1, where: "Line 1", value });
const user = { role: "user", content: "q" };

describe("promptRow", () => {
  it.each<[string, unknown, Partial<PromptRow>]>([
    ["a prompt", { prompt: "q", answer: 4 }, { prompt: "q", answer: "4" }],
    ["null fields", { prompt: "q", messages: null, answer: null, id: null, split: null }, { prompt: "q" }],
    ["a prompt that is messages", { prompt: [user] }, { messages: [user] }],
    [
      "messages",
      { messages: [{ role: "system", content: "s" }, user] },
      { messages: [{ role: "system", content: "s" }, user] },
    ],
    [
      "content in parts",
      {
        messages: [
          { role: "user", content: [{ type: "text", text: "a" }, { type: "text", text: "b" }, "c"] },
        ],
      },
      { messages: [{ role: "user", content: "abc" }] },
    ],
    [
      "the assistant's last turn",
      { messages: [user, { role: "assistant", content: "56" }], answer: "57" },
      { messages: [user], reference: "56", answer: "57" },
    ],
    [
      "ShareGPT",
      {
        conversations: [
          { from: "system", value: "s" },
          { from: "human", value: "q" },
          { from: "gpt", value: "a" },
        ],
      },
      { messages: [{ role: "system", content: "s" }, user], reference: "a" },
    ],
    ["a question", { question: "q", answer: "a" }, { prompt: "q", answer: "a" }],
    ["a question with its text", { context: "c", question: "q" }, { prompt: "c\n\nq" }],
    [
      "a question with choices",
      { question: "q", choices: ["x", "y"], answer: 1 },
      { prompt: "q\n\nA) x\nB) y", answer: "B" },
    ],
    [
      "choices beside their letters",
      { question: "q", choices: { text: ["x", "y"], label: ["A", "B"] }, answer: "x" },
      { prompt: "q\n\nA) x\nB) y", answer: "A" },
    ],
    ["an instruction", { instruction: "i", input: "", output: "o" }, { prompt: "i", reference: "o" }],
    ["an instruction with input", { instruction: "i", input: "n" }, { prompt: "i\n\nn" }],
    [
      "an answer's key beside its letter",
      { question: "q", choices: { text: ["x", "y"], label: ["1", "2"] }, answerKey: "2" },
      { prompt: "q\n\nA) x\nB) y", answer: "B" },
    ],
    [
      "a problem with its solution",
      { problem: "p", solution: "so \\boxed{4}" },
      { prompt: "p", reference: "so \\boxed{4}" },
    ],
    ["a query", { query: "q", gold: "4" }, { prompt: "q", aside: ["gold"] }],
    ["an input with its output", { input: "q", output: "4" }, { prompt: "q", reference: "4" }],
    [
      "a label of another name in a table headed in capitals",
      { Question: "q", Label: "4" },
      { prompt: "q", aside: ["label"] },
    ],
    [
      "a key in capitals",
      { question: "q", choices: ["x", "y"], AnswerKey: "B" },
      { prompt: "q\n\nA) x\nB) y", answer: "B" },
    ],
    [
      "a prompt beside fields of other shapes",
      { prompt: "q", solution: ["…"], problem: 3, query: {} },
      { prompt: "q" },
    ],
    ["a table headed in capitals", { Question: "q", Answer: "4" }, { prompt: "q", answer: "4" }],
    [
      "a request of a batch file",
      { custom_id: "r", body: { model: "m", messages: [{ role: "developer", content: "s" }, user] } },
      { messages: [{ role: "system", content: "s" }, user] },
    ],
    ["a prompt with its completion", { prompt: "q", completion: "c" }, { prompt: "q", reference: "c" }],
  ])("reads %s", (_, value, row) => {
    const { took, ...fields } = read(value);
    expect(fields).toEqual({ aside: [], ...row });
    // What is not named by its own field is told.
    const plain = "prompt" in (value as object) || "messages" in (value as object);
    expect(took.length > 0).toBe(!plain || row.reference !== undefined || row.messages?.[0] === user);
  });

  it.each([
    ["text", "is not a JSON object"],
    [[user], "is not a JSON object"],
    [
      { text: "q", "label ": 1 },
      'nor "question", "instruction", "conversations", "problem", "query" or "input"; it has "text", "label ".',
    ],
    [{ prompt: null }, "it has no fields."],
    [{ prompt: "q", messages: [user] }, "has both"],
    [{ prompt: 5 }, 'a wrong "prompt": must be a string or a list of messages'],
    [{ prompt: [] }, 'a wrong "prompt": must hold at least one message'],
    [{ messages: [{ role: "user" }] }, 'a wrong "messages.0.content"'],
    [{ messages: [{ content: "q" }] }, 'a wrong "messages.0.role"'],
    [{ messages: [{ role: "assistant", content: "a" }] }, "nobody asks anything"],
    [
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: {} }] }] },
      'a part of type "image_url" in "messages.0.content"; only text can be read',
    ],
    [{ question: "q", choices: "x" }, '"choices" that are not two to ten texts'],
    [{ question: ["q"] }, 'a wrong "question"'],
    [{ prompt: "q", answer: ["a"] }, 'a wrong "answer": must be a string or a number'],
  ])("refuses %j", (value, sentence) => {
    expect(() => read(value)).toThrow(DataError);
    expect(() => read(value)).toThrow(sentence);
  });
});
