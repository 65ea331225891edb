import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { fetchNode, OTHER_NODES } from "../../scripts/fetch-node.mjs";
import { compileSource } from "../support/compiled.js";
import { commandLine } from "../support/cli.js";

const dist = compileSource();
const cli = commandLine(dist);
afterAll(() => cli.remove());

/** What a command prints for programs, under some Node. */
function result(node: string, ...args: readonly string[]): Record<string, unknown> {
  const words = [join(dist, "cli", "main.js"), ...args, "--json"];
  const output = execFileSync(node, words, {
    cwd: cli.folder,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  return JSON.parse(output.trimEnd().split("\n").at(-1)!) as Record<string, unknown>;
}

const ANSWER = ["answer", "4 9 10 13 = 24 :", "--n", "12", "--seed", "3"];
const SHARPEN = [
  "sharpen",
  "game24",
  "--prompts",
  "3",
  "--n",
  "4",
  "--no-amortize",
  "--reward",
  "majority,self-certainty",
];

const majors = Object.keys(OTHER_NODES).map((major) => Number(major) as keyof typeof OTHER_NODES);
it.each(majors)("Node %i draws, chooses, measures and resumes as this one does", (major) => {
  const node = fetchNode(major);
  if (node === undefined) {
    console.warn(`Notice: Node ${major} cannot be had here; it is not tested.`);
    return;
  }
  expect(result(node, ...ANSWER)).toEqual(result(process.execPath, ...ANSWER));
  const here = result(process.execPath, ...SHARPEN, "--run", `here-${major}`);
  const there = result(node, ...SHARPEN, "--run", `there-${major}`);
  const figures = ({ bestOfN, base, greedy }: Record<string, unknown>): object => ({ bestOfN, base, greedy });
  expect(figures(there)["bestOfN" as never]).toBeDefined();
  expect(figures(there)).toEqual(figures(here));
  // A run of the one goes on under the other.
  const more = result(process.execPath, ...SHARPEN, "--run", `there-${major}`, "--resume");
  expect(figures(more)).toEqual(figures(here));
});
