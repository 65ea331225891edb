import { spawn } from "node:child_process";
import { ServerError } from "../../core/errors.js";
import { filesOf, shellWord, type Executor, type Job, type JobStatus } from "./executor.js";

/** Slurm's states that are over, and those in which nothing runs yet; a job of any other is taken to run. */
const STATES: Readonly<Record<string, JobStatus["state"]>> = {
  ...those("ended", "COMPLETED"),
  ...those("cancelled", "CANCELLED", "REVOKED"),
  ...those("failed", "FAILED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE", "PREEMPTED"),
  ...those("failed", "LAUNCH_FAILED", "RECONFIG_FAIL"),
  ...those("queued", "PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT"),
  ...those("queued", "RESV_DEL_HOLD", "POWER_UP_NODE"),
};

function those(state: JobStatus["state"], ...words: readonly string[]): Record<string, JobStatus["state"]> {
  return Object.fromEntries(words.map((word) => [word, state]));
}

/** Where Slurm's jobs are submitted. */
export interface SlurmOptions {
  /** `user@host` of a node from which jobs are submitted, as ssh takes it. */
  readonly target: string;
  /** The folder there for the jobs' folders, relative to the home folder or absolute; shared by the nodes. */
  readonly folder: string;
}

/**
 * Runs jobs on a Slurm cluster, by `sbatch` over ssh. What is done there is a script on ssh's standard input: nothing of it stands in an
 * argument. The job's number is kept in its folder, so that it is submitted once.
 */
export function slurmExecutor({ target, folder }: SlurmOptions): Executor {
  const there = (id: string): string => `${shellWord(folder)}/${id}`;
  const run = async (script: string): Promise<string> => {
    const { code, out, errors } = await shell(target, script);
    if (code === 0) return out;
    const said = errors.trim().split("\n").at(-1) ?? "";
    throw new ServerError(
      `${target} cannot be asked over ssh (${code}): ${said === "" ? "it said nothing" : said}`,
      {
        where: target,
      },
    );
  };
  const number = (id: string): string => `number=$(cat ${there(id)}/number 2>/dev/null)`;
  return {
    name: `Slurm at ${target}`,
    look: { first: 2000, most: 30_000 },
    submit: async (job) => {
      const files = [...filesOf(job)].map(([name, content]) => fileScript(name, content)).join("\n");
      await run(`set -e
umask 077
mkdir -p ${there(job.id)}
cd ${there(job.id)}
[ -s number ] && exit 0
${files}
${fileScript("job.sh", jobScript(job))}
number=$(sbatch --parsable --job-name=${job.id}${job.gpus > 0 ? ` --gres=gpu:${job.gpus}` : ""} --output=log --open-mode=append job.sh)
echo "$number" | cut -d ';' -f 1 >number.partial
mv number.partial number
`);
    },
    status: async (id) => {
      const out = await run(`${number(id)} || exit 0
state=$(squeue --noheader --jobs="$number" --format=%T 2>&1) || case "$state" in
*[Ii]nvalid*job*id*) state= ;;
*) echo "$state" >&2; exit 1 ;;
esac
[ -n "$state" ] || state=$(sacct --noheader --allocations --jobs="$number" --format=State 2>/dev/null)
echo "known $state"
`);
      const [known, word = ""] = out.trim().split(/\s+/);
      if (known !== "known") return { state: "unknown" };
      // What neither of both tells any more has ended; how, nobody knows.
      const state = word === "" ? "ended" : (STATES[word.replace(/\+$/, "")] ?? "running");
      return state === "failed" ? { state, message: word } : { state };
    },
    logs: async (id, from) => (await run(`cat ${there(id)}/log 2>/dev/null || true\n`)).slice(from),
    cancel: async (id) => {
      await run(`${number(id)} || exit 0\nscancel "$number" || true\n`);
    },
  };
}

/** What writes a file, whatever is in it. */
function fileScript(name: string, content: string | Uint8Array): string {
  const encoded = Buffer.from(content as string).toString("base64");
  return `base64 -d >${shellWord(name)} <<'WHETSTONE'\n${encoded.replace(/.{76}/g, "$&\n")}\nWHETSTONE`;
}

function jobScript({ command }: Job): string {
  return `#!/bin/sh\nexec ${command.map(shellWord).join(" ")}\n`;
}

function shell(
  target: string,
  script: string,
): Promise<{ readonly code: number | null; readonly out: string; readonly errors: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn("ssh", ["-o", "BatchMode=yes", "--", target, "sh", "-s"], { stdio: "pipe" });
    let [out, errors] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
    child.on("error", () => reject(new ServerError("Slurm is reached over ssh, which is not on the path.")));
    child.on("close", (code) => resolve({ code, out, errors }));
    // A shell that has ended early says so by its code.
    child.stdin.on("error", () => undefined);
    child.stdin.end(script);
  });
}
