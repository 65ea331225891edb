/**
 * A server of OpenAI's kind that answers at once, always the same four tokens, in a process of its own: what stands in front of it is
 * measured, not it. Prints its URL, and ends with its parent.
 */
import { createServer } from "node:http";

/** A reply of up to four tokens. @param {number} most */
function choice(most) {
  const content = [0, 1, 2, 3].slice(0, most).map((at) => ({
    ...{ token: ` word${at}`, logprob: -0.01 },
    top_logprobs: [{ token: ` word${at}`, logprob: -0.01 }],
  }));
  return { index: 0, finish_reason: "stop", logprobs: { content } };
}

const server = createServer((request, response) => {
  let text = "";
  request.on("data", (/** @type {Buffer} */ piece) => (text += piece.toString()));
  request.on("end", () => {
    response.setHeader("content-type", "application/json");
    if (request.method === "GET") {
      response.end(JSON.stringify({ data: [{ id: "instant", owned_by: "vllm" }] }));
      return;
    }
    const { stream, max_tokens: most } = JSON.parse(text);
    const usage = { prompt_tokens: 1, completion_tokens: Math.min(4, most) };
    const words = [0, 1, 2, 3]
      .slice(0, most)
      .map((at) => ` word${at}`)
      .join("");
    if (!stream) {
      const message = { role: "assistant", content: words };
      response.end(JSON.stringify({ model: "instant", choices: [{ ...choice(most), message }], usage }));
      return;
    }
    const events = [
      { model: "instant", choices: [{ ...choice(most), delta: { content: words } }] },
      { model: "instant", choices: [], usage },
    ];
    response.setHeader("content-type", "text/event-stream");
    response.end(`${events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("")}data: [DONE]\n\n`);
  });
});
server.listen(0, "127.0.0.1", () => {
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  console.log(`http://127.0.0.1:${address.port}/v1`);
});
process.on("disconnect", () => process.exit(0));
