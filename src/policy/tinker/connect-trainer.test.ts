import { join } from "node:path";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { ROOT } from "../../../test/support/fixture.js";
import { ServerError } from "../../core/errors.js";
import { connectTrainer, type ConnectedTrainer } from "./connect-trainer.js";
import { tinkerServer, type SentSequence, type TinkerScript } from "./tinker-server.test-helper.js";

const base = join(ROOT, "models", "game24");

async function connecting(script: TinkerScript): Promise<ConnectedTrainer> {
  const server = await tinkerServer(script);
  onTestFinished(() => server.close());
  const connected = await connectTrainer({ url: server.url, base });
  onTestFinished(() => connected.close());
  return connected;
}

describe("a trainer's server", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);
  const weightsOf = ({ inputs }: SentSequence): readonly number[] => inputs.get("weights")!;

  it("is taken where it sums its losses, and where it tells no norm", async () => {
    const summing = { norm: (gathered: readonly SentSequence[]) => 3 * sum(gathered.flatMap(weightsOf)) };
    expect((await connecting(summing)).summary).toContain("base.");
    expect((await connecting({})).summary).toContain("Tinker's protocol");
  });

  /** As SkyRL's jax server does. */
  const averaged = (gathered: readonly SentSequence[]): number => {
    const each = gathered.map((sequence) => {
      const weights = weightsOf(sequence);
      const advantages = sequence.inputs.get("advantages") ?? weights.map(() => 1);
      return sum(weights.map((weight, t) => weight * advantages[t]!)) / sum(weights);
    });
    return gathered.length === 0 ? 0 : Math.abs(3 * sum(each)) / gathered.length;
  };

  it("is taken where it averages over tokens and sequences: what it divides by is multiplied with", async () => {
    const losses = new Set<string>();
    const norm = (gathered: readonly SentSequence[]): number => {
      for (const { loss } of gathered) losses.add(loss);
      return averaged(gathered);
    };
    const a = (layer: number, linear: string): string =>
      `base_model.model.model.layers.${layer}.self_attn.${linear}.lora_A.weight`;
    const exported = {
      ...{ [a(0, "q_proj")]: [1, 2], [a(0, "k_proj")]: [1, 2], [a(0, "o_proj")]: [1, 3] },
      // Another layer's, and what is zero, say nothing.
      ...{ [a(1, "o_proj")]: [1, 3], [a(0, "v_proj")]: [0, 0], [a(0, "down_proj")]: [0, 0] },
    };
    const { summary, trainers } = await connecting({ norm, exported });
    expect(summary).toMatch(/averages .* one A for q_proj, k_proj together\.$/);
    expect([...losses]).toEqual(["cross_entropy", "cispo"]);
    // In each of four layers, what reads 128 numbers is counted once.
    const numbers = (targetModules: string[]): number => trainers.parameters({ rank: 2, targetModules });
    expect(numbers(["q_proj", "k_proj"])).toBe(numbers(["q_proj"]) + numbers(["k_proj"]) - 4 * 2 * 128);
  });

  it("is refused where it averages in another way, and its session's heartbeat ends", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const others = [
      () => 3,
      (gathered: readonly SentSequence[]) => 3 * Math.sqrt(gathered.length),
      // Over all tokens of a batch.
      (gathered: readonly SentSequence[]) => {
        const advantages = gathered.flatMap(
          ({ inputs }) => inputs.get("advantages") ?? weightsOf({ loss: "", inputs }),
        );
        return Math.abs(sum(advantages)) / sum(gathered.flatMap(weightsOf));
      },
    ];
    for (const norm of others) {
      const refused = connecting({ norm });
      await expect(refused).rejects.toThrow(/does not sum its losses .* averages them in no known way/);
      await expect(refused).rejects.toThrow(ServerError);
      expect(vi.getTimerCount()).toBe(0);
    }
  });

  it.each([
    ["create_session", { id: "s" }, "session_id"],
    ["create_model", { model_id: "m" }, "request_id"],
  ])("whose reply to %s lacks something is an error in a sentence", async (route, reply, missing) => {
    const refused = connecting({ replies: { [route]: reply } });
    await expect(refused).rejects.toThrow(ServerError);
    await expect(refused).rejects.toThrow(new RegExp(`protocol does not know \\(${missing}`));
  });

  it("whose pass is malformed is an error in a sentence", async () => {
    await expect(connecting({ pass: new Uint8Array([0x12, 0xff]) })).rejects.toThrow(
      /malformed result of a pass/,
    );
  });
});
