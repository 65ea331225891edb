import { BinaryReader } from "@bufbuild/protobuf/wire";
import { describe, expect, it } from "vitest";
import { ServerError } from "../../core/errors.js";
import { readPass, readSample, writePass } from "./wire.js";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replace(/\s/g, ""), "hex"));

describe("a pass over sequences", () => {
  it("is a ForwardBackwardRequest: what is read, what is to be said after it, and the weights of the response", () => {
    const written = writePass({
      modelId: "m",
      sequence: 3,
      forwardOnly: true,
      sequences: [{ prompt: [7, 8], response: [9], weights: [0.5] }],
    });
    const tokens = "07000000 08000000";
    const targets = "0800000000000000 0900000000000000";
    const weights = "00000000 0000003f";
    // By hand, of tinker_public.proto's field numbers.
    const text = `0a0a 0a08 ${tokens}`;
    const entry = (name: string, tensor: string): string => {
      const value = tensor.replace(/\s/g, "");
      const key = Buffer.from(name).toString("hex");
      const size = (count: number): string => count.toString(16).padStart(2, "0");
      const inner = `0a${size(name.length)}${key}12${size(value.length / 2)}${value}`;
      return `12${size(inner.length / 2)}${inner}`;
    };
    const datum =
      `0a0c ${text}`.replace(/\s/g, "") +
      entry("target_tokens", `0a10 ${targets} 1802 220102`) +
      entry("weights", `0a08 ${weights} 1801 220102`);
    const expected = `0a016d 1003 1a${(datum.length / 2).toString(16)}${datum} 220d${Buffer.from("cross_entropy").toString("hex")} 3001`;
    expect(hex(written)).toBe(expected.replace(/\s/g, ""));
  });

  it("leaves the flag out where a gradient is wanted", () => {
    const written = writePass({
      modelId: "m",
      sequence: 1,
      forwardOnly: false,
      sequences: [],
    });
    const reader = new BinaryReader(written);
    const numbers: number[] = [];
    while (reader.pos < reader.len) {
      const [number, kind] = reader.tag();
      numbers.push(number);
      reader.skip(kind, number);
    }
    expect(numbers).toEqual([1, 2, 4]);
  });
});

describe("a pass to a server that averages", () => {
  it("has weights of 1 on the response, and the scaled weights as advantages of a ratio that is clipped to 1", () => {
    const written = writePass({
      modelId: "m",
      sequence: 1,
      forwardOnly: false,
      sequences: [{ prompt: [7, 8], response: [9, 4], weights: [0.5, -2] }],
      scales: [3],
    });
    const text = Buffer.from(written).toString("latin1");
    const after = (name: string, size: number): Buffer => {
      // The name, the tensor's tag and length, the tag and length of its bytes.
      const at = text.indexOf(name) + name.length + 4;
      return Buffer.from(written).subarray(at, at + size);
    };
    const floats = (name: string): number[] => [...new Float32Array(new Uint8Array(after(name, 12)).buffer)];
    expect(floats("weights")).toEqual([0, 1, 1]);
    expect(floats("logprobs")).toEqual([0, 0, 0]);
    // Times two tokens, times the scale.
    expect(floats("advantages")).toEqual([0, 3, -12]);
    expect(text).toContain('"\x05cispo');
    for (const name of ["clip_low_threshold", "clip_high_threshold"]) {
      // A double of field 2.
      const at = text.indexOf(name) + name.length;
      expect(written[at]).toBe(0x11);
      expect(Buffer.from(written).readDoubleLE(at + 1)).toBe(1);
    }
  });
});

describe("what comes back", () => {
  const offsets = "0000000000000000 0800000000000000 0c00000000000000";
  const tensor = `0a0c 000080bf 000000c0 000040c0 1218 ${offsets} 1801`;
  const pair = `0a08 ${Buffer.from("logprobs").toString("hex")} 122a ${tensor}`;
  const record = `1236 ${pair} 1802`;
  const output = `0a01 61 123a ${record} 1a07 0a0161 120261 62`;

  it("is a row of log-probabilities a sequence, cut at the offsets", () => {
    expect(readPass(bytes(output))).toEqual([[-1, -2], [-3]]);
  });

  it("is a sample with why it ended, 0 being what an absent field says", () => {
    const cut = "0a10 0801 1204 05000000 1a04 000080bf 2000";
    const whole = "0a0c 1204 06000000 1a04 0000003f";
    expect(readSample(bytes(cut + whole))).toEqual([
      { finish: "length", tokens: [5], logProbs: [-1] },
      { finish: "stop", tokens: [6], logProbs: [0.5] },
    ]);
  });

  it.each(["0a", "0a05 01", "1236 0a08", "12ff"])(
    "malformed (%s) is an error in a sentence, and no result",
    (text) => {
      expect(() => readPass(bytes(text)).concat(readSample(bytes(text)).map(() => []))).toThrow(ServerError);
    },
  );
});
