import { afterAll, expect, it } from "vitest";
import { byteMatrix, Engine, multipliesSignedBytes, unsignedBytes, type Session } from "../../graph/index.js";
import { makeBytesExact } from "./exact-bytes.js";
import type { RoundedMatrix } from "./quantize.js";

const engine = new Engine({ threads: 1 });
afterAll(() => engine.dispose());

/** The most that 32 pairs of products come to where each is added in 16 bits, by the scale of a row whose largest value is 1. */
const MOST = (32 * 32_767) / 255;

/** The engine as it is on a processor that adds pairs of products in 16 bits. */
const saturating: Pick<Engine, "session"> = {
  session: async (graph) => {
    const session = await engine.session(graph);
    const run = session.run.bind(session);
    const saturated: Session["run"] = async (feeds, options) => {
      const { y } = await run(feeds, options);
      return { y: { ...y!, data: (y!.data as Float32Array).map((value) => Math.min(value, MOST)) } };
    };
    return Object.assign(session, { run: saturated });
  },
};

const matrix = byteMatrix(Float32Array.of(1, -1, 0.5, 0.25), 2, 2);
const floats: RoundedMatrix = {
  bits: 4,
  rows: 1,
  columns: 32,
  packed: new Uint8Array(16),
  scales: Float32Array.of(1),
};
const weights = (): Map<string, RoundedMatrix> =>
  new Map<string, RoundedMatrix>([
    ["bytes", matrix],
    ["four bits", floats],
  ]);

async function chosenBy(of: Pick<Engine, "session">, held: Map<string, RoundedMatrix>): Promise<string[]> {
  const told: string[] = [];
  await makeBytesExact(of, held, (sentence) => told.push(sentence));
  return told;
}

it("leaves signed bytes where their products are exact, makes them unsigned where they overflow, and says which", async () => {
  const own = weights();
  const isExact = await multipliesSignedBytes(engine);
  expect(await chosenBy(engine, own)).toEqual([expect.stringMatching(isExact ? /exactly/ : /overflow/)]);
  expect(own.get("bytes")).toEqual(isExact ? matrix : unsignedBytes(matrix));

  const overflowing = weights();
  expect(await chosenBy(saturating, overflowing)).toEqual([
    "Eight bits: products of unsigned bytes, since those with signed ones overflow on this processor (it has no VNNI); they take longer.",
  ]);
  expect(overflowing.get("bytes")).toEqual(unsignedBytes(matrix));
  expect(overflowing.get("four bits")).toBe(floats);
});

it("asks nothing and says nothing of a model without bytes", async () => {
  const none = new Map<string, RoundedMatrix>([["four bits", floats]]);
  const asked: Pick<Engine, "session"> = { session: () => Promise.reject(new Error("asked")) };
  expect(await chosenBy(asked, none)).toEqual([]);
});
