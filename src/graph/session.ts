import { GraphError } from "../core/errors.js";
import { evaluateDim, formatShape } from "./dim.js";
import { neededNodes } from "./encode.js";
import type { DataType, Graph } from "./graph.js";
import { ARRAYS, type Requests } from "./resident-buffer.js";
import { boundSizes, shapesOf } from "./sizes.js";
import { sentFeed, sentStore, type BufferFeed, type Store, type Tensor } from "./tensor.js";

/** A compiled graph. Calls after `dispose()` reject; a second `dispose()` does nothing. */
export class Session {
  private readonly inputs: ReadonlyMap<string, Graph["inputs"][number]>;
  private readonly outputs: ReadonlyMap<string, Graph["outputs"][number]>;
  private disposed = false;

  constructor(
    private readonly engine: Requests,
    private readonly id: number,
    graph: Graph,
    /** Gives back what the session holds in the engine. */
    private readonly release: () => Promise<void>,
  ) {
    const used = new Set(neededNodes(graph).flatMap((node) => node.inputs.map((input) => input.name)));
    this.inputs = new Map(
      graph.inputs.filter(({ name }) => used.has(name)).map((input) => [input.name, input]),
    );
    this.outputs = new Map(graph.outputs.map((output) => [output.name, output]));
  }

  /**
   * Runs the graph. `fetch` names the outputs to return (default: all that no store takes). Feeds that no output needs
   * are ignored.
   * @throws GraphError for a missing or misshapen feed, naming it and both shapes, and for an unknown output.
   */
  async run(
    feeds: Readonly<Record<string, Tensor | BufferFeed>>,
    { fetch, stores = [] }: { readonly fetch?: readonly string[]; readonly stores?: readonly Store[] } = {},
  ): Promise<Record<string, Tensor>> {
    if (this.disposed) throw new GraphError("The session was disposed; make a new one.");
    const sent: Record<string, object> = {};
    const sizes = boundSizes(this.inputs.values(), feeds);
    for (const [name, { type, shape }] of this.inputs) {
      const feed = feeds[name];
      if (!feed) throw new GraphError(`The input "${name}" (${type}${formatShape(shape)}) is not fed.`);
      checkFeed(name, type, shape, feed, sizes);
      sent[name] = sentFeed(feed);
    }
    const stored = new Set(stores.map(({ output }) => output));
    const fetches = [...new Set(fetch ?? [...this.outputs.keys()].filter((name) => !stored.has(name)))];
    for (const name of fetches) this.outputType(name);
    for (const { output, buffer } of stores) {
      if (this.outputType(output) !== buffer.type || buffer.isFreed) {
        throw new GraphError(
          `The output "${output}" is ${this.outputType(output)}; it cannot be stored in a ${buffer.isFreed ? "freed " : ""}` +
            `buffer of ${buffer.type}.`,
        );
      }
    }
    const run = { session: this.id, feeds: sent, fetches, stores: stores.map(sentStore) };
    if (!this.engine.keepsBuffers) return this.engine.request("run", run);
    await this.engine.prepareStores(mostAtOnce(stores));
    const written = [...stored].map((name) => this.outputs.get(name)!);
    return this.engine.request("run", { ...run, shapes: shapesOf(written, sizes) });
  }

  private outputType(name: string): DataType {
    const type = this.outputs.get(name)?.type;
    if (type === undefined) {
      throw new GraphError(
        `The graph has no output "${name}"; it has ${[...this.outputs.keys()].join(", ") || "none"}.`,
      );
    }
    return type;
  }

  async dispose(): Promise<void> {
    if (this.disposed) return;
    this.disposed = true;
    if (this.engine.hasEnded) return;
    await this.engine.request("release", { session: this.id });
    await this.release();
  }
}

/** How many outputs at most go to the same places of buffers, and so can be written at once. */
function mostAtOnce(stores: readonly Store[]): number {
  const counts = new Map<Int32Array, number>();
  for (const { to } of stores) counts.set(to, (counts.get(to) ?? 0) + 1);
  return Math.max(0, ...counts.values());
}

function checkFeed(
  name: string,
  type: DataType,
  shape: readonly (number | string)[],
  feed: Tensor | BufferFeed,
  sizes: ReadonlyMap<string, number>,
): void {
  const feedType = "buffer" in feed ? feed.buffer.type : feed.type;
  const complain = (): never => {
    throw new GraphError(
      `The input "${name}" is ${type}${formatShape(shape)}; it was fed ${feedType}${formatShape(feed.dims)}.`,
    );
  };
  if (feedType !== type || feed.dims.length !== shape.length) complain();
  if ("buffer" in feed ? feed.buffer.isFreed : !(feed.data instanceof ARRAYS[type])) {
    const fed = "buffer" in feed ? "a freed buffer" : feed.data.constructor.name;
    throw new GraphError(`The input "${name}" is ${type}${formatShape(shape)}; it was fed ${fed}.`);
  }
  shape.forEach((dim, i) => {
    const size = feed.dims[i]!;
    if (size !== (evaluateDim(dim, sizes) ?? size)) complain();
  });
  const count = feed.dims.reduce((product, dim) => product * dim, 1);
  const available = "buffer" in feed ? feed.buffer.length : feed.data.length;
  if ("buffer" in feed ? available < count : available !== count) {
    throw new GraphError(
      `The input "${name}" of shape ${formatShape(feed.dims)} needs ${count} values; it was fed ${available}.`,
    );
  }
}
