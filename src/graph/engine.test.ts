import { describe, expect, test } from "vitest";
import { GraphError } from "../core/errors.js";
import { Engine, type DeviceName, Graph, gather, matMul, mul, reduceSum } from "./index.js";

function doubling(): Graph {
  const graph = new Graph();
  graph.output("y", mul(graph.input("x", "float32", ["n"]), 2));
  return graph;
}
const feeds = { x: { type: "float32" as const, dims: [2], data: Float32Array.of(1, 2) } };

describe("dispose", () => {
  test("of a session frees it; calls after it reject and a second one does nothing", async () => {
    const engine = new Engine({ threads: 1 });
    const session = await engine.session(doubling());
    await session.dispose();
    await session.dispose();
    await expect(session.run(feeds)).rejects.toThrow("The session was disposed; make a new one.");
    const next = await engine.session(doubling());
    expect((await next.run(feeds))["y"]!.data).toEqual(Float32Array.of(2, 4));
    await engine.dispose();
  });

  test("of a buffer likewise", async () => {
    const engine = new Engine({ threads: 1 });
    const buffer = await engine.buffer("float32", 2);
    await buffer.free();
    await buffer.free();
    await expect(buffer.read()).rejects.toThrow("The buffer was freed; make a new one.");
    await expect(buffer.write(Float32Array.of(1))).rejects.toThrow(GraphError);
    await engine.dispose();
  });

  test("of the engine frees everything in it, in any order", async () => {
    const engine = new Engine({ threads: 1 });
    const session = await engine.session(doubling());
    const buffer = await engine.buffer("float32", 2);
    const pending = session.run(feeds).catch((error: unknown) => error);
    await engine.dispose();
    await engine.dispose();
    // Whatever was under way is answered, one way or the other.
    const outcome = await pending;
    if (outcome instanceof Error) expect(outcome.message).toBe("The engine was disposed; make a new one.");
    for (const call of [() => session.run(feeds), () => buffer.read(), () => engine.session(doubling())]) {
      await expect(call()).rejects.toThrow("The engine was disposed; make a new one.");
    }
    await session.dispose();
    await buffer.free();
  });
});

describe("an engine that is disposed of at an awkward moment", () => {
  test("while it is loading, at work, or has a queue, ends itself and nothing else", async () => {
    const many = {
      x: { type: "float32" as const, dims: [1 << 20], data: new Float32Array(1 << 20).fill(1) },
    };
    for (let round = 0; round < 8; round++) {
      const loading = new Engine({ threads: 1 });
      await new Promise((resolve) => setTimeout(resolve, 10 * round));
      await loading.dispose();
      const working = new Engine({ threads: 1 });
      const session = await working.session(doubling());
      const runs = Array.from({ length: 6 }, () =>
        session.run(many).then(
          ({ y }) => y!.data[0],
          (error: unknown) => (error as Error).message,
        ),
      );
      // As many as are over by then are whole; the others are told.
      await runs[round % 3];
      await working.dispose();
      const outcomes = await Promise.all(runs);
      const over = outcomes.lastIndexOf(2) + 1;
      expect(over).toBeGreaterThan(round % 3);
      expect(outcomes).toEqual(
        outcomes.map((_, at) => (at < over ? 2 : "The engine was disposed; make a new one.")),
      );
    }
  });
});

describe("errors in the compute thread", () => {
  test("reject as GraphError, and the engine goes on", async () => {
    const engine = new Engine({ threads: 1 });
    const graph = new Graph();
    const table = graph.input("table", "float32", [3]);
    graph.output("taken", gather(table, graph.input("ids", "int64", ["k"])));
    const session = await engine.session(graph);
    const run = (id: bigint) =>
      session.run({
        table: { type: "float32", dims: [3], data: Float32Array.of(1, 2, 3) },
        ids: { type: "int64", dims: [1], data: BigInt64Array.of(id) },
      });
    await expect(run(3n)).rejects.toThrow(GraphError);
    await expect(run(3n)).rejects.toThrow(/^ONNX Runtime: .*Gather/s);
    expect((await run(2n))["taken"]!.data).toEqual(Float32Array.of(3));
    const unknown = new Graph();
    const x = unknown.input("x", "float32", [1]);
    unknown.output("y", unknown.node("NoSuchOperator", [x], [{ type: "float32", shape: [1] }])[0]!);
    await expect(engine.session(unknown)).rejects.toThrow(/^ONNX Runtime: .*NoSuchOperator/s);
    expect(() => new Engine({ threads: 1, device: "abacus" as DeviceName })).toThrow(
      /"abacus".*cpu and webgpu/,
    );
    await engine.dispose();
  });
});

test("making, running and disposing sessions does not grow the process", async () => {
  const engine = new Engine({ threads: 1 });
  const size = 1 << 20;
  const cycle = async (): Promise<void> => {
    const graph = new Graph();
    const weight = graph.initializer("weight", "float32", [1024, 1024], new Float32Array(size));
    graph.output("y", reduceSum(matMul(graph.input("x", "float32", ["n", 1024]), weight)));
    const session = await engine.session(graph);
    const buffer = await engine.buffer("float32", size);
    await buffer.write(new Float32Array(size).fill(1));
    await session.run({ x: { buffer, dims: [4, 1024] } });
    await session.dispose();
    await buffer.free();
  };
  for (let i = 0; i < 10; i++) await cycle();
  const before = process.memoryUsage.rss();
  for (let i = 0; i < 30; i++) await cycle();
  const grown = process.memoryUsage.rss() - before;
  // Each cycle takes 8 MiB at the least: 240 MiB, were nothing freed.
  expect(grown / 2 ** 20).toBeLessThan(100);
  await engine.dispose();
}, 90_000);
