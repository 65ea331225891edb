import { ModelError } from "../../core/errors.js";
import { knownPatterns } from "./split-patterns.js";

/** The parts of a tokenizer.json that are programs of steps over a text. */
const PARTS = ["normalizer", "pre_tokenizer", "post_processor", "decoder"];
const MAX_STEPS = 64;
/** How many times longer the steps may make a text; real ones come to 4 at most, the bytes of a character. */
const MAX_STRETCH = 64;
const MAX_STRIP = 1024;
const MAX_WORD = 1000;

/**
 * Looks through the steps of a tokenizer.json for what the library would do without an end or a bound.
 * @returns whether all patterns are known to be matched in linear time; others need a time limit.
 * @throws ModelError for steps that multiply a text, or repeat without bound.
 */
export function checkSteps(json: Readonly<Record<string, unknown>>, file: string): boolean {
  const refuse = (what: string): never => {
    throw new ModelError(`${file} cannot be used as a tokenizer: ${what}`);
  };
  let known = true;
  let count = 0;
  for (const part of PARTS) {
    let stretch = 1;
    for (const step of objectsIn(json[part])) {
      if (typeof step["Regex"] === "string") known &&= knownPatterns.has(step["Regex"]);
      if (typeof step["type"] !== "string") continue;
      if (++count > MAX_STEPS) refuse(`it has more than ${MAX_STEPS} steps`);
      const problem = stepProblem(step);
      if (problem !== undefined) refuse(problem);
      stretch *= stretchOf(step);
      if (stretch > MAX_STRETCH)
        refuse(`the steps of its ${part} make a text more than ${MAX_STRETCH} times longer`);
    }
  }
  const word = (json["model"] as { readonly max_input_chars_per_word?: unknown } | undefined)
    ?.max_input_chars_per_word;
  if (typeof word === "number" && word > MAX_WORD)
    refuse(`max_input_chars_per_word is ${word}, and words of up to ${MAX_WORD} characters are taken`);
  return known;
}

type Step = Readonly<Record<string, unknown>>;

/** Every object in a value, at any depth; not by recursion, since the depth is a stranger's. */
function* objectsIn(value: unknown): Generator<Step> {
  const open = [value];
  while (open.length > 0) {
    const next = open.pop();
    if (typeof next !== "object" || next === null) continue;
    if (!Array.isArray(next)) yield next as Step;
    for (const inner of Object.values(next)) open.push(inner);
  }
}

function stepProblem({ type, content, length, start, stop }: Step): string | undefined {
  if (type === "Replace" && typeof content === "string" && /\$[$&`'<\d]/.test(content))
    return `a Replace step puts in ${JSON.stringify(content.slice(0, 60))}, which JavaScript would not take as it stands`;
  if (type === "FixedLength" && !(Number.isInteger(length) && Number(length) >= 1))
    return "a FixedLength step needs a length of at least 1";
  if (type === "Strip" && [start, stop].some((count) => typeof count === "number" && count > MAX_STRIP))
    return `a Strip step may take away ${MAX_STRIP} characters at most`;
  return undefined;
}

/** How many times longer a step may make a text, in UTF-16 units. */
function stretchOf({ type, content, pattern, replacement }: Step): number {
  // A byte becomes a character: three for one unit, at most.
  if (type === "ByteLevel") return 3;
  if (type === "Metaspace") return typeof replacement === "string" ? Math.max(1, replacement.length) : 1;
  if (type !== "Replace" || typeof content !== "string") return 1;
  const literal = (pattern as { readonly String?: unknown } | null | undefined)?.String;
  // A pattern may match nothing, before every character.
  if (typeof literal !== "string" || literal === "") return Math.max(1, content.length + 1);
  return Math.max(1, content.length / literal.length);
}
