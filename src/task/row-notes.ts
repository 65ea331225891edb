import { labelValue } from "./answers/numeric.js";
import { foldedLabel, isShortLabel } from "./answers/short-label.js";
import type { ChosenGrader } from "./choose-grader.js";
import type { Grader } from "./graders.js";
import type { PromptRow } from "./prompt-row.js";

/**
 * The label of each row, as it is written: its answer; or, where no row has one and all reference answers are a value or a word or
 * two, its reference answer. A reference answer in sentences is no label.
 */
export function labelsOf(rows: readonly PromptRow[]): readonly (string | undefined)[] {
  if (rows.some(({ answer }) => answer !== undefined)) return rows.map(({ answer }) => answer);
  const references = rows.flatMap(({ reference }) => (reference === undefined ? [] : [reference]));
  return references.every(isLabel) ? rows.map(({ reference }) => reference) : rows.map(() => undefined);
}

function isLabel(text: string): boolean {
  return (isShortLabel(text) && foldedLabel(text) !== undefined) || labelValue(text) !== undefined;
}

/** What a person should know of how a file was read, in sentences. */
export function notesOf({
  name,
  rows,
  labels,
  grader,
  chosen,
}: {
  readonly name: string;
  readonly rows: readonly PromptRow[];
  readonly labels: readonly string[];
  readonly grader: Grader;
  /** Absent where the user named the grader. */
  readonly chosen: ChosenGrader | undefined;
}): readonly string[] {
  const notes = [...countsOf(rows.flatMap(({ took }) => took))].map(
    ([clause, count]) =>
      `${name}: took ${clause}${count === rows.length ? "" : ` (${count} of ${rows.length} rows)`}.`,
  );
  const answered = rows.some(({ answer }) => answer !== undefined);
  if (!answered && rows.some(({ reference }) => reference !== undefined)) {
    notes.push(
      labels.length > 0
        ? `${name}: its reference answers are short, and are taken as labels.`
        : `${name}: its reference answers are longer than a word or two, and nothing is graded by them.`,
    );
  }
  const aside = [...new Set(rows.flatMap((row) => row.aside))];
  if (labels.length === 0 && aside.length > 0) {
    const names = aside.map((field) => `"${field}"`).join(", ");
    notes.push(`${name}: a label stands in "answer"; ${names} ${aside.length > 1 ? "are" : "is"} not read.`);
  }
  if (chosen)
    notes.push(
      `${name}: answers are ${labels.length > 0 ? "graded" : "compared"} by the grader "${grader.name}", since ${chosen.why}.`,
    );
  else if (
    grader.name === "exact" &&
    labels.length > 0 &&
    labels.every((label) => labelValue(label)?.kind === "number")
  ) {
    notes.push(
      `${name}: all labels are numbers, and the grader "exact" compares letter by letter; "numeric" compares values.`,
    );
  }
  return notes;
}

function countsOf(words: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}
