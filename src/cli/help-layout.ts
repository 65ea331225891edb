/** How wide help is: as the terminal, or as COLUMNS says, or 80 columns where nobody says. */
export function helpWidth(
  columns: number | undefined = process.stdout.columns,
  said: string | undefined = process.env["COLUMNS"],
): number {
  const asked = Number(said);
  return columns || (Number.isInteger(asked) && asked > 0 ? asked : 80);
}

/** How help is laid out: so wide, and wrapped where the flags leave little room, too. */
export function helpLayout(width: number): { readonly helpWidth: number; readonly minWidthToWrap: number } {
  return { helpWidth: width, minWidthToWrap: 20 };
}

/**
 * Command lines with what they do: beside each where all fit, else above each, since a terminal would break them in the middle.
 * @param examples lines after the program's name, each with its meaning.
 */
export function examplesInHelp(
  examples: readonly (readonly [line: string, meaning: string])[],
  width: number,
): string {
  const longest = Math.max(...examples.map(([line]) => line.length));
  const beside = examples.map(([line, meaning]) => `  whetstone ${line.padEnd(longest)}  # ${meaning}`);
  const lines = beside.every((line) => line.length <= width)
    ? beside
    : examples.flatMap(([line, meaning]) => [`  # ${meaning}`, `  whetstone ${line}`]);
  return ["", "Examples:", ...lines].join("\n");
}
