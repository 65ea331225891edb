import type { Answered } from "./answered.js";
import { usageOf, whetstoneOf, type Frame, type ReplyForm, type ReplyName } from "./reply.js";

/** Replies of /v1/responses: one message, whose text is the choice's. */
export const responsesForm: ReplyForm = {
  whole: ([answered], name) => wholeOf(answered!, name),
  stream: ([question], name) => {
    const { model } = question!;
    let sequence = 0;
    let text = "";
    const item = { item_id: `msg_${name.id}`, output_index: 0 };
    const within = { ...item, content_index: 0 };
    const frame = (type: string, data: object): Frame => ({
      event: type,
      data: { type, sequence_number: sequence++, ...data },
    });
    const head = { ...headOf(model, name), status: "in_progress", output: [], usage: null };
    const delta = (more: string): Frame[] => {
      if (more === "") return [];
      text += more;
      return [frame("response.output_text.delta", { ...within, delta: more, logprobs: [] })];
    };
    return {
      begin: () => [
        frame("response.created", { response: head }),
        frame("response.in_progress", { response: head }),
        frame("response.output_item.added", {
          output_index: 0,
          item: { ...messageOf(name, "", "in_progress"), content: [] },
        }),
        frame("response.content_part.added", { ...within, part: partOf("") }),
      ],
      text: delta,
      beat: (progress) => [
        frame("response.in_progress", { response: head, ...(progress && { whetstone: { progress } }) }),
      ],
      end: (answered, rest) => {
        const whole = wholeOf(answered, name);
        const { status } = statusOf(answered);
        return [
          ...delta(rest),
          frame("response.output_text.done", { ...within, text, logprobs: [] }),
          frame("response.content_part.done", { ...within, part: partOf(text) }),
          frame("response.output_item.done", { output_index: 0, item: messageOf(name, text, status) }),
          frame(`response.${status}`, { response: whole }),
        ];
      },
      close: () => [],
      error: ({ code, message, param }) => [frame("error", { code, message, param })],
    };
  },
};

function wholeOf(answered: Answered, name: ReplyName): object {
  return {
    ...headOf(answered.question.model, name),
    ...statusOf(answered),
    output: [messageOf(name, textOf(answered), statusOf(answered).status)],
    usage: responsesUsage(answered),
    whetstone: whetstoneOf(answered),
  };
}

const textOf = ({ best }: Answered): string => best[0]!.response.text;

/** What is the same in every state of a response; nothing of it is kept. */
function headOf(model: string, { id, created }: ReplyName): object {
  return {
    ...{ id: `resp_${id}`, object: "response", created_at: created, model },
    ...{ error: null, incomplete_details: null, instructions: null, metadata: {}, store: false },
    ...{ parallel_tool_calls: false, tool_choice: "none", tools: [], temperature: null, top_p: 1 },
    previous_response_id: null,
  };
}

/** A response that was cut at its longest length is incomplete. */
function statusOf({ best }: Answered): { readonly status: "completed" | "incomplete" } & object {
  if (best[0]!.response.finish === "stop") return { status: "completed" };
  return { status: "incomplete", ...{ incomplete_details: { reason: "max_output_tokens" } } };
}

const partOf = (text: string): object => ({ type: "output_text", text, annotations: [], logprobs: [] });

function messageOf({ id }: ReplyName, text: string, status: string): object {
  return { type: "message", id: `msg_${id}`, role: "assistant", status, content: [partOf(text)] };
}

function responsesUsage(answered: Answered): object {
  const { prompt_tokens: input, completion_tokens: output, total_tokens: total } = usageOf([answered]);
  return {
    ...{ input_tokens: input, input_tokens_details: { cached_tokens: 0 } },
    ...{ output_tokens: output, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: total },
  };
}
