/** How the program is called in what we print: works in the checkout and where the package is installed. */
const PROGRAM = "npx whetstone";

/** Words as a line that a POSIX shell takes apart into the same words. */
export function shellLine(words: readonly string[]): string {
  return [PROGRAM, ...words.map(quoted)].join(" ");
}

/** The line that continues a run that was stopped: the words given, with this folder and `--resume`. */
export function resumeLine(args: readonly string[], dir: string): string {
  const words: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!;
    if (word === "--run") i++;
    else if (word !== "--resume" && !word.startsWith("--run=")) words.push(word);
  }
  return shellLine([...words, "--run", dir, "--resume"]);
}

function quoted(word: string): string {
  return /^[\w./,:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
