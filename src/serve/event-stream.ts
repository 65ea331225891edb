import { joined } from "./joined.js";
import type { Frame } from "./reply.js";

/**
 * A reply that is a stream of server-sent events; drawn as fast as it is read, and given up when its reader goes.
 * @param client fires when the reader is gone.
 * @param framesFor what is sent; its signal fires when nobody reads any more.
 */
export function eventStream(
  client: AbortSignal,
  framesFor: (signal: AbortSignal) => AsyncGenerator<Frame>,
): Response {
  const leave = new AbortController();
  const { signal, release } = joined([client, leave.signal]);
  const frames = framesFor(signal);
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const next = await frames.next();
      if (next.done === true) {
        release();
        controller.close();
      } else controller.enqueue(encoder.encode(textOf(next.value)));
    },
    cancel: async () => {
      leave.abort();
      release();
      // It may wait where it was to go on writing.
      await frames.return(undefined);
    },
  });
  return new Response(body, {
    headers: {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      // Proxies that gather a reply before they pass it on would make it none.
      "x-accel-buffering": "no",
    },
  });
}

function textOf({ event, data }: Frame): string {
  const name = event === undefined ? "" : `event: ${event}\n`;
  return `${name}data: ${data === "[DONE]" ? data : JSON.stringify(data)}\n\n`;
}
