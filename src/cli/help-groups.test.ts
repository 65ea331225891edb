import { Command } from "commander";
import { expect, it } from "vitest";
import { evaluateCommand } from "./commands/evaluate.js";
import { serveCommand } from "./commands/serve.js";
import { sharpenCommand } from "./commands/sharpen.js";
import { keepingContext } from "./context.test-helper.js";
import type { AddCommand } from "./command.js";
import { inGroups } from "./help-groups.js";
import { examplesInHelp, helpLayout, helpWidth } from "./help-layout.js";

const helpOf = (add: AddCommand, width: number): string => {
  const program = new Command().configureHelp(helpLayout(width));
  add(program, () => keepingContext());
  return program.commands[0]!.helpInformation();
};
/** The long flags below each heading. */
function flagsByHeading(help: string): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  let heading = "";
  for (const line of help.split("\n")) {
    if (/^\S.*:$/.test(line)) found[(heading = line)] = [];
    const flag = /^ {2}(?:-\w, )?(--[\w-]+)/.exec(line)?.[1];
    if (flag !== undefined) found[heading]!.push(flag);
  }
  return found;
}

it("the help of a command with many options has ten of them first, and the others under headings", () => {
  const found = flagsByHeading(helpOf(sharpenCommand, 80));
  expect(Object.keys(found)).toEqual([
    ...["What matters first:", "Task and prompts:", "Choosing and drawing:", "The model on this machine:"],
    ...["Training:", "Training elsewhere:", "Servers:", "Output and others:"],
  ]);
  const first = found["What matters first:"]!;
  expect(first).toHaveLength(10);
  expect(first.slice(0, 4)).toEqual(["--model", "--task", "--grader", "--n"]);
  expect(found["Training:"]).toEqual(expect.arrayContaining(["--epochs", "--beta", "--checkpointing"]));
  expect(found["Output and others:"]).toEqual(expect.arrayContaining(["--open", "--json", "--help"]));
});

it("a server's own options stand together", () => {
  const serving = flagsByHeading(helpOf(serveCommand, 80));
  expect(serving["Serving:"]!.slice(0, 3)).toEqual(["--host", "--port", "--slots"]);
  expect(serving["Output and others:"]).toEqual(["--open", "--config", "--json", "--verbose", "--help"]);
});

it("is as wide as the terminal, and no wider", () => {
  for (const width of [80, 140]) {
    const lines = helpOf(sharpenCommand, width).split("\n");
    const longest = Math.max(...lines.map(({ length }) => length));
    expect(longest).toBeLessThanOrEqual(width);
    expect(longest).toBeGreaterThan(width - 20);
  }
  expect(helpWidth(undefined, undefined)).toBe(80);
  expect(helpWidth(undefined, "120")).toBe(120);
  expect(helpWidth(100, "120")).toBe(100);
  expect(helpWidth(0, "wide")).toBe(80);
});

it("a command with few options needs no headings, and none is lost or named twice", () => {
  expect(Object.keys(flagsByHeading(helpOf(evaluateCommand, 80)))).toEqual(["Options:"]);
  const names = ["model", "seed", "n"] as const;
  expect(inGroups(names)).toEqual([...names, "config", "json", "verbose"].map((name) => ({ name })));
});

it("examples have their meanings beside them where all fit, and above them where one does not", () => {
  const examples = [
    ["theory", "all of it"],
    ["theory --only thm-4.1", "one"],
  ] as const;
  expect(examplesInHelp(examples, 80).split("\n")).toEqual([
    "",
    "Examples:",
    "  whetstone theory                 # all of it",
    "  whetstone theory --only thm-4.1  # one",
  ]);
  expect(examplesInHelp(examples, 40).split("\n").slice(2)).toEqual([
    "  # all of it",
    "  whetstone theory",
    "  # one",
    "  whetstone theory --only thm-4.1",
  ]);
});
