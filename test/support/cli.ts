import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { compileSource } from "./compiled.js";

/** How a command ended. */
export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that is running. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** The real command line, as child processes in a temporary folder. */
export interface CommandLine {
  /** Where the commands run. */
  readonly folder: string;
  start(args: readonly string[], options?: { readonly preload?: string }): Running;
  run(args: readonly string[], options?: { readonly preload?: string }): Promise<Ended>;
  /** Runs commands one after the other in one process, which spares each the start of Node. @returns how each ended. */
  runInTurn(commands: readonly (readonly string[])[]): Promise<Ended[]>;
  /** Runs a command that has to succeed with `--json`. @returns the object on the last line of stdout. */
  json(args: readonly string[]): Promise<Record<string, unknown>>;
  remove(): void;
}

/** Compiles the source, or takes what is compiled already, and makes a folder to work in. */
export function commandLine(dist = compileSource()): CommandLine {
  const main = join(dist, "cli", "main.js");
  const folder = mkdtempSync(join(tmpdir(), "whetstone-cli-"));
  const start: CommandLine["start"] = (args, { preload } = {}) => {
    const node = preload === undefined ? [main] : ["--import", preload, main];
    const child = spawn(process.execPath, [...node, ...args], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (part: string) => (stdout += part));
    child.stderr.setEncoding("utf8").on("data", (part: string) => (stderr += part));
    const ended = new Promise<Ended>((resolve) => {
      child.on("close", (status, signal) => resolve({ status, signal, stdout, stderr }));
    });
    return { child, ended };
  };
  const run: CommandLine["run"] = (args, options) => start(args, options).ended;
  const json: CommandLine["json"] = async (args) => {
    const { status, stdout, stderr } = await run([...args, "--json"]);
    if (status !== 0) throw new Error(`whetstone ${args.join(" ")} ended with ${status}: ${stderr}`);
    const lines = stdout.trimEnd().split("\n");
    return JSON.parse(lines.at(-1) ?? "") as Record<string, unknown>;
  };
  const runInTurn: CommandLine["runInTurn"] = async (commands) => {
    const script = fileURLToPath(new URL("in-turn.mjs", import.meta.url));
    const child = spawn(process.execPath, [script, join(dist, "cli", "program.js")], {
      cwd: folder,
      stdio: ["pipe", "pipe", "inherit"],
    });
    child.stdin.end(JSON.stringify(commands));
    return JSON.parse(await text(child.stdout)) as Ended[];
  };
  return {
    folder,
    start,
    run,
    runInTurn,
    json,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Waits until a file has so many lines, or the command has ended. */
export async function untilLines(path: string, lines: number, { child }: Running): Promise<void> {
  while (child.exitCode === null && child.signalCode === null) {
    if (existsSync(path) && readFileSync(path, "utf8").split("\n").length > lines) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The records of a JSONL file. */
export function recordsOf<T>(path: string): T[] {
  return readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as T);
}
