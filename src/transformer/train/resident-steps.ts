import {
  Graph,
  add,
  adamWState,
  div,
  mul,
  reduceSum,
  sqrt,
  sub,
  type AdamWOptions,
  type AdamWState,
  type BufferFeed,
  type Engine,
  type ResidentBuffer,
  type Session,
  type Store,
  type Tensor,
  type Value,
} from "../../graph/index.js";
import type { Trained } from "./checkpoint.js";
import { checkFinite, gatheredOf, type Pass, type StepOptions, type Steps } from "./steps.js";

/** What is kept of each trained tensor: the gradient gathered since the last step, and AdamW's moments. */
const KINDS = ["gradient", "first", "second"] as const;
type Kind = (typeof KINDS)[number] | "parameter";

type Shapes = readonly (readonly number[])[];

function inputsOf(graph: Graph, kind: string, shapes: Shapes): Value[] {
  return shapes.map((shape, i) => graph.input(`${kind}.${i}`, "float32", shape));
}

/** Inputs `gradient.i`, `more.i`; outputs `sum.i`. */
function sumGraph(shapes: Shapes): Graph {
  const graph = new Graph();
  const more = inputsOf(graph, "more", shapes);
  inputsOf(graph, "gradient", shapes).forEach((gradient, i) =>
    graph.output(`sum.${i}`, add(gradient, more[i]!)),
  );
  return graph;
}

/** Inputs `gradient.i`; output `norm`, the joint Euclidean norm. */
function normGraph(shapes: Shapes): Graph {
  const graph = new Graph();
  const squares = inputsOf(graph, "gradient", shapes).map((g) => reduceSum(mul(g, g)));
  graph.output("norm", sqrt(squares.reduce((sum, each) => add(sum, each))));
  return graph;
}

/**
 * AdamW's step, as `adamWStep`. Inputs `parameter.i`, `gradient.i`, `first.i`, `second.i`, and scalars: `clip`, what gradients are
 * multiplied by; `rate`, `secondScale`, `keep`, which depend on the step. Outputs `new.parameter.i`, `new.first.i`, `new.second.i`.
 */
function stepGraph(shapes: Shapes, { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }: AdamWOptions): Graph {
  const graph = new Graph();
  const scalar = (name: string): Value => graph.input(name, "float32", []);
  const [clip, rate, secondScale, keep] = [
    scalar("clip"),
    scalar("rate"),
    scalar("secondScale"),
    scalar("keep"),
  ];
  const parameters = inputsOf(graph, "parameter", shapes);
  const gradients = inputsOf(graph, "gradient", shapes);
  const firsts = inputsOf(graph, "first", shapes);
  const seconds = inputsOf(graph, "second", shapes);
  parameters.forEach((parameter, i) => {
    const g = mul(gradients[i]!, clip);
    const first = add(mul(firsts[i]!, beta1), mul(g, 1 - beta1));
    const second = add(mul(seconds[i]!, beta2), mul(mul(g, g), 1 - beta2));
    const along = div(mul(first, rate), add(mul(sqrt(second), secondScale), epsilon));
    graph.output(`new.parameter.${i}`, sub(mul(parameter, keep), along));
    graph.output(`new.first.${i}`, first);
    graph.output(`new.second.${i}`, second);
  });
  return graph;
}

/**
 * Gradients that are gathered, and AdamW's steps along them, on a device with memory of its own: parameters, gradients and moments stay there, and
 * loss and norm are all that comes back. What `adamWStep` and `clipGradientNorm` do elsewhere, but for float32's rounding.
 */
export class ResidentSteps implements Steps {
  private readonly buffers: Readonly<Record<Kind, readonly ResidentBuffer[]>>;
  private more: readonly ResidentBuffer[] | undefined;
  private sums: Session | undefined;
  private loss: number | undefined;
  private count = 0;

  private constructor(
    private readonly engine: Engine,
    private readonly trained: readonly Trained[],
    buffers: Readonly<Record<Kind, readonly ResidentBuffer[]>>,
    private readonly norms: Session,
    private readonly updates: Session,
    private readonly options: StepOptions,
  ) {
    this.buffers = buffers;
  }

  /** @param parameters the trained tensors' buffers, which steps write to; whoever made them frees them. */
  static async start(
    engine: Engine,
    trained: readonly Trained[],
    parameters: readonly ResidentBuffer[],
    options: StepOptions,
  ): Promise<ResidentSteps> {
    const shapes = trained.map(({ shape }) => shape);
    const norms = await engine.session(normGraph(shapes));
    const updates = await engine.session(stepGraph(shapes, options));
    const [gradient, first, second] = await Promise.all(KINDS.map(() => buffersFor(engine, trained)));
    const buffers = { parameter: parameters, gradient: gradient!, first: first!, second: second! };
    return new ResidentSteps(engine, trained, buffers, norms, updates, options);
  }

  get taken(): number {
    return this.count;
  }

  private feeds(kind: Kind | "more", of: readonly ResidentBuffer[]): Record<string, BufferFeed> {
    const feeds = of.map((buffer, i) => [`${kind}.${i}`, { buffer, dims: this.trained[i]!.shape }] as const);
    return Object.fromEntries(feeds);
  }

  async gather(passes: AsyncIterable<Pass>): Promise<number> {
    let sum = 0;
    for await (const pass of passes) sum += await this.gatherPass(pass);
    return sum;
  }

  private async gatherPass({ session, feeds }: Pass): Promise<number> {
    const { gradient } = this.buffers;
    const isFirst = this.loss === undefined;
    if (!isFirst) {
      this.sums ??= await this.engine.session(sumGraph(this.trained.map(({ shape }) => shape)));
      this.more ??= await buffersFor(this.engine, this.trained);
    }
    const target = isFirst ? gradient : this.more!;
    const result = await session.run(feeds, { fetch: ["loss"], stores: wholes("gradient", target) });
    if (!isFirst)
      await this.sums!.run(
        { ...this.feeds("gradient", gradient), ...this.feeds("more", this.more!) },
        { fetch: [], stores: wholes("sum", gradient) },
      );
    const loss = result["loss"]!.data[0] as number;
    this.loss = (this.loss ?? 0) + loss;
    return loss;
  }

  async step(learningRate: number): Promise<number> {
    const loss = gatheredOf(this.loss);
    this.loss = undefined;
    const gradient = this.feeds("gradient", this.buffers.gradient);
    const norm = (await this.norms.run(gradient))["norm"]!.data[0] as number;
    checkFinite(this.count + 1, loss, norm);
    this.count++;
    const { clipNorm = Infinity, beta1 = 0.9, beta2 = 0.999, weightDecay = 0 } = this.options;
    const { parameter, first, second } = this.buffers;
    const scalars = {
      clip: Math.min(1, clipNorm / (norm + 1e-6)),
      rate: learningRate / (1 - beta1 ** this.count),
      secondScale: 1 / Math.sqrt(1 - beta2 ** this.count),
      keep: 1 - learningRate * weightDecay,
    };
    const fed = Object.entries(scalars).map(([name, value]) => [name, scalarOf(value)] as const);
    await this.updates.run(
      {
        ...gradient,
        ...this.feeds("parameter", parameter),
        ...this.feeds("first", first),
        ...this.feeds("second", second),
        ...Object.fromEntries(fed),
      },
      {
        fetch: [],
        stores: [
          ...wholes("new.parameter", parameter),
          ...wholes("new.first", first),
          ...wholes("new.second", second),
        ],
      },
    );
    return norm;
  }

  async settle(): Promise<void> {
    await readInto(
      this.buffers.parameter,
      this.trained.map(({ data }) => data),
    );
  }

  /** A copy of them. */
  async moments(): Promise<AdamWState> {
    const state = adamWState(this.trained.map(({ data }) => data));
    await readInto(this.buffers.first, state.first);
    await readInto(this.buffers.second, state.second);
    state.step = this.count;
    return state;
  }

  async restore({ first, second, step }: AdamWState): Promise<void> {
    this.loss = undefined;
    await Promise.all(this.buffers.first.map((buffer, i) => buffer.write(first[i]!)));
    await Promise.all(this.buffers.second.map((buffer, i) => buffer.write(second[i]!)));
    this.count = step;
  }

  async dispose(): Promise<void> {
    const { gradient, first, second } = this.buffers;
    const own = [...gradient, ...first, ...second, ...(this.more ?? [])];
    await Promise.all(own.map((buffer) => buffer.free()));
    for (const session of [this.norms, this.updates, this.sums]) await session?.dispose();
  }
}

function scalarOf(value: number): Tensor {
  return { type: "float32", dims: [], data: Float32Array.of(value) };
}

function buffersFor(engine: Engine, trained: readonly Trained[]): Promise<ResidentBuffer[]> {
  return Promise.all(trained.map(({ data }) => engine.buffer("float32", data.length)));
}

/** Outputs `<name>.i`, each of which becomes all of a buffer. */
function wholes(name: string, buffers: readonly ResidentBuffer[]): Store[] {
  return buffers.map((buffer, i) => ({
    ...{ output: `${name}.${i}`, buffer },
    ...{ to: Int32Array.of(0), length: buffer.length },
  }));
}

async function readInto(buffers: readonly ResidentBuffer[], arrays: readonly Float32Array[]): Promise<void> {
  await Promise.all(buffers.map(async (buffer, i) => arrays[i]!.set((await buffer.read()) as Float32Array)));
}
