import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commandLine, recordsOf, untilLines, type CommandLine } from "../support/cli.js";
import { expectSaidHere } from "../support/drawn-elsewhere.js";
import { writeTinyModel, writeTinyPrompts } from "../support/tiny-model.js";
import { PYTHON, startWorker, type Worker } from "../support/worker.js";

interface Epoch {
  readonly epoch: number;
  readonly trainLoss?: number;
  readonly validationLoss: number;
}

const METHODS = ["sft", "dpo", "xpo"] as const;

describe.skipIf(PYTHON === undefined)("sharpening with a trainer elsewhere", () => {
  let cli: CommandLine;
  let worker: Worker;
  beforeAll(async () => {
    cli = commandLine();
    await writeTinyModel(join(cli.folder, "tiny"), 2);
    writeTinyPrompts(join(cli.folder, "prompts.jsonl"));
    worker = await startWorker(join(cli.folder, "tiny"), ["--threads", "1"]);
  });
  afterAll(async () => {
    await worker?.remove();
    cli?.remove();
  });

  const sharpen = (run: string, more: readonly string[]): string[] => [
    ...["sharpen", "--task", "prompts.jsonl", "--model", "tiny", "--n", "3", "--max-tokens", "6", "--raw"],
    ...["--run", run, "--epochs", "2", "--rounds", "2", "--beta", "0.5", "--optimism", "0.01"],
    ...["--curve-samples", "1", "--rank", "8", "--alpha", "32", "--threads", "1", ...more],
  ];
  const epochsOf = (run: string, method: string): Epoch[] =>
    recordsOf<Epoch>(join(cli.folder, run, "adapters", method, "epochs.jsonl"));
  const same = (run: string, other: string, methods: readonly string[], tolerance: number): void => {
    for (const method of methods) {
      const [a, b] = [epochsOf(run, method), epochsOf(other, method)];
      expect(a.map(({ epoch }) => epoch)).toEqual(b.map(({ epoch }) => epoch));
      a.forEach((epoch, i) => {
        expect(Math.abs(epoch.validationLoss - b[i]!.validationLoss)).toBeLessThan(tolerance);
        expect(Math.abs((epoch.trainLoss ?? 0) - (b[i]!.trainLoss ?? 0))).toBeLessThan(tolerance);
      });
    }
  };
  it("trains by each method on a worker, and ends the same when it was killed", async () => {
    const at = ["--trainer", `tinker+${worker.url}`, "--methods", METHODS.join(",")];
    const { status, stderr } = await cli.run(sharpen("whole", at));
    expect(status, stderr).toBe(0);
    expect(stderr).toContain("the same model");
    for (const method of METHODS) {
      expect(epochsOf("whole", method)).toHaveLength(3);
      await expectSaidHere(cli, "whole", method);
    }
    // Killed in each method's training, the last time with the worker, which comes back with its state.
    for (const [i, method] of METHODS.entries()) {
      const killed = cli.start(sharpen("killed", i === 0 ? at : [...at, "--resume"]));
      await untilLines(join(cli.folder, "killed", "adapters", method, "epochs.jsonl"), 2, killed);
      killed.child.kill("SIGKILL");
      await killed.ended;
    }
    const { state } = worker;
    await worker.kill();
    worker = await startWorker(join(cli.folder, "tiny"), ["--threads", "1"], state);
    const again = ["--trainer", `tinker+${worker.url}`, "--methods", METHODS.join(","), "--resume"];
    const resumed = await cli.run(sharpen("killed", again));
    expect(resumed.status, resumed.stderr).toBe(0);
    same("killed", "whole", METHODS, 1e-4);
  });

  it("trains on a run that was only drawn, as sharpening does", async () => {
    const drawing = ["--task", "prompts.jsonl", "--model", "tiny", "--n", "3", "--max-tokens", "6", "--raw"];
    const drawn = await cli.run(["sample", ...drawing, "--run", "drawn", "--threads", "1"]);
    expect(drawn.status, drawn.stderr).toBe(0);
    const { status, stderr } = await cli.run([
      ...["train", "sft", "drawn", "--trainer", `tinker+${worker.url}`, "--epochs", "2"],
      ...["--curve-samples", "1", "--rank", "8", "--alpha", "32", "--threads", "1"],
    ]);
    expect(status, stderr).toBe(0);
    expect(stderr).toContain("the same model");
    same("drawn", "whole", ["sft"], 1e-6);
    await expectSaidHere(cli, "drawn", "sft");
  });
});
