import { fork, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PUBLISHED } from "../../src/cli/schemas/published.js";
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
  /** Runs a command that has to succeed with `--json`. @returns the object on the last line of stdout, held to its published schema. */
  json(args: readonly string[]): Promise<Record<string, unknown>>;
  /**
   * Runs a command in a process that all such calls share, one after the other, which spares each the start of Node and the
   * loading of what it needs.
   */
  inTurn(args: readonly string[]): Promise<Ended>;
  /** `inTurn`, of several. @returns how each ended. */
  runInTurn(commands: readonly (readonly string[])[]): Promise<Ended[]>;
  /** As `json`, by `inTurn`. */
  jsonInTurn(args: readonly string[]): Promise<Record<string, unknown>>;
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
  let inOneProcess: OneProcess | undefined;
  const inTurn: CommandLine["inTurn"] = (args) =>
    (inOneProcess ??= oneProcess(join(dist, "cli", "program.js"), folder)).run(args);
  return {
    folder,
    start,
    run,
    json: async (args) => resultOf(args, await run([...args, "--json"])),
    inTurn,
    runInTurn: (commands) => Promise.all(commands.map(inTurn)),
    jsonInTurn: async (args) => resultOf(args, await inTurn([...args, "--json"])),
    remove: () => {
      inOneProcess?.end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The object on the last line of a command's stdout. */
function resultOf(args: readonly string[], { status, stdout, stderr }: Ended): Record<string, unknown> {
  if (status !== 0) throw new Error(`whetstone ${args.join(" ")} ended with ${status}: ${stderr}`);
  const lines = stdout.trimEnd().split("\n");
  const result = JSON.parse(lines.at(-1) ?? "") as Record<string, unknown>;
  if (args[0] !== "schema") PUBLISHED[args[0] as keyof typeof PUBLISHED].schema.parse(result);
  return result;
}

/** A process that runs one command line after the other. */
interface OneProcess {
  run(args: readonly string[]): Promise<Ended>;
  end(): void;
}

/** @param program the compiled program; @param folder where the commands run. */
function oneProcess(program: string, folder: string): OneProcess {
  const child = fork(fileURLToPath(new URL("in-turn.mjs", import.meta.url)), [program], {
    cwd: folder,
    execArgv: [],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const gone = once(child, "exit").then(([status]): never => {
    throw new Error(`A command has ended the process of all, with ${status}.`);
  });
  gone.catch(() => undefined);
  let before: Promise<unknown> = Promise.resolve();
  return {
    run: (args) => {
      const ended = before.then(async () => {
        const reply = once(child, "message");
        child.send(args);
        return (await Promise.race([reply, gone]))[0] as Ended;
      });
      before = ended.catch(() => undefined);
      return ended;
    },
    end: () => {
      if (child.connected) child.disconnect();
    },
  };
}

/** Kills a command after some milliseconds. @returns whether it was still alive. */
export async function killedAfter({ child, ended }: Running, ms: number): Promise<boolean> {
  const timer = setTimeout(() => child.kill("SIGKILL"), ms);
  const { signal } = await ended;
  clearTimeout(timer);
  return signal === "SIGKILL";
}

/** How long a command takes that has to succeed, in milliseconds. */
export async function timeOf(cli: CommandLine, args: readonly string[]): Promise<number> {
  const started = performance.now();
  await cli.json(args);
  return performance.now() - started;
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
