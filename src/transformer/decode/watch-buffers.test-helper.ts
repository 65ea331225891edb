import type { Engine } from "../../graph/index.js";

/** What an engine's thread holds in buffers, by the messages that it gets. */
export interface BufferWatch {
  /** Buffers made since the watch began, and those of them that are not freed. */
  readonly made: number;
  readonly live: number;
  /** Elements in those that are not freed, and the most there ever were. */
  readonly elements: number;
  readonly most: number;
  /** Rows of each decoding step, idle ones included. */
  readonly rows: readonly number[];
}

/** Watches an engine from now on. */
export function watchBuffers(engine: Engine): BufferWatch {
  const sizes = new Map<number, number>();
  const rows: number[] = [];
  const state = { made: 0, elements: 0, most: 0 };
  const request = engine.request.bind(engine);
  engine.request = (kind, message, ...rest) => {
    const { buffer, length, feeds } = message as {
      readonly buffer?: number;
      readonly length?: number;
      readonly feeds?: Readonly<Record<string, { readonly dims: readonly number[] }>>;
    };
    if (kind === "allocate") {
      sizes.set(buffer!, length!);
      state.made++;
      state.elements += length!;
      state.most = Math.max(state.most, state.elements);
    }
    if (kind === "free" && sizes.has(buffer!)) {
      state.elements -= sizes.get(buffer!)!;
      sizes.delete(buffer!);
    }
    if (feeds?.["uniforms"]) rows.push(feeds["uniforms"].dims.reduce((a, b) => a * b, 1));
    return request(kind, message, ...rest);
  };
  return {
    get made() {
      return state.made;
    },
    get live() {
      return sizes.size;
    },
    get elements() {
      return state.elements;
    },
    get most() {
      return state.most;
    },
    rows,
  };
}
