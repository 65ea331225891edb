import { DeviceError } from "../core/errors.js";
import type { DeviceName } from "../graph/index.js";
import type { Draw } from "../transformer/decode/draw-request.js";
import { loadModel, type LoadOptions, type Model } from "../transformer/model.js";
import type { RuntimeOptions } from "../transformer/runtime-options.js";
import { Runtime } from "../transformer/runtime.js";

/** How far log π of a token may be from the CPU's, in nats. */
const TOLERANCE = 1e-3;
/** How long each device draws, in milliseconds, once its graphs are there. */
const TRIAL_MS = 3000;
/** The tokens that are compared. */
const TOKENS = 12;
/** Responses that are drawn at once to see how fast it goes, and their length at most. */
const RESPONSES = 16;
const LONGER = 64;
const SEED = 1;

/** What computes a model, and why in a sentence. */
export interface Trial {
  readonly device: DeviceName;
  readonly sentence: string;
}

/** Tokens that every model has, as a prompt. */
function promptOf({ config }: Model): readonly number[] {
  const ids = Array.from({ length: Math.min(config.vocabSize, 12) }, (_, id) => id);
  return ids.filter((id) => !config.eosTokenIds.includes(id));
}

/** How some responses are drawn to try a device. */
interface Trying {
  readonly count: number;
  readonly maxTokens: number;
  readonly greedy?: boolean;
  /** Told of each token; true ends the drawing. */
  readonly token?: () => boolean;
}

async function drawn(
  runtime: Runtime,
  { count, maxTokens: asked, greedy = false, token }: Trying,
): Promise<Draw<number>[]> {
  const prompt = promptOf(runtime.model);
  const maxTokens = Math.min(asked, runtime.maxLength - prompt.length);
  const requests = Array.from({ length: count }, (_, index) => ({ tag: index, prompt, promptKey: 0, index }));
  const leave = new AbortController();
  const watch = (): void => {
    if (token?.() === true) leave.abort();
  };
  const draws: Draw<number>[] = [];
  const options = { temperature: 1, maxTokens, seed: SEED, greedy, watch, signal: leave.signal };
  try {
    for await (const draw of runtime.draw(requests, options)) draws.push(draw);
  } catch (error) {
    if (!leave.signal.aborted) throw error;
  }
  return draws;
}

/**
 * Compares a device's log π of one response, as it draws and as it scores it, with the CPU's.
 * @throws DeviceError where any token's differs by more than 1e-3 nats, or is no number.
 */
export async function checkNumbers(runtime: Runtime, options: RuntimeOptions = {}): Promise<void> {
  const { model, engine } = runtime;
  const [draw] = await drawn(runtime, { count: 1, maxTokens: TOKENS, greedy: true });
  const pair = { prompt: promptOf(model), response: draw!.tokens };
  const [scored] = await runtime.score([pair]);
  const cpu = new Runtime(model, { ...options, device: "cpu", prefixBytes: 0 });
  try {
    const [wanted] = await cpu.score([pair]);
    wanted!.logProbs.forEach((logProb, i) => {
      for (const found of [draw!.logProbs[i]!, scored!.logProbs[i]!]) {
        if (Math.abs(found - logProb) <= TOLERANCE) continue;
        throw new DeviceError(
          `${capitalized(engine.device.words)} computes wrong numbers: log π of a token of ${model.name} is ${found.toFixed(4)} there, and ` +
            `${logProb.toFixed(4)} on the CPU`,
          { reason: "device-wrong", where: engine.device.name, remedy: "compute on the CPU" },
        );
      }
    });
  } finally {
    await cpu.dispose();
  }
}

const capitalized = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);

/** Tokens drawn a second, once the graphs are there. */
async function pace(runtime: Runtime, now: () => number): Promise<number> {
  await drawn(runtime, { count: RESPONSES, maxTokens: 2 });
  const start = now();
  let tokens = 0;
  const token = (): boolean => {
    tokens++;
    return now() - start >= TRIAL_MS;
  };
  while (now() - start < TRIAL_MS) await drawn(runtime, { count: RESPONSES, maxTokens: LONGER, token });
  return (1000 * tokens) / (now() - start);
}

async function paceOn(
  device: DeviceName,
  model: Model,
  options: RuntimeOptions,
  now: () => number,
): Promise<number> {
  const runtime = new Runtime(model, { ...options, device });
  try {
    if (device !== "cpu") await checkNumbers(runtime, options);
    return await pace(runtime, now);
  } finally {
    await runtime.dispose();
  }
}

/**
 * Draws with a model on the GPU and on the CPU, some seconds each, and says which is the faster; the CPU where there is no GPU, or none
 * whose numbers are the CPU's.
 * @param now milliseconds since some moment.
 */
export async function tryDevices(
  folder: string,
  options: LoadOptions & RuntimeOptions,
  now: () => number,
): Promise<Trial> {
  const model = await loadModel(folder, options);
  let gpu: number;
  try {
    gpu = await paceOn("webgpu", model, options, now);
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    return { device: "cpu", sentence: `${error.problem}; ${model.name} is computed on the CPU.` };
  }
  const cpu = await paceOn("cpu", model, options, now);
  const told = (rate: number): string => `${Math.round(rate)} tokens/s`;
  return gpu > cpu
    ? {
        device: "webgpu",
        sentence: `The GPU draws ${told(gpu)} with ${model.name}, the CPU ${told(cpu)}: the GPU is used.`,
      }
    : {
        device: "cpu",
        sentence: `The CPU draws ${told(cpu)} with ${model.name}, the GPU ${told(gpu)}: the CPU is used.`,
      };
}
