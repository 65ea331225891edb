import { ServerError } from "../../core/errors.js";
import { adapterFiles, sharedIn } from "./adapter-files.js";
import type { BaseText } from "./base-text.js";
import { Refusal } from "./connection.js";
import type { AdapterShape, TinkerModel, TinkerSession } from "./session.js";
import type { WireSequence } from "./wire.js";

/** How far from what is expected the ratio of two norms may be: what 16-bit floats leave of it, and no more. */
const NEAR = 0.02;
const SHAPE: AdapterShape = { rank: 1, alpha: 2, targets: ["q_proj", "down_proj"], seed: 1 };

/** A server that tells no norm of a gradient: nothing can be measured. */
class TellsNothing extends Error {}

/**
 * Finds out, on adapters that are thrown away, whether a server sums its losses, as the protocol says, and notes it in the session. Some
 * average instead, over each sequence's tokens and over the sequences since the last step; where weights that are scaled accordingly
 * give the gradient of the sum, of whatever lengths, signs and parts, they are sent so. A server that tells no norm is taken at
 * the protocol's word, and whetstone's own worker is not asked.
 * @throws ServerError for one that does neither.
 */
export async function measureHabits(session: TinkerSession, base: BaseText): Promise<void> {
  if (session.told.own) return;
  const asSaid = session.habits;
  const probe = probes(base);
  const model = await session.create(SHAPE);
  try {
    const once = await norm(model, [probe(1)]);
    const twice = await norm(model, [probe(1), probe(1)]);
    const doubled = await norm(model, [probe(2)]);
    if (!(once > 0)) return;
    if (near(twice, 2 * once) && near(doubled, 2 * once)) return;
    session.habits = { ...asSaid, averages: true };
    if (!(await undone(model, probe, once))) throw unknown(session, twice / once, doubled / once);
    const shared = sharedIn(await adapterFiles(model));
    const clips = await clipped(model, probe, once);
    session.habits = { ...session.habits, shared, clips };
  } catch (error) {
    if (!(error instanceof TellsNothing)) throw error;
    session.habits = asSaid;
    return;
  } finally {
    await model.unload();
  }
  session.habits = { ...session.habits, leavesGradients: await leaves(session, probe) };
}

/** A sequence whose gradient is a multiple of one and the same, whatever its length: that of its response's first token. */
type Probe = (weight: number, length?: number) => WireSequence;

function probes({ config }: BaseText): Probe {
  const ids = [3, 1, 4, 1, 5, 9, 2, 6].map((id) => id % config.vocabSize);
  return (weight, length = 1) => ({
    prompt: ids.slice(0, 4),
    response: ids.slice(4, 4 + length),
    weights: Array.from({ length }, (_, t) => (t === 0 ? weight : 0)),
  });
}

/** The norm of the gradient of sequences, and nothing else: at rate 0, a step changes no parameter. @throws TellsNothing */
async function norm(model: TinkerModel, ...parts: readonly (readonly WireSequence[])[]): Promise<number> {
  for (const sequences of parts) await model.pass(sequences, { forwardOnly: false });
  const told = await model.step({ rate: 0 });
  if (told === undefined) throw new TellsNothing();
  return told;
}

const near = (norm: number, expected: number): boolean => Math.abs(norm / expected - 1) < NEAR;

/** Whether scaled weights give the sum's gradient. @param once that of one token with weight 1, which no average changes. */
async function undone(model: TinkerModel, probe: Probe, once: number): Promise<boolean> {
  try {
    return (
      near(await norm(model, [probe(1, 4)]), once) &&
      near(await norm(model, [probe(1, 2), probe(1, 4)]), 2 * once) &&
      near(await norm(model, [probe(1, 3)], [probe(-3, 2)]), 2 * once)
    );
  } catch (error) {
    // It knows no such loss.
    if (error instanceof Refusal) return false;
    throw error;
  }
}

/**
 * Whether a gradient is clipped to a thousandth of its norm when that is asked for. With Adam's ε far above it, a step is one of plain
 * descent: unclipped, this one raises log π of the probe's token by some tenth.
 */
async function clipped(model: TinkerModel, probe: Probe, once: number): Promise<boolean> {
  const score = async (): Promise<number> => (await model.pass([probe(1)], { forwardOnly: true }))[0]![0]!;
  const before = await score();
  await model.pass([probe(1)], { forwardOnly: false });
  const epsilon = 1000 * once;
  await model.step({ rate: (0.1 * epsilon) / once ** 2, epsilon, clipNorm: once / 1000 });
  return Math.abs((await score()) - before) < 0.01;
}

/** Whether an adapter begins with the gradient of one that was freed without a step. */
async function leaves(session: TinkerSession, probe: Probe): Promise<boolean> {
  const freed = await session.create(SHAPE);
  await freed.pass([probe(1)], { forwardOnly: false });
  await freed.unload();
  const next = await session.create(SHAPE);
  try {
    return (await norm(next)) > 0;
  } finally {
    await next.unload();
  }
}

function unknown({ connection }: TinkerSession, twice: number, doubled: number): ServerError {
  return new ServerError(
    `The trainer at ${connection.url} does not sum its losses over a batch, as Tinker's protocol has it, and averages them in no known way: ` +
      `a sequence given twice has ${twice.toFixed(3)} times the gradient of one, with twice the weights ${doubled.toFixed(3)} times; it cannot be trained on.`,
  );
}
