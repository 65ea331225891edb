/** How the program is called in what we print: works in the checkout and where the package is installed. */
const PROGRAM = "npx whetstone";

/** The program with these words, as a line that a POSIX shell takes apart into the same words. */
export function shellLine(words: readonly string[]): string {
  return `${PROGRAM} ${shellWords(words)}`.trimEnd();
}

/** Words as a POSIX shell takes them. */
export function shellWords(words: readonly string[]): string {
  return words.map(quoted).join(" ");
}

/** What a configuration adds to a command line. */
export interface Configured {
  /** Options, as words. */
  readonly configured: readonly string[];
  /** How many words call the command. */
  readonly depth: number;
}

/** A command line with what a configuration adds, right behind the words that call the command. */
export function withOptions(args: readonly string[], { configured, depth }: Configured): string[] {
  const called = args.flatMap((word, at) => (word.startsWith("-") ? [] : [at])).slice(0, depth);
  const at = (called.at(-1) ?? -1) + 1;
  return [...args.slice(0, at), ...configured, ...args.slice(at)];
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
