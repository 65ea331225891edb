import { z } from "zod";
import { packageVersion } from "../core/package-version.js";
import { chatSchema } from "./chat-request.js";
import { completionSchema } from "./completion-request.js";
import { raceSchema } from "./race-route.js";
import { responsesSchema } from "./responses-request.js";

const DRAWING = {
  "/v1/chat/completions": ["Answer a conversation with the best of N candidates", chatSchema],
  "/v1/completions": ["Go on from a text with the best of N candidates", completionSchema],
  "/v1/responses": ["The same as chat, in the form of OpenAI's responses; nothing is kept", responsesSchema],
  "/api/race": ["Every candidate as it is drawn, as named server-sent events, for the page", raceSchema],
} as const;

const READING = {
  "/": "The page: watch the candidates of a prompt; needs no key",
  "/v1/models": "The model, and the names by which best-of-N of it is asked for",
  "/health": "Whether the server is alive; needs no key",
  "/ready": "Whether it takes requests: 503 while it shuts down",
  "/metrics": "What Prometheus reads",
  "/openapi.json": "This description",
} as const;

const json = (schema: object): object => ({ "application/json": { schema } });

/** The server's routes as OpenAPI 3.1 has them; the bodies are described by what checks them. */
export function openApi(): object {
  const error = {
    description: "An error in OpenAI's shape",
    content: json({ $ref: "#/components/schemas/Error" }),
  };
  const responses = { "200": { description: "Done" }, "4XX": error, "5XX": error };
  const drawing = Object.entries(DRAWING).map(([path, [summary, schema]]) => [
    path,
    {
      post: {
        summary,
        requestBody: {
          required: true,
          content: json(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" })),
        },
        responses,
      },
    },
  ]);
  const reading = Object.entries(READING).map(([path, summary]) => [
    path,
    { get: { summary, ...((path === "/health" || path === "/") && { security: [] }), responses } },
  ]);
  return {
    openapi: "3.1.0",
    info: { title: "whetstone serve", version: packageVersion() },
    security: [{ key: [] }],
    paths: Object.fromEntries([...drawing, ...reading]) as object,
    components: {
      securitySchemes: { key: { type: "http", scheme: "bearer" } },
      schemas: {
        Error: {
          type: "object",
          properties: {
            error: {
              type: "object",
              properties: {
                message: { type: "string" },
                type: { type: "string" },
                param: { type: ["string", "null"] },
                code: { type: ["string", "null"] },
              },
            },
          },
        },
      },
    },
  };
}
