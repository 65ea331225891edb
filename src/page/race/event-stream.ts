import { refusalOf } from "../refusal.js";
import type { RaceFrame, RaceRequest } from "./frames.js";

/** Splits a stream of server-sent events into frames, piece by piece. */
export class FrameReader {
  private rest = "";

  /** The frames that are whole with this piece. */
  take(piece: string): RaceFrame[] {
    const blocks = (this.rest + piece).split("\n\n");
    this.rest = blocks.pop() ?? "";
    return blocks.flatMap((block) => {
      const lines = block.split("\n");
      const kind = lines.find((line) => line.startsWith("event: "))?.slice(7);
      const data = lines.find((line) => line.startsWith("data: "))?.slice(6);
      if (kind === undefined || data === undefined) return [];
      return [{ kind, ...(JSON.parse(data) as object) } as RaceFrame];
    });
  }
}

/** A race on the page's own server. @throws Error with the server's words where it refuses. */
export async function* serverTrack(
  request: RaceRequest,
  signal: AbortSignal,
  key: string,
): AsyncGenerator<readonly RaceFrame[]> {
  const headers = {
    "content-type": "application/json",
    ...(key !== "" && { authorization: `Bearer ${key}` }),
  };
  const reply = await fetch("/api/race", { method: "POST", headers, body: JSON.stringify(request), signal });
  if (!reply.ok || !reply.body) throw await refusalOf(reply);
  const decoder = new TextDecoder();
  const reader = reply.body.getReader();
  const frames = new FrameReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const whole = frames.take(decoder.decode(value, { stream: true }));
    if (whole.length > 0) yield whole;
  }
}
