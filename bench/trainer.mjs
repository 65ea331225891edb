/**
 * `node bench/trainer.mjs`: what training elsewhere costs besides the computing, of a step of some 5,000 tokens, as many as a GPU makes of a 7B model in
 * a second. The package's worker serves a model that is next to nothing; its own engine takes the same steps without client, wire and server, in turn.
 * The last line is JSON.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectTrainer } from "../dist/policy/tinker/connect-trainer.js";
import { launchWorker } from "../dist/policy/worker/launch.js";
import { localExecutor } from "../dist/policy/worker/local-executor.js";
import { pythonInterpreter } from "../scripts/python-env.mjs";
import { spread } from "./processes.mjs";

const [SEQUENCES, PROMPT, RESPONSE, STEPS] = [10, 100, 400, 20];
const folder = mkdtempSync(join(tmpdir(), "whetstone-bench-trainer-"));
const base = join(folder, "base");
const python = await pythonInterpreter();
const script = join(import.meta.dirname, "peers", "steps.py");

/** Seconds of each step by the engine alone; the first call makes the model. */
function alone() {
  const asked = { base, sequences: SEQUENCES, length: PROMPT + RESPONSE, response: RESPONSE, steps: STEPS };
  const ended = spawnSync(python, [script, JSON.stringify(asked)], { encoding: "utf8" });
  if (ended.status !== 0) throw new Error(ended.stderr);
  return /** @type {number[]} */ (JSON.parse(ended.stdout.trim().split("\n").at(-1) ?? ""));
}

/** Seconds of each step by client, wire and worker. @param {string} state */
async function through(state) {
  const worker = await launchWorker({
    ...{ executor: localExecutor(join(folder, "jobs")), identity: [state], record: join(folder, "job.json") },
    ...{ base, python, gpus: 0, state, listen: "127.0.0.1:0", idle: 5, threads: 1 },
  });
  const connected = await connectTrainer({ url: worker.url, key: worker.key, base });
  try {
    const trainer = await connected.trainers.start({
      rank: 8,
      alpha: 16,
      clipNorm: 1,
      weightDecay: 0,
      seed: 1,
    });
    const text = "1 ".repeat(PROMPT).trim();
    const sequences = Array.from({ length: SEQUENCES }, (_, i) => ({
      prompt: { id: `p${i}`, text },
      tokens: Array.from({ length: RESPONSE }, (_, t) => 3 + ((7 * t + i) % 200)),
    }));
    const weights = sequences.map(({ tokens }) => tokens.map(() => 1 / SEQUENCES));
    const seconds = [];
    for (let step = 0; step < STEPS; step++) {
      const began = performance.now();
      await trainer.forwardBackward(sequences, weights);
      await trainer.optimStep(1e-4);
      seconds.push((performance.now() - began) / 1000);
    }
    await trainer.dispose();
    return seconds.slice(3);
  } finally {
    await connected.close();
    await worker.end();
  }
}

try {
  /** @type {Record<"alone" | "through", number[]>} */
  const seconds = { alone: [], through: [] };
  for (let round = 0; round < 3; round++) {
    seconds.alone.push(...alone());
    seconds.through.push(...(await through(join(folder, `state-${round}`))));
  }
  const [own, whole] = [spread(seconds.alone), spread(seconds.through)];
  const added = 1000 * (whole.median - own.median);
  console.log(
    `the engine alone            ${(1000 * own.median).toFixed(0)} ms a step (${(1000 * own.least).toFixed(0)} to ${(1000 * own.largest).toFixed(0)})`,
  );
  console.log(
    `client, wire and worker     ${(1000 * whole.median).toFixed(0)} ms (${(1000 * whole.least).toFixed(0)} to ${(1000 * whole.largest).toFixed(0)})`,
  );
  console.log(
    `added                       ${added.toFixed(0)} ms: ${(added / 10).toFixed(1)} % of a step of 1 s (wanted: ≤ 5 %)`,
  );
  console.log(JSON.stringify({ alone: own, through: whole, addedMs: added }));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
