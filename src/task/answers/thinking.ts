/** Tags between which reasoning models think aloud; what stands there is not part of the answer. */
const TAG =
  /<(\/?)(?:think|thinking|thought|thoughts|reasoning|scratchpad|reflection|analysis|seed:think)>|\[(\/?)THINK\]|◁(\/?)think▷|<\|(?:(begin)|end)_of_thought\|>|<\|channel\|>(analysis|final)<\|message\|>|<\|START_THINKING\|>|<\|END_THINKING\|>/gi;
/** Every tag begins so. */
const TAG_START = /[<[◁]/;

/**
 * A response without what a model thought aloud before answering: `<think>…</think>` and its like, also where the prompt opened
 * the block (only `</think>` is there), and where the response ended within it, which leaves what stood before. One pass.
 */
export function withoutThinking(text: string): string {
  if (!TAG_START.test(text)) return text;
  let kept = "";
  let depth = 0;
  let from = 0;
  for (const match of text.matchAll(TAG)) {
    if (isOpening(match)) {
      if (depth === 0) kept += text.slice(from, match.index);
      depth += 1;
    } else {
      if (depth === 0) kept = "";
      depth = 0;
      from = match.index + match[0].length;
    }
  }
  return depth > 0 ? kept : kept + text.slice(from);
}

function isOpening([tag, xml, bracket, triangle, begin, channel]: RegExpMatchArray): boolean {
  if (channel !== undefined) return /analysis/i.test(channel);
  if (/_of_thought/i.test(tag)) return begin !== undefined;
  if (/_THINKING/i.test(tag)) return /START/i.test(tag);
  return (xml ?? bracket ?? triangle) === "";
}
