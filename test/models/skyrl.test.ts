import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InterruptedError } from "../../src/core/errors.js";
import { LocalPolicy } from "../../src/policy/local-policy.js";
import { dispatcherFor } from "../../src/policy/remote/transport.js";
import { connectTrainer, type ConnectedTrainer } from "../../src/policy/tinker/connect-trainer.js";
import { TinkerConnection } from "../../src/policy/tinker/connection.js";
import { TinkerSession } from "../../src/policy/tinker/session.js";
import { writePass } from "../../src/policy/tinker/wire.js";
import { testTrainerContract } from "../../src/policy/trainer-contract.test-helper.js";
import { commandLine, recordsOf, untilLines, type CommandLine } from "../support/cli.js";
import { contractSequences, expectSaidHere } from "../support/drawn-elsewhere.js";
import { SKYRL, startSkyRL, type SkyRL } from "../support/skyrl.js";
import { writeTinyModel, writeTinyPrompts } from "../support/tiny-model.js";

interface Epoch {
  readonly epoch: number;
  readonly trainLoss?: number;
  readonly validationLoss: number;
}

/** `WHETSTONE_CRASH=full`: DPO as well, whose many shapes the server compiles for a minute. */
const METHODS = process.env["WHETSTONE_CRASH"] === "full" ? (["sft", "dpo"] as const) : (["sft"] as const);
/** Few shapes, each of which is compiled; and parts of a batch that the server makes by itself. */
const backend = { train_micro_batch_size: 4, sample_max_num_sequences: 16 };

describe.skipIf(SKYRL === undefined)("sharpening on SkyRL's server", () => {
  let cli: CommandLine;
  let server: SkyRL;
  beforeAll(async () => {
    cli = commandLine();
    await writeTinyModel(join(cli.folder, "tiny"), 2, { family: "qwen3", queryKeyNorm: true });
    writeTinyPrompts(join(cli.folder, "prompts.jsonl"));
    server = await startSkyRL(join(cli.folder, "tiny"), { backend });
  });
  afterAll(async () => {
    await server?.remove();
    cli?.remove();
  });

  const sharpen = (run: string, more: readonly string[] = []): string[] => [
    ...["sharpen", "--task", "prompts.jsonl", "--model", "tiny", "--n", "3", "--max-tokens", "6", "--raw"],
    ...[
      "--run",
      run,
      "--epochs",
      "2",
      "--beta",
      "0.5",
      "--curve-samples",
      "1",
      "--rank",
      "8",
      "--alpha",
      "32",
    ],
    ...["--threads", "1", "--trainer", `tinker+${server.url}`, "--methods", METHODS.join(","), ...more],
  ];
  const epochsOf = (run: string, method: string): Epoch[] =>
    recordsOf<Epoch>(join(cli.folder, run, "adapters", method, "epochs.jsonl"));
  it("trains by each method, and ends the same when it was killed and the server started anew from its state", async () => {
    const { status, stderr } = await cli.run(sharpen("whole"));
    expect(status, `${stderr}\n${server.log().slice(-3000)}`).toBe(0);
    expect(stderr).toMatch(/averages .* undone .* one A for k_proj, q_proj, v_proj together.* does not clip/);
    expect(stderr).toContain("the same model");
    for (const method of METHODS) {
      const epochs = epochsOf("whole", method);
      expect(epochs).toHaveLength(3);
      expect(epochs.at(-1)!.trainLoss).toBeLessThan(epochs[1]!.trainLoss!);
      await expectSaidHere(cli, "whole", method);
    }
    for (const [i, method] of [...METHODS].entries()) {
      const killed = cli.start(sharpen("killed", i === 0 ? [] : ["--resume"]));
      await untilLines(join(cli.folder, "killed", "adapters", method, "epochs.jsonl"), 2, killed);
      killed.child.kill("SIGKILL");
      await killed.ended;
    }
    const { state } = server;
    await server.kill();
    server = await startSkyRL(join(cli.folder, "tiny"), { backend, state });
    const resumed = await cli.run(sharpen("killed", ["--resume"]));
    expect(resumed.status, resumed.stderr).toBe(0);
    for (const method of METHODS) {
      const [a, b] = [epochsOf("killed", method), epochsOf("whole", method)];
      expect(a.map(({ epoch }) => epoch)).toEqual(b.map(({ epoch }) => epoch));
      a.forEach((epoch, i) => {
        expect(Math.abs(epoch.validationLoss - b[i]!.validationLoss)).toBeLessThan(1e-4);
        expect(Math.abs((epoch.trainLoss ?? 0) - (b[i]!.trainLoss ?? 0))).toBeLessThan(1e-4);
      });
    }
  });
});
describe.skipIf(SKYRL === undefined)("SkyRL's server", () => {
  const base = mkdtempSync(join(tmpdir(), "whetstone-base-"));
  const dispatcher = dispatcherFor();
  const connected: ConnectedTrainer[] = [];
  let server: SkyRL;
  beforeAll(async () => {
    await writeTinyModel(base, 1, { family: "qwen3", queryKeyNorm: true });
    server = await startSkyRL(base, { sessionSeconds: 13 });
  });
  afterAll(async () => {
    for (const each of connected) await each.close();
    await dispatcher.close();
    await server?.remove();
    rmSync(base, { recursive: true });
  });

  const opened = (): Promise<TinkerSession> =>
    TinkerSession.open(new TinkerConnection({ url: server.url, dispatcher }), base);
  const SHAPE = { rank: 1, alpha: 32, targets: ["q_proj", "down_proj"], seed: 1 };
  const one = { prompt: [3, 1, 4], response: [1, 5], weights: [1, 1] };

  it("does a pass once that is sent twice, and tells its result to whoever asks again", async () => {
    const session = await opened();
    const model = await session.create(SHAPE);
    const pass = { modelId: model.id, sequence: 1, forwardOnly: false, sequences: [one] };
    const send = (): Promise<Readonly<Record<string, unknown>>> =>
      session.connection.post("forward_backward", writePass(pass));
    const { request_id: id } = await send();
    // Whoever asked is gone before the answer is there.
    const gone = session.connection.result(String(id), AbortSignal.timeout(20));
    await expect(gone).rejects.toThrow(InterruptedError);
    expect((await send())["request_id"]).toBe(id);
    const [first, second] = [
      await session.connection.result(String(id)),
      await session.connection.result(String(id)),
    ];
    expect(first).toHaveProperty("bytes");
    expect(second).toEqual(first);
    const adam = { learning_rate: 0, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0 };
    const step = { model_id: model.id, seq_id: 2, type: "optim_step", adam_params: adam };
    const asked = await session.connection.post("optim_step", step);
    expect(await session.connection.post("optim_step", step)).toMatchObject({
      request_id: asked["request_id"],
    });
    const norm = await session.connection.result(String(asked["request_id"]));
    const other = await session.create({ ...SHAPE });
    await other.pass([one], { forwardOnly: false });
    const alone = await other.step({ rate: 0 });
    expect(alone).toBeGreaterThan(0);
    expect(norm).toMatchObject({ json: { metrics: { "skyrl.ai/grad_norm": alone } } });
    await model.unload();
    await other.unload();
    session.close();
  });

  it("saves under another name where a save was sent twice, and both can be loaded", async () => {
    const session = await opened();
    const model = await session.create(SHAPE);
    await model.pass([one], { forwardOnly: false });
    await model.step({ rate: 0.01 });
    const expected = await model.pass([one], { forwardOnly: true });
    const name = session.name();
    const saved = [await model.save(name), await model.save(name)];
    expect(saved.map((path) => path.split("/").at(-1))).toEqual([name, `${name}-again`]);
    for (const path of saved) {
      const other = await session.create(SHAPE);
      await other.load(path, true);
      expect(await other.pass([one], { forwardOnly: true })).toEqual(expected);
      await other.unload();
    }
    await model.unload();
    session.close();
  });

  it("keeps an adapter while there are heartbeats, and no longer", async () => {
    const session = await opened();
    const model = await session.create(SHAPE);
    const score = (): Promise<number[][]> => model.pass([one], { forwardOnly: true });
    const before = await score();
    await sleep(20_000);
    expect(await score()).toEqual(before);
    session.close();
    await sleep(20_000);
    await expect(score()).rejects.toThrow(/not loaded/);
  });

  testTrainerContract({
    name: "SkyRL's server",
    make: async () => {
      const policy = await LocalPolicy.load(base, { threads: 1, rows: 8 });
      const trainer = await connectTrainer({ url: server.url, base });
      connected.push(trainer);
      return { base: policy, trainers: trainer.trainers };
    },
    options: { rank: 1, alpha: 32 },
    sequences: contractSequences,
    tolerance: 1e-4,
    rate: 0.001,
  });
});
