import { completionLogprobs } from "./logprobs.js";
import { usageOf, whetstoneOf, whetstoneOfAll, type ReplyForm } from "./reply.js";

/** Replies of /v1/completions; the choices of each prompt stand together, in the order of the prompts. */
export const completionForm: ReplyForm = {
  whole: (answered, { id, created }) => ({
    ...{ id: `cmpl-${id}`, object: "text_completion", created, model: answered[0]!.question.model },
    choices: answered
      .flatMap(({ best }) => best)
      .map(({ response: { text, finish }, entries }, index) => ({
        ...{ index, text, logprobs: completionLogprobs(entries), finish_reason: finish },
      })),
    usage: usageOf(answered),
    whetstone: whetstoneOfAll(answered),
  }),
  stream: (questions, { id, created }, includeUsage) => {
    const { model, n } = questions[0]!;
    const head = { id: `cmpl-${id}`, object: "text_completion", created, model };
    const chunk = (
      index: number,
      text: string,
      finish: string | null,
      { logprobs = null, ...more }: { readonly logprobs?: object | null; readonly whetstone?: object } = {},
    ): { data: object } => ({
      data: {
        ...head,
        choices: [{ index, text, logprobs, finish_reason: finish }],
        ...(includeUsage && { usage: null }),
        ...more,
      },
    });
    return {
      begin: () => [],
      text: (text, at) => [chunk(at * n, text, null)],
      beat: (progress, at) => [chunk(at * n, "", null, progress && { whetstone: { progress } })],
      end: (answered, rest, at) =>
        answered.best.map(({ response: { text, finish }, entries }, index) =>
          chunk(at * n + index, index === 0 ? rest : text, finish, {
            logprobs: completionLogprobs(entries),
            ...(index === 0 && { whetstone: whetstoneOf(answered) }),
          }),
        ),
      close: (answered) => [
        ...(includeUsage ? [{ data: { ...head, choices: [], usage: usageOf(answered) } }] : []),
        { data: "[DONE]" },
      ],
      error: ({ body }) => [{ data: body }],
    };
  },
};
