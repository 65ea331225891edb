/** How much longer each wait for a job is than the one before. */
const LONGER = 1.5;

/** A program to run somewhere else. */
export interface Job {
  /** Letters, digits and hyphens: fixes what the job is, so that one that is submitted twice runs once. */
  readonly id: string;
  /** The program's words, from the interpreter on. */
  readonly command: readonly string[];
  /** Files beside which it runs, by their names. */
  readonly files: ReadonlyMap<string, string | Uint8Array>;
  /** The content of a file `token` beside them, which the job's owner alone reads; it stands in no argument, environment or log. */
  readonly token?: string;
  /** GPUs that it needs. */
  readonly gpus: number;
}

/** How a job fares. */
export interface JobStatus {
  /** `unknown`: no such job, or forgotten. */
  readonly state: "queued" | "running" | "ended" | "failed" | "cancelled" | "unknown";
  /** What is said about it, such as why it failed. */
  readonly message?: string;
}

/** Where jobs run: this machine, a Ray cluster, a Slurm cluster. Nothing is kept here: another executor of the same place sees the same jobs. */
export interface Executor {
  /** For people, such as `ray at http://head:8265`. */
  readonly name: string;
  /** Milliseconds between two looks at a job, at first and at most: a look is a login on some clusters. */
  readonly look: { readonly first: number; readonly most: number };
  /** Starts a job; one that is there already is left as it is. @throws ServerError where it cannot be started. */
  submit(job: Job): Promise<void>;
  status(id: string): Promise<JobStatus>;
  /** What the job has printed, from a character on; empty for an unknown job. */
  logs(id: string, from: number): Promise<string>;
  /** Ends a job; one that has ended, or is unknown, is no error. */
  cancel(id: string): Promise<void>;
}

/** Files as they are to be written, the token among them. */
export function filesOf({ files, token }: Job): ReadonlyMap<string, string | Uint8Array> {
  return token === undefined ? files : new Map([...files, ["token", token] as const]);
}

/** A word as a POSIX shell reads it back. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Waits between looks at a job, in milliseconds: ever longer, up to the most. */
export function* waits({ first, most }: Executor["look"]): Generator<number, never> {
  for (let wait = first; ; wait = Math.min(most, wait * LONGER)) yield wait;
}
