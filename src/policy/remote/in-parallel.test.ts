import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { InterruptedError } from "../../core/errors.js";
import { BudgetError } from "./budget.js";
import { inParallel } from "./in-parallel.js";

/** A source that gives one item, and fails at the next as soon as it is told to. */
function failing(when: Promise<unknown>): AsyncIterable<number> {
  return (async function* () {
    yield 1;
    await when;
    throw new Error("the source has failed");
  })();
}

async function collected<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const each of source) all.push(each);
  return all;
}

describe("work in parallel whose source fails", () => {
  it("fails as the source does", async () => {
    const work = (item: number): Promise<number> => Promise.resolve(item);
    await expect(collected(inParallel(failing(Promise.resolve()), 2, work, undefined))).rejects.toThrow(
      "the source has failed",
    );
  });

  it("was interrupted, where it fails after the signal: what was under way still ends", async () => {
    const interrupt = new AbortController();
    const interrupted = new Promise((resolve) => interrupt.signal.addEventListener("abort", resolve));
    const done: number[] = [];
    const work = async (item: number): Promise<number> => {
      interrupt.abort();
      await sleep(20);
      done.push(item);
      return item;
    };
    const all = collected(inParallel(failing(interrupted), 2, work, interrupt.signal));
    await expect(all).rejects.toThrow(InterruptedError);
    expect(done).toEqual([1]);
  });

  it("has used its budget up, where it fails after that", async () => {
    let spent = (): void => undefined;
    const exhausted = new Promise<void>((resolve) => (spent = resolve));
    const source = (async function* () {
      yield 1;
      yield 2;
      await exhausted;
      throw new Error("the source has failed");
    })();
    const work = async (item: number): Promise<number> => {
      if (item === 2) {
        spent();
        throw new BudgetError("The budget is used up.");
      }
      await exhausted;
      await sleep(20);
      return item;
    };
    const kept: number[] = [];
    const all = (async () => {
      for await (const item of inParallel(source, 3, work, undefined)) kept.push(item);
    })();
    await expect(all).rejects.toThrow(BudgetError);
    expect(kept).toEqual([1]);
  });
});

it("loses no item that arrives, and no failure, while its consumer takes its time", async () => {
  const source = (async function* () {
    yield 1;
    yield 2;
    await sleep(5);
    yield 3;
  })();
  const seen: number[] = [];
  for await (const item of inParallel(source, 2, (each) => Promise.resolve(each), undefined)) {
    seen.push(item);
    await sleep(20);
  }
  expect(seen.sort()).toEqual([1, 2, 3]);
});
