import { DeviceError, UsageError } from "../core/errors.js";
import type { DataType, Graph } from "./graph.js";

/** What computes: the processor, or a GPU through WebGPU (Metal, Direct3D 12 or Vulkan below it). */
export type DeviceName = "cpu" | "webgpu";

/** A device, as far as it differs from others. Another kind is another entry of `DEVICES`. */
export interface Device {
  readonly name: DeviceName;
  /** What it is called in a sentence. */
  readonly words: string;
  /** ONNX Runtime's execution provider. */
  readonly provider: string;
  /** Whether it has memory of its own. Resident buffers are there then, and large constants, once for all sessions. */
  readonly ownMemory: boolean;
  /** ONNX operators of which it has no whole kernel: graphs are said in others for it (`lower`). */
  readonly lacks: readonly string[];
  /** Others that it has no kernel of, and that are not said otherwise for it: a graph with one is refused (`requireComputed`). */
  readonly refuses: readonly string[];
  /**
   * Types that it does not compute with: ONNX Runtime computes with them on the CPU. Integers of 64 bits are shapes and positions, a few
   * numbers each; a graph with others is refused (`requireComputed`).
   */
  readonly leaves: readonly DataType[];
}

/** The devices, by name. */
export const DEVICES: Readonly<Record<DeviceName, Device>> = {
  cpu: {
    name: "cpu",
    words: "the CPU",
    provider: "cpu",
    ownMemory: false,
    lacks: [],
    refuses: [],
    leaves: [],
  },
  webgpu: {
    name: "webgpu",
    words: "the GPU",
    provider: "webgpu",
    ownMemory: true,
    lacks: ["FusedMatMul", "LogSoftmax", "SimplifiedLayerNormalization"],
    refuses: ["QuantizeLinear", "MatMulIntegerToFloat"],
    leaves: ["int64", "bfloat16"],
  },
};

/**
 * Names what a device would leave to the CPU of a graph, at each run and without a word: the graph is not to be run on it.
 * @param known the operators of which it is known whether the device has them.
 * @throws DeviceError for another operator and one that it has not, and for constants of a type that it does not compute with.
 */
export function requireComputed(
  { nodes, initializers }: Pick<Graph, "nodes" | "initializers">,
  { name, words, refuses, leaves }: Device,
  known: ReadonlySet<string>,
): void {
  const types: readonly DataType[] = leaves.filter((type) => type !== "int64");
  if (types.length === 0) return;
  const facts = { reason: "device-lacks", where: name, remedy: "compute on the CPU" } as const;
  const isLeft = (op: string): boolean => !known.has(op) || refuses.includes(op);
  const unknown = [...new Set(nodes.map(({ op }) => op).filter(isLeft))];
  const problem = `${words.replace("the", "The")} does not compute`;
  if (unknown.length > 0)
    throw new DeviceError(`${problem} ${unknown.join(", ")}, as this graph does`, facts);
  const left = initializers.filter(({ value }) => types.includes(value.type));
  if (left.length === 0) return;
  throw new DeviceError(
    `${problem} with ${left[0]!.value.type}, in which ${left.length} constants are (${left[0]!.value.name})`,
    facts,
  );
}

/** The names of all devices. */
export const DEVICE_NAMES = Object.keys(DEVICES) as readonly DeviceName[];

/** @throws UsageError for a name that is none. */
export function deviceNamed(name: DeviceName): Device {
  if (Object.hasOwn(DEVICES, name)) return DEVICES[name];
  throw new UsageError(`There is no device "${name}": there are ${DEVICE_NAMES.join(" and ")}.`);
}

/** What ONNX Runtime says, by what it means. */
const FAULTS = [
  {
    said: /adapter|Vulkan|no supported backend/i,
    reason: "no-adapter",
    problem: "No GPU that WebGPU can use was found (no adapter)",
    remedy: "install the graphics driver, or compute on the CPU",
  },
  {
    said: /device.{0,20}lost|lost.{0,20}device/i,
    reason: "device-lost",
    problem: "The GPU was lost while it computed",
    remedy: "continue from the last record, or compute on the CPU",
  },
  {
    said: /out of memory|OOM|allocat\w+ .*fail|fail\w* to (?:allocate|create .*buffer)|exceeds? the max/i,
    reason: "device-memory",
    problem: "The GPU has too little memory for this",
    remedy: "take fewer rows or a shorter sequence, or compute on the CPU",
  },
  {
    said: /requires f16|shader-f16/i,
    reason: "device-half",
    problem: "The GPU does not compute with float16",
    remedy:
      "hold weights, keys and values in float32 (leave out quantize and kvCache), or compute on the CPU",
  },
] as const;

/** The error of what ONNX Runtime said of a GPU, where it is one that people can do something about. */
export function deviceFault({ name }: Device, message: string): DeviceError | undefined {
  if (name === "cpu") return undefined;
  const fault = FAULTS.find(({ said }) => said.test(message));
  if (fault === undefined) return undefined;
  const { reason, problem, remedy } = fault;
  return new DeviceError(problem, { reason, where: name, remedy, cause: new Error(message) });
}
