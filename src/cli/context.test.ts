import { afterEach, expect, it, vi } from "vitest";
import { processContext } from "./context.js";

afterEach(() => vi.restoreAllMocks());

it("shows people what a model wrote without letting it act on the terminal, and gives it to programs as it is", () => {
  const written: string[] = [];
  const keep = (stream: NodeJS.WriteStream, name: string): void => {
    vi.spyOn(stream, "write").mockImplementation((text) => written.push(`${name}: ${String(text)}`) > 0);
  };
  keep(process.stdout, "out");
  keep(process.stderr, "err");
  const model = "\u001b]0;owned\u0007 4 + 4\r\n\u202e= 8";
  const people = processContext([], false, new AbortController().signal);
  people.say(model);
  people.note("\u009b2J");
  people.result({ text: model });
  expect(written.splice(0)).toEqual(["out: ␛]0;owned␇ 4 + 4\n⟨U+202E⟩= 8\n", "err: ⟨U+009B⟩2J\n"]);
  const programs = processContext([], true, new AbortController().signal);
  programs.say(model);
  programs.result({ text: model });
  expect(written).toEqual([
    "err: ␛]0;owned␇ 4 + 4\n⟨U+202E⟩= 8\n",
    `out: ${JSON.stringify({ text: model })}\n`,
  ]);
});
