import type { Answered } from "./answering.js";
import { usageOf, whetstoneOf } from "./reply.js";

/** What a reply is called, and when it was made, in seconds since 1970. */
export interface ReplyName {
  readonly id: string;
  readonly created: number;
}

/** The body of a whole reply of /v1/chat/completions. */
export function chatReply(answered: Answered, { id, created }: ReplyName): object {
  return {
    ...{ id: `chatcmpl-${id}`, object: "chat.completion", created, model: answered.question.model },
    choices: answered.best.map(({ response }, index) => ({
      index,
      message: { role: "assistant", content: response.text, refusal: null },
      logprobs: null,
      finish_reason: response.finish,
    })),
    usage: usageOf(answered),
    whetstone: whetstoneOf(answered),
  };
}
