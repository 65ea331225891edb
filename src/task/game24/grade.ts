/** One step `left operator right = result` of a response, as it is written: nothing about it is checked yet. */
interface Step {
  readonly left: number;
  readonly operator: string;
  readonly right: number;
  readonly result: number;
}

/**
 * Whether a response solves a puzzle: exactly three steps `a op b = c` separated by ` , `, each of them right and made
 * of two numbers that are left, the last one's result the target. Every given number is so used exactly once. Results may
 * be any safe integers, also negative or above what the base model's vocabulary holds; anything else is wrong.
 * The text is parsed token by token and never executed.
 */
export function gradeTrace(numbers: readonly number[], target: number, text: string): boolean {
  const steps = parseSteps(text);
  if (steps?.length !== numbers.length - 1) return false;
  const left = [...numbers];
  for (const step of steps) {
    if (!take(left, step.left) || !take(left, step.right) || !isRight(step)) return false;
    left.push(step.result);
  }
  return left[0] === target;
}

/**
 * The answer of a response: its set of operations, canonical, so that responses that do the same operations in another
 * order, or with the operands of + and * swapped, have equal answers. Right or wrong plays no part.
 * @returns such as `10-4=6;13-9=4;4*6=24`; undefined if the text is not three steps.
 */
export function extractOperations(text: string): string | undefined {
  const steps = parseSteps(text);
  if (steps?.length !== 3) return undefined;
  return steps.map(canonicalStep).sort().join(";");
}

function parseSteps(text: string): readonly Step[] | undefined {
  const tokens = text.trim().split(/\s+/);
  const steps: Step[] = [];
  for (let at = 0; at < tokens.length; at += 6) {
    const [left, operator, right, equals, result, comma] = tokens.slice(at, at + 6);
    const values = [left, right, result].map(parseInteger);
    if (operator === undefined || !/^[-+*/]$/.test(operator) || equals !== "=") return undefined;
    if (values.includes(undefined)) return undefined;
    // A comma stands between two steps, and only there.
    if (at + 5 === tokens.length ? comma !== undefined : comma !== "," || at + 6 === tokens.length)
      return undefined;
    steps.push({ left: values[0]!, operator, right: values[1]!, result: values[2]! });
  }
  return steps;
}

function parseInteger(token: string | undefined): number | undefined {
  if (token === undefined || !/^(?:0|-?[1-9]\d{0,15})$/.test(token)) return undefined;
  const value = Number(token);
  return Number.isSafeInteger(value) ? value : undefined;
}

function isRight({ left, operator, right, result }: Step): boolean {
  switch (operator) {
    case "+":
      return left + right === result;
    case "-":
      return left - right === result;
    case "*":
      return BigInt(left) * BigInt(right) === BigInt(result);
    default:
      return right !== 0 && BigInt(result) * BigInt(right) === BigInt(left);
  }
}

function take(left: number[], number: number): boolean {
  const at = left.indexOf(number);
  if (at >= 0) left.splice(at, 1);
  return at >= 0;
}

function canonicalStep({ left, operator, right, result }: Step): string {
  const swap = (operator === "+" || operator === "*") && left > right;
  return swap ? `${right}${operator}${left}=${result}` : `${left}${operator}${right}=${result}`;
}
