import { join } from "node:path";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { ROOT } from "../../../test/support/fixture.js";
import { ServerError } from "../../core/errors.js";
import { connectTrainer, type ConnectedTrainer } from "./connect-trainer.js";
import { tinkerServer, type TinkerScript } from "./tinker-server.test-helper.js";

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

  it("is taken where it sums its losses, and where it tells no norm", async () => {
    expect((await connecting({ norm: (sequences) => 3 * sequences })).summary).toContain("base.");
    expect((await connecting({})).summary).toContain("Tinker's protocol");
  });

  it("is refused where it averages them, whatever by, and its session's heartbeat ends", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    for (const norm of [() => 3, (sequences: number) => 3 * Math.sqrt(sequences)]) {
      const refused = connecting({ norm });
      await expect(refused).rejects.toThrow(/does not sum its losses .* times the gradient of one/);
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
