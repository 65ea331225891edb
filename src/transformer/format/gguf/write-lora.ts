import { ModelError } from "../../../core/errors.js";
import { writeAtomically } from "../../../core/files.js";
import type { ModelConfig } from "../../families/config.js";
import type { LoraAdapter } from "../peft.js";
import { architectures, changeOf, ggufName } from "./names.js";

/** ggml's numbers for the kinds of metadata that are written here. */
const FLOAT32 = 6;
const STRING = 8;
const F32 = 0;
const ALIGNMENT = 32;

interface LoraTensor {
  readonly name: string;
  /** Row-major. */
  readonly shape: readonly [number, number];
  readonly data: Float32Array;
}

/**
 * Writes an adapter as llama.cpp reads it (`--lora`): a GGUF file of A [rank, in] and B [out, rank] for each linear, under
 * the linear's GGUF name, B's rows in the order that llama.cpp has the linear's in.
 * @param config of the model that the adapter is for.
 * @throws ModelError for a family that GGUF has no name for; RunError when the file cannot be written.
 */
export async function writeGgufLora(path: string, adapter: LoraAdapter, config: ModelConfig): Promise<void> {
  const whole = [...(adapter.replaced?.keys() ?? [])];
  if (whole.length > 0) {
    throw new ModelError(
      `llama.cpp's adapters change linears alone, and this one replaces ${whole.join(" and ")}: merge it into the model instead`,
    );
  }
  const architecture = architectureOf(config);
  const tensors: LoraTensor[] = [];
  for (const [module, { a, b, inFeatures, outFeatures }] of adapter.weights) {
    const name = ggufName(architecture, `${module}.weight`);
    if (name === undefined) throw new ModelError(`the linear ${module} has no name in GGUF files`);
    const { pairedHeads } = changeOf(architecture, `${module}.weight`, config);
    const ordered = pairedHeads === undefined ? b : paired(b, adapter.rank, outFeatures / pairedHeads);
    tensors.push(
      { name: `${name}.lora_a`, shape: [adapter.rank, inFeatures], data: a },
      { name: `${name}.lora_b`, shape: [outFeatures, adapter.rank], data: ordered },
    );
  }
  await writeAtomically(path, encode(architecture, adapter.alpha, tensors));
}

/** Mistral is of llama.cpp's architecture "llama". */
function architectureOf({ family = "llama" }: ModelConfig): string {
  const own = Object.keys(architectures).find((name) => architectures[name] === family);
  const known = family === "mistral" ? "llama" : own;
  if (known !== undefined) return known;
  throw new ModelError(`GGUF files have no architecture for the family "${family}"`);
}

/** Rows i of the two halves of each head of d rows as neighbours: llama.cpp rotates neighbours. */
function paired(rows: Float32Array, width: number, d: number): Float32Array {
  const ordered = new Float32Array(rows.length);
  for (let row = 0; row < rows.length / width; row++) {
    const within = row % d;
    const half = d / 2;
    const place = row - within + (within < half ? 2 * within : 2 * (within - half) + 1);
    ordered.set(rows.subarray(row * width, (row + 1) * width), place * width);
  }
  return ordered;
}

function encode(architecture: string, alpha: number, tensors: readonly LoraTensor[]): Uint8Array {
  const entries = [
    entry("general.architecture", STRING, text(architecture)),
    entry("general.type", STRING, text("adapter")),
    entry("adapter.type", STRING, text("lora")),
    entry("adapter.lora.alpha", FLOAT32, bytes(Float32Array.of(alpha))),
  ];
  let offset = 0;
  const infos = tensors.map(({ name, shape: [rows, width], data }) => {
    const at = offset;
    offset += aligned(data.byteLength);
    return Buffer.concat([text(name), u32(2), u64(width), u64(rows), u32(F32), u64(at)]);
  });
  const counts = [u64(tensors.length), u64(entries.length)];
  const header = Buffer.concat([Buffer.from("GGUF"), u32(3), ...counts, ...entries, ...infos]);
  const start = aligned(header.length);
  const file = new Uint8Array(start + offset);
  file.set(header);
  let at = start;
  for (const { data } of tensors) {
    file.set(bytes(data), at);
    at += aligned(data.byteLength);
  }
  return file;
}

const aligned = (length: number): number => Math.ceil(length / ALIGNMENT) * ALIGNMENT;
const bytes = (data: Float32Array | Uint32Array | BigUint64Array): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
const u32 = (value: number): Uint8Array => bytes(Uint32Array.of(value));
const u64 = (value: number): Uint8Array => bytes(BigUint64Array.of(BigInt(value)));
const text = (value: string): Uint8Array => {
  const encoded = Buffer.from(value);
  return Buffer.concat([u64(encoded.length), encoded]);
};
const entry = (key: string, kind: number, value: Uint8Array): Uint8Array =>
  Buffer.concat([text(key), u32(kind), value]);
