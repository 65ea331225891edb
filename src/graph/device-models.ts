/** The small ONNX models that keep buffers on a device: what JavaScript does with arrays, where these are in memory. */
import { create, toBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema, TensorProto_DataType } from "onnx-buf";

const { FLOAT, FLOAT16, INT64 } = TensorProto_DataType;

/** The types of buffers that stay on a device, as ONNX has them. */
const TYPES = { float32: FLOAT, float16: FLOAT16 } as const;

/** How many buffers one model may write to beside a single one: the keys and values of all layers. */
export function scatterName(count: number): string {
  return `scatter.float32.${count}`;
}

/** A tensor of any shape. */
function any(name: string, elemType: TensorProto_DataType) {
  return { name, type: { value: { case: "tensorType" as const, value: { elemType } } } };
}

interface Parts {
  readonly nodes: readonly {
    readonly opType: string;
    readonly input: string[];
    readonly output: string[];
  }[];
  readonly inputs: readonly ReturnType<typeof any>[];
  readonly outputs: readonly ReturnType<typeof any>[];
  /** A scalar that is 0, of this type. */
  readonly zero?: TensorProto_DataType;
}

function encoded({ nodes, inputs, outputs, zero }: Parts): Uint8Array {
  const scalar = zero && {
    name: "zero",
    dims: [],
    dataType: zero,
    rawData: new Uint8Array(zero === FLOAT ? 4 : 2),
  };
  const message = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [{ domain: "", version: 17n }],
    graph: {
      name: "whetstone",
      node: [...nodes],
      initializer: scalar ? [scalar] : [],
      input: [...inputs],
      output: [...outputs],
    },
  });
  return toBinary(ModelProtoSchema, message);
}

/**
 * Copies rows into buffers, in place where the output is bound to the buffer: `to.i` with the rows `rows` int64 [m] of `from.i`, seen as
 * [·, width[1]], at its index tuples `indices` int64 [m, k]. Inputs `width` int64 [2]; outputs `written.i`.
 */
export function scatterModel(count: number, type: keyof typeof TYPES = "float32"): Uint8Array {
  const places = Array.from({ length: count }, (_, i) => i);
  const of = (name: string): ReturnType<typeof any>[] => places.map((i) => any(`${name}.${i}`, TYPES[type]));
  return encoded({
    nodes: places.flatMap((i) => [
      { opType: "Reshape", input: [`from.${i}`, "width"], output: [`seen.${i}`] },
      { opType: "Gather", input: [`seen.${i}`, "rows"], output: [`taken.${i}`] },
      { opType: "ScatterND", input: [`to.${i}`, "indices", `taken.${i}`], output: [`written.${i}`] },
    ]),
    inputs: [any("width", INT64), any("rows", INT64), any("indices", INT64), ...of("from"), ...of("to")],
    outputs: of("written"),
  });
}

/** All but `scatterModel` of several buffers, by name. */
export function deviceModels(): Record<string, Uint8Array> {
  const models: Record<string, Uint8Array> = {};
  for (const type of ["float32", "float16"] as const) {
    const [x, y, shape] = [any("x", TYPES[type]), any("y", TYPES[type]), any("shape", INT64)];
    // `x` in the shape `shape`: from memory or from the device, onto the device.
    models[`place.${type}`] = encoded({
      nodes: [{ opType: "Reshape", input: ["x", "shape"], output: ["y"] }],
      inputs: [x, shape],
      outputs: [y],
    });
    models[`zeros.${type}`] = encoded({
      nodes: [{ opType: "Expand", input: ["zero", "shape"], output: ["y"] }],
      inputs: [shape],
      outputs: [y],
      zero: TYPES[type],
    });
    // The elements in [start, end) of `x`, whatever its shape (`shape` is [-1]).
    models[`part.${type}`] = encoded({
      nodes: [
        { opType: "Reshape", input: ["x", "shape"], output: ["flat"] },
        { opType: "Slice", input: ["flat", "start", "end"], output: ["y"] },
      ],
      inputs: [x, shape, any("start", INT64), any("end", INT64)],
      outputs: [y],
    });
    models[`scatter.${type}.1`] = scatterModel(1, type);
  }
  return models;
}
