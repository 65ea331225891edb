import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { PROTOBUF } from "./wire.js";

type Fields = Readonly<Record<string, unknown>>;

/** A sequence of a pass that wants a gradient. */
export interface SentSequence {
  readonly loss: string;
  /** What came with it, by name: numbers of each token. */
  readonly inputs: ReadonlyMap<string, readonly number[]>;
}

/** What a test's server says; what is left out is as the protocol has it. */
export interface TinkerScript {
  /** In place of a route's JSON. */
  readonly replies?: Readonly<Record<string, Fields>>;
  /** Whether it is whetstone's own worker. */
  readonly own?: boolean;
  /** The tokens that are drawn, each with a log-probability of -1; `hold` never answers. */
  readonly draw?: (asked: Fields) => readonly number[] | "hold";
  /** The gradient's norm of a step, of the sequences since the last. */
  readonly norm?: (gathered: readonly SentSequence[]) => number | undefined;
  /** The adapter that is exported: tensors by name. */
  readonly exported?: Readonly<Record<string, readonly number[]>>;
  /** The bytes of a pass, in place of log-probabilities of -1. */
  readonly pass?: Uint8Array;
}

const packed = (fill: (writer: BinaryWriter) => void): Uint8Array => {
  const writer = new BinaryWriter();
  fill(writer);
  return writer.finish();
};
const field = (number: number, bytes: Uint8Array): Uint8Array =>
  packed((writer) => writer.tag(number, WireType.LengthDelimited).bytes(bytes));
const together = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
const bytesOf = (view: ArrayBufferView): Uint8Array =>
  new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength);

function sampled(tokens: readonly number[]): Uint8Array {
  const values = Float32Array.from(tokens, () => -1);
  return field(1, together(field(2, bytesOf(Int32Array.from(tokens))), field(3, bytesOf(values))));
}

function* partsOf(bytes: Uint8Array): Generator<readonly [number: number, value: Uint8Array]> {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, kind] = reader.tag();
    if (kind === WireType.LengthDelimited) yield [number, reader.bytes()];
    else reader.skip(kind, number);
  }
}

/** The sequences of a pass. */
function sequencesIn(body: Uint8Array): SentSequence[] {
  const parts = [...partsOf(body)];
  const loss = Buffer.from(parts.find(([number]) => number === 4)![1]).toString();
  const floats = (tensor: Uint8Array): number[] => {
    const [, data] = [...partsOf(tensor)].find(([number]) => number === 1)!;
    return [...new Float32Array(data.slice().buffer)];
  };
  return parts
    .filter(([number]) => number === 3)
    .map(([, datum]) => {
      const entries = [...partsOf(datum)].filter(([number]) => number === 2);
      const named = entries.map(([, entry]) => [...partsOf(entry)].map(([, value]) => value));
      return {
        loss,
        inputs: new Map(named.map(([name, tensor]) => [Buffer.from(name!).toString(), floats(tensor!)])),
      };
    });
}

/** One file of a tar archive. */
export function tarEntry(name: string, content: Uint8Array | string, size = content.length): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write(size.toString(8).padStart(11, "0"), 124);
  header.write("0", 156);
  return Buffer.concat([header, Buffer.from(content), Buffer.alloc((512 - (content.length % 512)) % 512)]);
}
export const tarGz = (...entries: Buffer[]): Uint8Array =>
  gzipSync(Buffer.concat([...entries, Buffer.alloc(1024)]));

function adapterArchive(tensors: Readonly<Record<string, readonly number[]>>): Uint8Array {
  let at = 0;
  const header = JSON.stringify(
    Object.fromEntries(
      Object.entries(tensors).map(([name, values]) => [
        name,
        { dtype: "F32", shape: [values.length], data_offsets: [at, (at += 4 * values.length)] },
      ]),
    ),
  );
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const data = Object.values(tensors).map((values) => bytesOf(Float32Array.from(values)));
  const weights = Buffer.concat([length, Buffer.from(header), ...data]);
  const config = JSON.stringify({ r: 1, lora_alpha: 32, target_modules: null });
  return tarGz(tarEntry("adapter_config.json", config), tarEntry("adapter_model.safetensors", weights));
}

/** Log-probabilities of -1, more of each sequence than it has tokens. */
function scored(sequences: number): Uint8Array {
  const each = 64;
  const values = new Float32Array(each * sequences).fill(-1);
  const offsets = BigInt64Array.from({ length: sequences + 1 }, (_, i) => BigInt(4 * each * i));
  const tensor = together(field(1, bytesOf(values)), field(2, bytesOf(offsets)));
  return field(2, field(2, together(field(1, Buffer.from("logprobs")), field(2, tensor))));
}

/** A server that speaks Tinker's protocol and computes nothing: it says what it is told to. */
export async function tinkerServer(script: TinkerScript = {}): Promise<{
  readonly url: string;
  /** The routes that were asked, in their order. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}> {
  const asked: string[] = [];
  const results = new Map<string, Fields | Uint8Array | "hold">();
  let gathered: SentSequence[] = [];
  const resultOf = (route: string, body: Uint8Array): Fields | Uint8Array | "hold" => {
    if (route === "forward_backward") {
      const sent = sequencesIn(body);
      gathered.push(...sent);
      return script.pass ?? scored(sent.length);
    }
    const fields = JSON.parse(Buffer.from(body).toString()) as Fields;
    if (route === "asample") {
      const tokens = script.draw?.(fields) ?? [5, 2];
      return tokens === "hold" ? tokens : sampled(tokens);
    }
    if (route === "optim_step") {
      const norm = script.norm?.(gathered);
      gathered = [];
      return { metrics: norm === undefined ? {} : { grad_norm: norm } };
    }
    return { path: `tinker://m/${route}/${String(fields["path"])}` };
  };
  const replyTo = (route: string, body: Uint8Array): Fields | Uint8Array | "hold" => {
    const told = script.replies?.[route];
    if (told !== undefined) return told;
    if (route === "get_server_capabilities")
      return { supported_models: [{ model_name: "base" }], ...(script.own && { whetstone: {} }) };
    if (route === "create_session") return { session_id: "session" };
    if (route === "session_heartbeat") return {};
    if (route.endsWith("/archive")) return adapterArchive(script.exported ?? {});
    if (route === "retrieve_future")
      return results.get((JSON.parse(Buffer.from(body).toString()) as { request_id: string }).request_id)!;
    const id = `request-${results.size}`;
    results.set(id, resultOf(route, body));
    return { model_id: "m", request_id: id };
  };
  const send = (reply: ServerResponse, content: Fields | Uint8Array | "hold"): void => {
    if (content === "hold") return;
    const binary = content instanceof Uint8Array;
    reply.writeHead(200, { "content-type": binary ? PROTOBUF : "application/json" });
    reply.end(binary ? content : JSON.stringify(content));
  };
  const server = createServer((request, reply) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.once("end", () => {
      const route = request.url!.replace("/api/v1/", "");
      asked.push(route);
      send(reply, replyTo(route, new Uint8Array(Buffer.concat(parts))));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, close };
}
