import type { BegunRequest, LogLine } from "./request-log.js";

/** What is needed of `@opentelemetry/api`, which is installed by whoever wants spans. */
export interface TelemetryApi {
  readonly trace: {
    getTracer(name: string): {
      startSpan(
        name: string,
        options: { readonly kind: number; readonly attributes: Attributes },
        context: never,
      ): Span;
    };
  };
  readonly context: { active(): unknown };
  readonly propagation: {
    extract(context: never, carrier: Headers, getter: Getter): unknown;
  };
}

type Attributes = Readonly<Record<string, string | number | boolean>>;

interface Span {
  updateName(name: string): unknown;
  setAttributes(attributes: Attributes): unknown;
  setStatus(status: { readonly code: number; readonly message?: string }): unknown;
  end(): void;
}

interface Getter {
  get(carrier: Headers, key: string): string | undefined;
  keys(carrier: Headers): string[];
}

/** SpanKind.SERVER and SpanStatusCode.ERROR. */
const SERVER = 1;
const ERROR = 2;

const getter: Getter = {
  get: (headers, key) => headers.get(key) ?? undefined,
  keys: (headers) => [...headers.keys()],
};

/** The package's name, by which nothing is found that is not installed. */
const PACKAGE: string = "@opentelemetry/api";

/** OpenTelemetry's interface, where it is installed; its spans go where the process's own set-up sends them. */
export async function installedTelemetry(): Promise<TelemetryApi | undefined> {
  try {
    return (await import(PACKAGE)) as TelemetryApi;
  } catch {
    return undefined;
  }
}

/**
 * Makes a span of each request, below the client's own where its headers tell one. Attributes are those of the GenAI conventions, as
 * far as there are any; no text of prompts or answers is among them.
 */
export function spans(api: TelemetryApi): (request: BegunRequest) => (line: LogLine) => void {
  const tracer = api.trace.getTracer("whetstone");
  return ({ method, path, headers }) => {
    const parent = api.propagation.extract(api.context.active() as never, headers, getter);
    const attributes = { "http.request.method": method, "url.path": path };
    const span = tracer.startSpan(method, { kind: SERVER, attributes }, parent as never);
    return (line) => {
      span.updateName(`${method} ${line.route}`);
      span.setAttributes(attributesOf(line));
      if (line.status >= 500 || line.error !== undefined)
        span.setStatus({ code: ERROR, ...(line.error !== undefined && { message: line.error }) });
      span.end();
    };
  };
}

function attributesOf({
  route,
  status,
  id,
  model,
  best_of: bestOf,
  reward,
  stream,
  tokens,
  error,
}: LogLine): Attributes {
  return {
    ...{ "http.route": route, "http.response.status_code": status, "http.request.id": id },
    ...(model !== undefined && {
      "gen_ai.operation.name": route.endsWith("/chat/completions") ? "chat" : "text_completion",
      "gen_ai.request.model": model,
    }),
    ...(bestOf !== undefined && { "whetstone.best_of": bestOf }),
    ...(reward !== undefined && { "whetstone.reward": reward }),
    ...(stream !== undefined && { "whetstone.stream": stream }),
    ...(tokens && {
      "gen_ai.usage.input_tokens": tokens.prompt,
      "gen_ai.usage.output_tokens": tokens.drawn,
      "whetstone.tokens.chosen": tokens.chosen,
    }),
    ...(error !== undefined && { "error.type": error }),
  };
}
