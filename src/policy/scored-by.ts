import { mapSource, type Source } from "../core/source.js";
import type { Policy, Response, SampleRequest } from "./policy.js";

/** Who scores, and has the token ids, where who draws has neither. */
export interface Scorer {
  /** The same weights as those that draw. */
  readonly policy: Policy & Required<Pick<Policy, "encode">>;
  /** The ids that end a response. */
  readonly endTokens: readonly number[];
}

/** The token ids of a response as it was drawn; of one without, those of its text. */
export function writtenTokens(
  { text, tokens, finish }: Response,
  { policy, endTokens }: Scorer,
): readonly number[] {
  if (tokens.length > 0) return tokens;
  const written = policy.encode(text);
  const end = endTokens[0];
  return finish === "stop" && end !== undefined ? [...written, end] : written;
}

/**
 * A policy that draws as one does and scores as another, which must be the same model: servers draw what a trainer learns from.
 * Responses without token ids, of servers that tell none, get those of their text. Where these are more or fewer than were drawn, the
 * text was drawn in other tokens than it is written in: what is kept then is the scorer's word on the latter. Its `dispose()` ends both.
 */
export function scoredBy(drawer: Policy, { policy: scorer, endTokens }: Scorer): Policy {
  const withTokens = async (response: Response, request: SampleRequest): Promise<Response> => {
    if (response.tokens.length > 0) return response;
    const tokens = writtenTokens(response, { policy: scorer, endTokens });
    if (tokens.length === response.logProbs.length) return { ...response, tokens };
    const [scored] = await scorer.logProb([{ prompt: request.prompt, tokens }]);
    return { ...response, tokens, logProbs: Array.from(scored!) };
  };
  async function* drawn(
    responses: AsyncIterable<Response>,
    requestOf: (response: Response) => SampleRequest,
  ): AsyncGenerator<Response> {
    for await (const response of responses) yield await withTokens(response, requestOf(response));
  }
  return {
    name: drawer.name,
    digest: drawer.digest,
    can: {
      ...drawer.can,
      scores: true,
      encodes: true,
      longest: Math.min(drawer.can.longest, scorer.can.longest),
    },
    get served() {
      return drawer.served!;
    },
    sample: (requests, options) => {
      const asked = new Map<string, SampleRequest>();
      const noted = noting(requests, (request) => asked.set(request.prompt.id, request));
      return drawn(drawer.sample(noted, options), ({ promptId }) => asked.get(promptId)!);
    },
    greedy: (prompts, options) => {
      const all = [...prompts];
      const byId = new Map(all.map((prompt) => [prompt.id, { prompt, index: -1 }]));
      return drawn(drawer.greedy(all, options), ({ promptId }) => byId.get(promptId)!);
    },
    logProb: (examples) => scorer.logProb(examples),
    encode: (text) => scorer.encode(text),
    ...(scorer.promptTokens && { promptTokens: (prompt) => scorer.promptTokens!(prompt) }),
    ...(drawer.firstTokens && { firstTokens: (prompt) => drawer.firstTokens!(prompt) }),
    dispose: async () => {
      await scorer.dispose();
      await drawer.dispose();
    },
  };
}

/** The same requests, each told as it is pulled. */
function noting(
  requests: Source<SampleRequest>,
  note: (request: SampleRequest) => void,
): Source<SampleRequest> {
  return mapSource(requests, (request) => {
    note(request);
    return request;
  });
}
