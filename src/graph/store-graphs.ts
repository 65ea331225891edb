import { DEVICES, type Device } from "./device.js";
import { EXTERNAL_LIMIT, encode } from "./encode.js";
import type { Graph, InitializerData } from "./graph.js";
import { lower } from "./lower.js";
import type { Shaped } from "./sizes.js";
import type { StoredConstant, StoredGraph } from "./web-engine.js";

/** Where constants begin: at what every type's elements are aligned to. */
const ALIGNMENT = 8;

/** Graphs as files, for an engine that builds none: `WebEngine`. */
export interface StoredGraphs {
  /** Each graph's ONNX file and what is to be known of it, by its name. */
  readonly graphs: Readonly<Record<string, { readonly model: Uint8Array; readonly graph: StoredGraph }>>;
  /** The large constants of all of them, each once. */
  readonly constants: Uint8Array;
}

/** Encodes graphs for a `WebEngine` of a device; an array that is a constant of several is stored once. */
export function storeGraphs(
  graphs: Readonly<Record<string, Graph>>,
  device: Device = DEVICES.cpu,
): StoredGraphs {
  const offsets = new Map<InitializerData, number>();
  let size = 0;
  const place = (data: InitializerData): number => {
    const known = offsets.get(data);
    if (known !== undefined) return known;
    const offset = size;
    offsets.set(data, offset);
    size = Math.ceil((size + data.byteLength) / ALIGNMENT) * ALIGNMENT;
    return offset;
  };
  const stored = Object.entries(graphs).map(([name, graph]) => {
    const encoded = encode(lower(graph, device), device.ownMemory ? 0 : EXTERNAL_LIMIT);
    const { model, external, fed } = encoded;
    const constants = [...external, ...fed].map((each): StoredConstant => ({
      name: each.value.name,
      type: each.value.type,
      dims: each.value.shape as readonly number[],
      fed: fed.includes(each),
      offset: place(each.data),
      byteLength: each.data.byteLength,
    }));
    const shaped = ({ name: of, shape }: Shaped): Shaped => ({ name: of, shape });
    const inputs = graph.inputs.filter((input) => encoded.inputs.includes(input.name)).map(shaped);
    const outputs = graph.outputs.map(shaped);
    return [name, { model, graph: { inputs, outputs, constants } }] as const;
  });
  const bytes = new Uint8Array(size);
  for (const [data, offset] of offsets)
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
  return { graphs: Object.fromEntries(stored), constants: bytes };
}
