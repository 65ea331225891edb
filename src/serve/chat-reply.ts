import { chatLogprobs } from "./logprobs.js";
import { usageOf, whetstoneOf, type ReplyForm } from "./reply.js";

/** Replies of /v1/chat/completions. */
export const chatForm: ReplyForm = {
  whole: ([answered], { id, created }) => ({
    ...{ id: `chatcmpl-${id}`, object: "chat.completion", created, model: answered!.question.model },
    choices: answered!.best.map(({ response, entries }, index) => ({
      index,
      message: { role: "assistant", content: response.text, refusal: null },
      logprobs: chatLogprobs(entries),
      finish_reason: response.finish,
    })),
    usage: usageOf([answered!]),
    whetstone: whetstoneOf(answered!),
  }),
  stream: ([question], { id, created }, includeUsage) => {
    const { model, n } = question!;
    const head = { id: `chatcmpl-${id}`, object: "chat.completion.chunk", created, model };
    const chunk = (
      index: number,
      delta: object,
      finish: string | null,
      { logprobs = null, ...more }: { readonly logprobs?: object | null; readonly whetstone?: object } = {},
    ): object => ({
      ...head,
      choices: [{ index, delta, logprobs, finish_reason: finish }],
      // As OpenAI has it: null in every chunk but the last.
      ...(includeUsage && { usage: null }),
      ...more,
    });
    const frames = (...chunks: readonly object[]): { readonly data: object }[] =>
      chunks.map((data) => ({ data }));
    return {
      // Helpers of clients need the role first.
      begin: () =>
        frames(
          ...Array.from({ length: n }, (_, index) => chunk(index, { role: "assistant", content: "" }, null)),
        ),
      text: (content) => frames(chunk(0, { content }, null)),
      // An empty delta: comments and named events stop some clients.
      beat: (progress) => frames(chunk(0, {}, null, progress && { whetstone: { progress } })),
      end: (answered, rest) =>
        frames(
          ...answered.best.flatMap(({ response, entries }, index) => {
            const content = index === 0 ? rest : response.text;
            if (content === "" && !entries) return [];
            return [chunk(index, { content }, null, { logprobs: chatLogprobs(entries) })];
          }),
          ...answered.best.map(({ response }, index) =>
            chunk(index, {}, response.finish, index === 0 ? { whetstone: whetstoneOf(answered) } : {}),
          ),
        ),
      close: (answered) => [
        ...frames(...(includeUsage ? [{ ...head, choices: [], usage: usageOf(answered) }] : [])),
        { data: "[DONE]" },
      ],
      error: ({ body }) => frames(body),
    };
  },
};
