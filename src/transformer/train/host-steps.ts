import {
  adamWState,
  adamWStep,
  clipGradientNorm,
  type AdamWState,
  type ResidentBuffer,
} from "../../graph/index.js";
import type { Trained } from "./checkpoint.js";
import { checkFinite, gatheredOf, type Pass, type StepOptions, type Steps } from "./steps.js";

/** Loss and gradients of a batch, these in the order of the trained tensors. */
export interface BatchGradients {
  readonly loss: number;
  readonly gradients: Float32Array[];
}

/** Steps that are taken here, on the trained tensors' own arrays; the engine's buffers are copies of them. */
export class HostSteps implements Steps {
  private readonly state: AdamWState;
  private gathered: BatchGradients | undefined;

  constructor(
    private readonly trained: readonly Trained[],
    /** The trained tensors', in their order; whoever made them frees them. */
    private readonly buffers: readonly ResidentBuffer[],
    private readonly options: StepOptions,
  ) {
    this.state = adamWState(trained.map(({ data }) => data));
  }

  get taken(): number {
    return this.state.step;
  }

  async gather(passes: AsyncIterable<Pass>): Promise<number> {
    const more = await gradientsOf(passes, this.trained);
    const { gathered } = this;
    gathered?.gradients.forEach((sum, i) => addInto(sum, more.gradients[i]!));
    this.gathered = gathered ? { ...gathered, loss: gathered.loss + more.loss } : more;
    return more.loss;
  }

  async step(learningRate: number): Promise<number> {
    const { loss, gradients } = gatheredOf(this.gathered);
    this.gathered = undefined;
    const norm = clipGradientNorm(gradients, this.options.clipNorm ?? Infinity);
    checkFinite(this.state.step + 1, loss, norm);
    const parameters = this.trained.map(({ data }) => data);
    adamWStep(parameters, gradients, this.state, learningRate, this.options);
    await Promise.all(this.buffers.map((buffer, i) => buffer.write(parameters[i]!)));
    return norm;
  }

  /** They are up to date. */
  settle(): Promise<void> {
    return Promise.resolve();
  }

  /** The state itself, which may be written to before it is given back to `restore`. */
  moments(): Promise<AdamWState> {
    return Promise.resolve(this.state);
  }

  restore(): Promise<void> {
    this.gathered = undefined;
    return Promise.resolve();
  }

  dispose(): Promise<void> {
    return Promise.resolve();
  }
}

/** The sums over a batch's passes; zeros where there are none. */
export async function gradientsOf(
  passes: AsyncIterable<Pass>,
  trained: readonly Trained[],
): Promise<BatchGradients> {
  let loss = 0;
  let gradients: Float32Array[] | undefined;
  const names = trained.map((_, i) => `gradient.${i}`);
  for await (const { session, feeds } of passes) {
    const result = await session.run(feeds, { fetch: ["loss", ...names] });
    loss += result["loss"]!.data[0] as number;
    const parts = names.map((name) => result[name]!.data as Float32Array);
    if (gradients === undefined) gradients = parts;
    else gradients.forEach((sum, i) => addInto(sum, parts[i]!));
  }
  return { loss, gradients: gradients ?? trained.map(({ data }) => new Float32Array(data.length)) };
}

function addInto(sum: Float32Array, part: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += part[i]!;
}
