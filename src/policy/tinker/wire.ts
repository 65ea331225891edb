import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { ServerError } from "../../core/errors.js";

/** The media type of Tinker's messages in protobuf. */
export const PROTOBUF = "application/x-protobuf";

/** DType of tinker_public.proto. */
const FLOAT32 = 1;
const INT64 = 2;

/** A sequence with what each of its response's tokens weighs in the loss. */
export interface WireSequence {
  readonly prompt: readonly number[];
  readonly response: readonly number[];
  /** As long as the response; zero on the prompt. */
  readonly weights: ArrayLike<number>;
}

/** A pass over sequences: their log-probabilities, and the gradient of −Σ weight · log π unless it is forward only. */
export interface WirePass {
  readonly modelId: string;
  /** Counts a model's requests from 1: one that comes twice is done once. */
  readonly sequence: number;
  readonly forwardOnly: boolean;
  readonly sequences: readonly WireSequence[];
  /**
   * For a server that averages: by how many sequences the sum is divided in the end, so that each one's weights are multiplied by that, and
   * by the tokens of its own response, which it is divided by as well. Absent: for one that sums.
   */
  readonly scales?: readonly number[] | undefined;
}

function message(fill: (writer: BinaryWriter) => void): Uint8Array {
  const writer = new BinaryWriter();
  fill(writer);
  return writer.finish();
}

const field = (writer: BinaryWriter, number: number, bytes: Uint8Array): BinaryWriter =>
  writer.tag(number, WireType.LengthDelimited).bytes(bytes);

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

function tensor(data: Float32Array | BigInt64Array): Uint8Array {
  return message((writer) => {
    field(writer, 1, bytesOf(data));
    writer.tag(3, WireType.Varint).int32(data instanceof Float32Array ? FLOAT32 : INT64);
    field(
      writer,
      4,
      message((inner) => inner.int64(data.length)),
    );
  });
}

function entry(name: string, value: Uint8Array): Uint8Array {
  return message((writer) => {
    writer.tag(1, WireType.LengthDelimited).string(name);
    field(writer, 2, value);
  });
}

/** The model reads all tokens but the last, and is to say after each the next one. @param scale as in `WirePass`. */
function datum({ prompt, response, weights }: WireSequence, scale?: number): Uint8Array {
  const all = [...prompt, ...response];
  const onResponse = (value: (t: number) => number): Uint8Array => {
    const whole = new Float32Array(all.length - 1);
    for (let t = 0; t < response.length; t++) whole[prompt.length - 1 + t] = value(t);
    return tensor(whole);
  };
  const inputs: Readonly<Record<string, Uint8Array>> =
    scale === undefined
      ? { weights: onResponse((t) => weights[t]!) }
      : {
          weights: onResponse(() => 1),
          logprobs: onResponse(() => 0),
          advantages: onResponse((t) => weights[t]! * response.length * scale),
        };
  return message((writer) => {
    const tokens = bytesOf(Int32Array.from(all.slice(0, -1)));
    const text = message((inner) => field(inner, 1, tokens));
    field(
      writer,
      1,
      message((inner) => field(inner, 1, text)),
    );
    field(writer, 2, entry("target_tokens", tensor(BigInt64Array.from(all.slice(1), BigInt))));
    for (const [name, value] of Object.entries(inputs)) field(writer, 2, entry(name, value));
  });
}

/**
 * Writes a ForwardBackwardRequest of tinker_public.proto. Where weights are scaled, the loss is `cispo`, whose ratio of probabilities is a
 * constant for the gradient, and here clipped to 1 from both sides: −Σ weight · log π remains, with weights of either sign, and the
 * server divides by counts that do not depend on them.
 */
export function writePass({ modelId, sequence, forwardOnly, sequences, scales }: WirePass): Uint8Array {
  return message((writer) => {
    writer.tag(1, WireType.LengthDelimited).string(modelId);
    writer.tag(2, WireType.Varint).int32(sequence);
    sequences.forEach((each, i) => field(writer, 3, datum(each, scales?.[i])));
    writer.tag(4, WireType.LengthDelimited).string(scales ? "cispo" : "cross_entropy");
    for (const name of scales ? ["clip_low_threshold", "clip_high_threshold"] : []) {
      const pair = message((inner) => {
        inner.tag(1, WireType.LengthDelimited).string(name);
        inner.tag(2, WireType.Bit64).double(1);
      });
      field(writer, 5, pair);
    }
    if (forwardOnly) writer.tag(6, WireType.Varint).bool(true);
  });
}

type Field = readonly [number: number, value: Uint8Array | number];

/** The fields of a message: bytes, whole numbers; what has another form is left out. */
function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, kind] = reader.tag();
    if (kind === WireType.LengthDelimited) yield [number, reader.bytes()];
    else if (kind === WireType.Varint) yield [number, Number(reader.uint64())];
    else reader.skip(kind, number);
  }
}

const bytesIn = (value: Uint8Array | number): Uint8Array => {
  if (typeof value === "number") throw new Error("a number where bytes were expected");
  return value;
};

/** Numbers as they lie in a field of bytes. */
function numbers<T>(bytes: Uint8Array, size: number, read: (view: DataView, at: number) => T): T[] {
  if (bytes.length % size !== 0) throw new Error("an array is cut off");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / size }, (_, i) => read(view, i * size));
}

const floats = (bytes: Uint8Array): number[] => numbers(bytes, 4, (view, at) => view.getFloat32(at, true));
const ints = (bytes: Uint8Array): number[] => numbers(bytes, 4, (view, at) => view.getInt32(at, true));

/** @throws ServerError for bytes that are no such message. */
function reading<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ServerError(
      `The trainer sent a malformed ${what} (${reason}): is it one that speaks Tinker's protocol?`,
    );
  }
}

/** Reads a ForwardBackwardOutput: the log-probabilities of each sequence's targets, prompt included. @throws ServerError */
export function readPass(bytes: Uint8Array): number[][] {
  return reading("result of a pass", () => {
    const rows: number[][] = [];
    for (const [number, record] of fieldsOf(bytes)) {
      if (number !== 2) continue;
      for (const [inner, pair] of fieldsOf(bytesIn(record))) {
        if (inner !== 2) continue;
        const [name, value] = [...fieldsOf(bytesIn(pair))].map(([, each]) => bytesIn(each));
        if (new TextDecoder().decode(name) === "logprobs") rows.push(...rowsOf(value!));
      }
    }
    return rows;
  });
}

/** A BatchedTensor: one row a sequence, between offsets in bytes. */
function rowsOf(bytes: Uint8Array): number[][] {
  let [data, offsets] = [new Uint8Array(), new Uint8Array()];
  for (const [number, value] of fieldsOf(bytes)) {
    if (number === 1) data = bytesIn(value).slice();
    else if (number === 2) offsets = bytesIn(value).slice();
  }
  const ends = numbers(offsets, 8, (view, at) => Number(view.getBigInt64(at, true)));
  return ends.slice(1).map((end, i) => floats(data.slice(ends[i], end)));
}

/** A sequence that was drawn. */
export interface WireSample {
  readonly finish: "stop" | "length";
  readonly tokens: readonly number[];
  readonly logProbs: readonly number[];
}

/** Reads the sequences of a SampleResponse. @throws ServerError */
export function readSample(bytes: Uint8Array): WireSample[] {
  return reading("sample", () => {
    const samples: WireSample[] = [];
    for (const [number, value] of fieldsOf(bytes)) {
      if (number !== 1) continue;
      let finish: WireSample["finish"] = "stop";
      let [tokens, logProbs]: [number[], number[]] = [[], []];
      for (const [inner, part] of fieldsOf(bytesIn(value))) {
        if (inner === 1) finish = part === 1 ? "length" : "stop";
        else if (inner === 2) tokens = ints(bytesIn(part));
        else if (inner === 3) logProbs = floats(bytesIn(part));
      }
      samples.push({ finish, tokens, logProbs });
    }
    return samples;
  });
}
