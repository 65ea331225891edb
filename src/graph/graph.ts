import { GraphError } from "../core/errors.js";
import { addDims, formatShape, isCanonical, polynomialOf, type Dim, type Shape } from "./dim.js";

/** float16 and bfloat16 are for constants alone, which a cast turns into float32; their elements are held as words. */
export type DataType = "float32" | "int32" | "int64" | "bool" | "uint8" | "int8" | "float16" | "bfloat16";

/** A tensor in a graph: an input, an initializer, or an output of a node. */
export interface Value {
  readonly name: string;
  readonly type: DataType;
  readonly shape: Shape;
  readonly graph: Graph;
}

export type Attribute =
  | { readonly kind: "int" | "float"; readonly value: number }
  | { readonly kind: "ints"; readonly value: readonly number[] }
  | { readonly kind: "string"; readonly value: string };

/** One ONNX operator. `domain` "" is ONNX's own; "com.microsoft" holds ONNX Runtime's contributed operators. */
export interface GraphNode {
  readonly op: string;
  readonly domain: "" | "com.microsoft";
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export type InitializerData =
  Float32Array | Int32Array | BigInt64Array | Uint8Array | Int8Array | Uint16Array;

/** A constant's values where they lie in a file, little-endian and row-major; ONNX Runtime maps them into memory. */
export interface FileData {
  /** An absolute path; the constants of one graph lie in files of one folder. */
  readonly file: string;
  /** In bytes, from the file's beginning. */
  readonly offset: number;
  readonly byteLength: number;
  /** In elements. */
  readonly length: number;
}

/** A constant tensor of the graph, row-major. */
export interface Initializer {
  readonly value: Value;
  readonly data: InitializerData | FileData;
  /** Never fed as an input, however constants are shared: it is for an operator that lays it out for itself. */
  readonly fixed: boolean;
}

/** How a gradient replaces the rules of the nodes between `inputs` and `output` (see `withGradient`). */
export interface CustomGradient {
  readonly inputs: readonly Value[];
  /** From the gradient of the output to those of the inputs, undefined for none. */
  readonly rule: (gradient: Value, needs: (input: number) => boolean) => readonly (Value | undefined)[];
}

/**
 * A graph of ONNX operators (opset 17) under construction: nodes in topological order, every value with its type and
 * its shape, checked as it is built. Build with the functions of `operators/`, differentiate with `gradients`,
 * run with `Session` or, slowly and plainly, with `evaluate`.
 */
export class Graph {
  readonly nodes: GraphNode[] = [];
  readonly inputs: Value[] = [];
  readonly initializers: Initializer[] = [];
  readonly outputs: Value[] = [];
  /** The node that makes a value, by the value's name. */
  readonly producers = new Map<string, GraphNode>();
  readonly customGradients = new Map<string, CustomGradient>();
  private readonly names = new Set<string>();
  private readonly memo = new Map<string, Value>();
  /** Where a symbol's size can be read at run time. */
  private readonly symbols = new Map<string, { readonly value: Value; readonly axis: number }>();

  private register(name: string, type: DataType, shape: Shape): Value {
    if (this.names.has(name)) throw new GraphError(`The graph already has a value named "${name}".`);
    this.names.add(name);
    return { name, type, shape, graph: this };
  }

  private freshName(op: string): string {
    let count = this.names.size;
    while (this.names.has(`${op}_${count}`)) count++;
    return `${op}_${count}`;
  }

  /**
   * A tensor fed at each run. Each dimension is a number, one symbol, or a polynomial of symbols that other inputs have.
   * @throws GraphError for a name that is taken and a dimension that is not written canonically (`b*t`, not `t*b`).
   */
  input(name: string, type: DataType, shape: Shape): Value {
    const odd = shape.find((dim) => !isCanonical(dim));
    if (odd !== undefined) {
      const remedy = typeof odd === "string" ? `write "${addDims(odd)}"` : "use a whole number or a name";
      throw new GraphError(
        `The input "${name}" of shape ${formatShape(shape)} has the dimension "${odd}": ${remedy}.`,
      );
    }
    const value = this.register(name, type, shape);
    this.inputs.push(value);
    shape.forEach((dim, axis) => {
      if (typeof dim === "string" && !this.symbols.has(dim)) this.symbols.set(dim, { value, axis });
    });
    return value;
  }

  /**
   * A constant tensor with its data (row-major, not copied).
   * @param fixed as in `Initializer`.
   * @throws GraphError if the sizes differ.
   */
  initializer(
    name: string,
    type: DataType,
    shape: readonly number[],
    data: InitializerData | FileData,
    { fixed = false }: { readonly fixed?: boolean } = {},
  ): Value {
    const size = shape.reduce((product, dim) => product * dim, 1);
    if (data.length !== size) {
      throw new GraphError(
        `Initializer "${name}" of shape ${formatShape(shape)} needs ${size} values, got ${data.length}.`,
      );
    }
    const value = this.register(name, type, shape);
    this.initializers.push({ value, data, fixed });
    return value;
  }

  /** A small float32 constant; equal constants are shared. */
  constant(values: number | readonly number[], shape?: readonly number[]): Value {
    const list = typeof values === "number" ? [values] : values;
    const dims = shape ?? (typeof values === "number" ? [] : [values.length]);
    return this.once(`f:${dims.join(",")}:${list.join(",")}`, () =>
      this.initializer(this.freshName("constant"), "float32", dims, Float32Array.from(list)),
    );
  }

  /** A small int64 constant (shapes, axes); equal constants are shared. */
  integers(values: readonly number[] | number): Value {
    const list = typeof values === "number" ? [values] : values;
    const dims = typeof values === "number" ? [] : [list.length];
    return this.once(`i:${dims.join(",")}:${list.join(",")}`, () =>
      this.initializer(this.freshName("integers"), "int64", dims, BigInt64Array.from(list, BigInt)),
    );
  }

  /** Appends a node; the shape functions of `operators/` call it once they have checked the inputs. */
  node(
    op: string,
    inputs: readonly Value[],
    outputs: readonly { readonly type: DataType; readonly shape: Shape }[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain: "" | "com.microsoft" = "",
  ): Value[] {
    for (const input of inputs) {
      if (input.graph !== this)
        throw new GraphError(`${op}: the input "${input.name}" belongs to another graph.`);
    }
    const made = outputs.map(({ type, shape }) => this.register(this.freshName(op), type, shape));
    const node: GraphNode = { op, domain, inputs, outputs: made, attributes };
    this.nodes.push(node);
    for (const value of made) this.producers.set(value.name, node);
    return made;
  }

  /** Names a value as an output of the graph. `name` is how `run` returns it. */
  output(name: string, value: Value): Value {
    const output = this.register(name, value.type, value.shape);
    const node: GraphNode = {
      op: "Identity",
      domain: "",
      inputs: [value],
      outputs: [output],
      attributes: {},
    };
    this.nodes.push(node);
    this.producers.set(name, node);
    this.outputs.push(output);
    return output;
  }

  /** Runs `make` once per key: for constants and run-time sizes that many nodes share. */
  once(key: string, make: () => Value): Value {
    const known = this.memo.get(key);
    if (known) return known;
    const value = make();
    this.memo.set(key, value);
    return value;
  }

  /**
   * A shape as an int64 tensor: a constant where every dimension is a number, else read from the inputs at run time.
   * @throws GraphError for a symbol that no input has.
   */
  shapeTensor(shape: Shape): Value {
    if (shape.every((dim) => typeof dim === "number")) return this.integers(shape);
    return this.once(`shape:${shape.join(",")}`, () => {
      const parts = shape.map((dim) => this.sizeTensor(dim));
      if (parts.length === 1) return parts[0]!;
      return this.node("Concat", parts, [{ type: "int64", shape: [parts.length] }], {
        axis: { kind: "int", value: 0 },
      })[0]!;
    });
  }

  /** A dimension as an int64 tensor of one element. */
  sizeTensor(dim: Dim): Value {
    if (typeof dim === "number") return this.integers([dim]);
    return this.once(`size:${dim}`, () => {
      let sum: Value | undefined;
      for (const [key, coefficient] of polynomialOf(dim)) {
        let term: Value | undefined =
          key === "" || coefficient !== 1 ? this.integers([coefficient]) : undefined;
        for (const symbol of key === "" ? [] : key.split("*")) {
          const size = this.symbolTensor(symbol);
          term =
            term === undefined ? size : this.node("Mul", [term, size], [{ type: "int64", shape: [1] }])[0]!;
        }
        sum = sum === undefined ? term : this.node("Add", [sum, term!], [{ type: "int64", shape: [1] }])[0]!;
      }
      return sum!;
    });
  }

  private symbolTensor(symbol: string): Value {
    return this.once(`symbol:${symbol}`, () => {
      const place = this.symbols.get(symbol);
      if (!place)
        throw new GraphError(
          `The size "${symbol}" is in no input's shape, so it cannot be known at run time.`,
        );
      const { value, axis } = place;
      const [shape] = this.node("Shape", [value], [{ type: "int64", shape: [value.shape.length] }]);
      return this.node("Gather", [shape!, this.integers([axis])], [{ type: "int64", shape: [1] }], {
        axis: { kind: "int", value: 0 },
      })[0]!;
    });
  }
}
