import { usageOf, whetstoneOf, type ReplyForm } from "./reply.js";

/** Replies of /v1/completions. */
export const completionForm: ReplyForm = {
  whole: (answered, { id, created }) => ({
    ...{ id: `cmpl-${id}`, object: "text_completion", created, model: answered.question.model },
    choices: answered.best.map(({ response: { text, finish } }, index) => ({
      ...{ index, text, logprobs: null, finish_reason: finish },
    })),
    usage: usageOf(answered),
    whetstone: whetstoneOf(answered),
  }),
  stream: ({ model }, { id, created }, includeUsage) => {
    const head = { id: `cmpl-${id}`, object: "text_completion", created, model };
    const chunk = (
      index: number,
      text: string,
      finish: string | null,
      more: object = {},
    ): { data: object } => ({
      data: {
        ...head,
        choices: [{ index, text, logprobs: null, finish_reason: finish }],
        ...(includeUsage && { usage: null }),
        ...more,
      },
    });
    return {
      begin: () => [],
      text: (text) => [chunk(0, text, null)],
      beat: (progress) => [chunk(0, "", null, progress && { whetstone: { progress } })],
      end: (answered, rest) => [
        ...answered.best.map(({ response: { text, finish } }, index) =>
          index === 0
            ? chunk(0, rest, finish, { whetstone: whetstoneOf(answered) })
            : chunk(index, text, finish),
        ),
        ...(includeUsage ? [{ data: { ...head, choices: [], usage: usageOf(answered) } }] : []),
        { data: "[DONE]" },
      ],
      error: ({ body }) => [{ data: body }],
    };
  },
};
