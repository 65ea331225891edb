import { basename, dirname } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType,
  ModelProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
} from "onnx-buf";
import type { Attribute, DataType, FileData, Graph, Initializer, InitializerData, Value } from "./graph.js";

const ELEMENT_TYPE: Readonly<Record<DataType, TensorProto_DataType>> = {
  float32: TensorProto_DataType.FLOAT,
  int32: TensorProto_DataType.INT32,
  int64: TensorProto_DataType.INT64,
  bool: TensorProto_DataType.BOOL,
  uint8: TensorProto_DataType.UINT8,
  int8: TensorProto_DataType.INT8,
  float16: TensorProto_DataType.FLOAT16,
  bfloat16: TensorProto_DataType.BFLOAT16,
};

/** Types of constants that are held in fewer bits than what they are cast to. */
const NARROW: readonly DataType[] = ["float16", "bfloat16", "uint8"];

/** Initializers from this size on stay outside the protobuf, which could not hold 2 GB. */
const LARGE_BYTES = 1 << 16;

/** What ONNX Runtime takes of one initializer, whether it is in the protobuf or beside it. */
export const EXTERNAL_LIMIT = 2 ** 31 - 1;

/** An ONNX model, and its large initializers, which are not in it. */
export interface EncodedModel {
  readonly model: Uint8Array;
  /** In the model as external data, in files by the values' names that need not exist on disk. */
  readonly external: readonly MemoryInitializer[];
  /** In the model as inputs by the values' names. */
  readonly fed: readonly MemoryInitializer[];
  /** Whether constants are to stay as they are: one in fewer bits that is cast would be folded into one in float32. */
  readonly unfolded: boolean;
  /** The names of what is to be fed beside these. */
  readonly inputs: readonly string[];
  /** Where the files of the constants that lie in files are; absent where there are none. */
  readonly folder?: string;
}

/** A constant whose values are in memory. */
export type MemoryInitializer = Initializer & { readonly data: InitializerData };

/** Whether a constant's values lie in a file. */
function isInFile(each: Initializer): each is Initializer & { readonly data: FileData } {
  return "file" in each.data;
}

function isInMemory(each: Initializer): each is MemoryInitializer {
  return !isInFile(each);
}

/**
 * The graph as an ONNX model (IR 8, opset 17). Nodes that no output needs are left out. Large initializers are not in the
 * model, so that its size does not depend on theirs.
 * @param externalUpTo the size in bytes up to which a large initializer is external data; a larger one is an input.
 * @param planned whether inputs and outputs say their shapes.
 */
export function encode(graph: Graph, externalUpTo: number, planned = true): EncodedModel {
  const nodes = neededNodes(graph);
  const used = new Set(nodes.flatMap((node) => node.inputs.map((input) => input.name)));
  const initializers = graph.initializers.filter(({ value }) => used.has(value.name));
  const file = initializers.find(isInFile)?.data.file;
  // ONNX Runtime takes external data from files or from memory, not from both: beside files, the rest is in the model.
  const isExternal = (each: Initializer): boolean => isInFile(each) || (file === undefined && isLarge(each));
  const isFed = (each: Initializer): boolean =>
    file === undefined &&
    isLarge(each) &&
    each.data.byteLength > (each.fixed ? EXTERNAL_LIMIT : externalUpTo);
  const fed = initializers.filter(isInMemory).filter(isFed);
  const held = initializers.filter((each) => !isFed(each));
  const inputs = graph.inputs.filter((input) => used.has(input.name));
  const { made, nameOf } = withOutputsNamed(nodes);
  const cast = firstInputs(nodes, ["Cast"]);
  const isNarrow = ({ value }: Initializer): boolean => NARROW.includes(value.type) && cast.has(value.name);
  const message = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [
      { domain: "", version: 17n },
      { domain: "com.microsoft", version: 1n },
    ],
    graph: {
      name: "whetstone",
      node: made.map((node) => ({
        opType: node.op,
        domain: node.domain,
        input: node.inputs.map(nameOf),
        output: node.outputs.map(nameOf),
        attribute: Object.entries(node.attributes).map(([name, attribute]) =>
          attributeProto(name, attribute),
        ),
      })),
      initializer: held.map((each) => tensorProto(each, isExternal(each))),
      input: [...inputs, ...fed.map(({ value }) => value)].map((value) => valueInfo(value, planned)),
      output: graph.outputs.map((value) => valueInfo(value, planned)),
    },
  });
  return {
    model: toBinary(ModelProtoSchema, message),
    external: held.filter(isInMemory).filter(isExternal),
    fed,
    unfolded: initializers.some(isNarrow),
    inputs: inputs.map(({ name }) => name),
    ...(file !== undefined && { folder: dirname(file) }),
  };
}

/**
 * The nodes without those that do no more than name an output, and what each value is called then. ONNX Runtime would keep such a node,
 * and copy, where the value is used in the graph as well. One that names an input, a constant, or a value a second time stays.
 */
function withOutputsNamed(nodes: Graph["nodes"]): {
  readonly made: Graph["nodes"];
  readonly nameOf: (value: Value) => string;
} {
  const computing = nodes.filter(({ op }) => op !== "Identity");
  const computed = new Set(computing.flatMap(({ outputs }) => outputs.map(({ name }) => name)));
  const names = new Map<string, string>();
  const made = nodes.filter(({ op, inputs, outputs }) => {
    const value = inputs[0]?.name ?? "";
    if (op !== "Identity" || !computed.has(value) || names.has(value)) return true;
    names.set(value, outputs[0]!.name);
    return false;
  });
  return { made, nameOf: ({ name }) => names.get(name) ?? name };
}

/** The names of what nodes of these operators have as their first input. */
export function firstInputs(nodes: Graph["nodes"], ops: readonly string[]): Set<string> {
  return new Set(nodes.filter(({ op }) => ops.includes(op)).map(({ inputs }) => inputs[0]!.name));
}

/** The nodes that the outputs depend on, in order. */
export function neededNodes(graph: Graph): Graph["nodes"] {
  const needed = new Set(graph.outputs.map((output) => output.name));
  const kept: Graph["nodes"] = [];
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i]!;
    if (!node.outputs.some((output) => needed.has(output.name))) continue;
    for (const input of node.inputs) needed.add(input.name);
    kept.push(node);
  }
  return kept.reverse();
}

function isLarge({ data }: Initializer): boolean {
  return data.byteLength >= LARGE_BYTES;
}

function bytesOf(data: InitializerData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function tensorProto({ value, data }: Initializer, external: boolean) {
  const common = {
    name: value.name,
    dims: value.shape.map((dim) => BigInt(dim)),
    dataType: ELEMENT_TYPE[value.type],
  };
  if (!external && !("file" in data)) return { ...common, rawData: new Uint8Array(bytesOf(data)) };
  return {
    ...common,
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: [
      { key: "location", value: "file" in data ? basename(data.file) : value.name },
      { key: "offset", value: "file" in data ? `${data.offset}` : "0" },
      { key: "length", value: `${data.byteLength}` },
    ],
  };
}

function attributeProto(name: string, attribute: Attribute) {
  switch (attribute.kind) {
    case "int":
      return { name, type: AttributeProto_AttributeType.INT, i: BigInt(attribute.value) };
    case "float":
      return { name, type: AttributeProto_AttributeType.FLOAT, f: attribute.value };
    case "ints":
      return { name, type: AttributeProto_AttributeType.INTS, ints: attribute.value.map(BigInt) };
    case "string":
      return {
        name,
        type: AttributeProto_AttributeType.STRING,
        s: new TextEncoder().encode(attribute.value),
      };
  }
}

function valueInfo(value: Value, shaped: boolean) {
  const dim = value.shape.map((size) => ({
    value:
      typeof size === "number"
        ? { case: "dimValue" as const, value: BigInt(size) }
        : { case: "dimParam" as const, value: size },
  }));
  return {
    name: value.name,
    type: {
      value: {
        case: "tensorType" as const,
        value: { elemType: ELEMENT_TYPE[value.type], ...(shaped && { shape: { dim } }) },
      },
    },
  };
}
