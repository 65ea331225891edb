import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dispatcherFor } from "../../src/policy/remote/transport.js";
import { testExecutorContract } from "../../src/policy/worker/executor-contract.test-helper.js";
import { localExecutor } from "../../src/policy/worker/local-executor.js";
import { rayExecutor } from "../../src/policy/worker/ray-executor.js";
import { slurmExecutor } from "../../src/policy/worker/slurm-executor.js";
import { RAY_PYTHON, startRay } from "../support/ray.js";

/** Arguments and environment of every process that this user can see. */
function processes(): string {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) =>
      ["cmdline", "environ"].map((file) => {
        try {
          return readFileSync(join("/proc", pid, file), "utf8");
        } catch {
          // It has ended, or is another user's.
          return "";
        }
      }),
    )
    .join("\n");
}

const seen = (): Promise<string> => Promise.resolve(processes());

testExecutorContract({
  name: "this machine",
  python: "python3",
  start: () => {
    const folder = mkdtempSync(join(tmpdir(), "whetstone-jobs-"));
    return Promise.resolve({
      make: () => localExecutor(folder),
      seen,
      stop: () => Promise.resolve(rmSync(folder, { recursive: true })),
    });
  },
});

/** Stand-ins for a cluster: `ssh` runs its command here, and Slurm's programs keep a job's process and its end in files. */
function slurmStandIns(bin: string, state: string): void {
  mkdirSync(bin, { recursive: true });
  mkdirSync(state, { recursive: true });
  const programs: Readonly<Record<string, string>> = {
    ssh: `while [ "$1" != "--" ]; do shift; done
shift 2
cd "${state}" && exec "$@"`,
    sbatch: `out=log
for word in "$@"; do case "$word" in --output=*) out=\${word#--output=};; esac; script=$word; done
number=$(ls "${state}/numbers" 2>/dev/null | wc -l); number=$((number + 1))
mkdir -p "${state}/numbers"; : >"${state}/numbers/$number"
setsid sh -c 'sh "$1" >>"$2" 2>&1 </dev/null; echo $? >"$3.code"' sh "$script" "$out" "${state}/numbers/$number" >/dev/null 2>&1 </dev/null &
echo $! >"${state}/numbers/$number"
echo "$number;cluster"`,
    squeue: `for word in "$@"; do case "$word" in --jobs=*) number=\${word#--jobs=};; esac; done
file="${state}/numbers/$number"
if [ -e "${state}/said" ]; then cat "${state}/said"; exit "$(cat "${state}/said.code")"; fi
[ -e "$file.cancelled" ] || [ -e "$file.code" ] || echo RUNNING`,
    sacct: `for word in "$@"; do case "$word" in --jobs=*) number=\${word#--jobs=};; esac; done
file="${state}/numbers/$number"
if [ -e "$file.cancelled" ]; then echo "CANCELLED+"; elif [ "$(cat "$file.code")" = 0 ]; then echo " COMPLETED "; else echo FAILED; fi`,
    scancel: `file="${state}/numbers/$1"
[ -e "$file.code" ] && exit 1
: >"$file.cancelled"; kill -TERM -- -"$(cat "$file")"`,
  };
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(bin, name), 0o755);
  }
}

testExecutorContract({
  name: "Slurm",
  python: "python3",
  start: () => {
    const folder = mkdtempSync(join(tmpdir(), "whetstone-slurm-"));
    slurmStandIns(join(folder, "bin"), join(folder, "home"));
    const before = process.env["PATH"] ?? "";
    process.env["PATH"] = `${join(folder, "bin")}${delimiter}${before}`;
    return Promise.resolve({
      make: () => slurmExecutor({ target: "user@login", folder: "whetstone jobs" }),
      seen,
      stop: () => {
        process.env["PATH"] = before;
        return Promise.resolve(rmSync(folder, { recursive: true }));
      },
    });
  },
});

describe("Slurm's words", () => {
  const folder = mkdtempSync(join(tmpdir(), "whetstone-slurm-"));
  const home = join(folder, "home");
  const before = process.env["PATH"] ?? "";
  const executor = slurmExecutor({ target: "user@login", folder: "jobs" });
  const job = { id: "job", command: ["sleep", "60"], files: new Map<string, string>(), gpus: 0 };
  const says = (text: string, code = 0): void => {
    writeFileSync(join(home, "said"), text);
    writeFileSync(join(home, "said.code"), `${code}`);
  };
  beforeAll(async () => {
    slurmStandIns(join(folder, "bin"), home);
    process.env["PATH"] = `${join(folder, "bin")}${delimiter}${before}`;
    await executor.submit(job);
  });
  afterAll(async () => {
    await executor.cancel(job.id);
    process.env["PATH"] = before;
    rmSync(folder, { recursive: true });
  });

  it.each([
    ["SUSPENDED", "running"],
    ["STOPPED", "running"],
    ["STAGE_OUT", "running"],
    ["COMPLETING", "running"],
    ["A_STATE_OF_TOMORROW", "running"],
    ["REQUEUE_HOLD", "queued"],
    ["CONFIGURING", "queued"],
    ["OUT_OF_MEMORY", "failed"],
    ["TIMEOUT", "failed"],
    ["CANCELLED", "cancelled"],
  ])("%s is a job that is %s", async (word, state) => {
    says(`${word}\n`);
    expect((await executor.status(job.id)).state).toBe(state);
  });

  it("asks sacct about a job that squeue has forgotten, and takes no word for a cluster that does not answer", async () => {
    says("slurm_load_jobs error: Invalid job id specified", 1);
    writeFileSync(join(home, "numbers", "1.code"), "0");
    expect((await executor.status(job.id)).state).toBe("ended");
    says("slurm_load_jobs error: Unable to contact slurm controller", 1);
    await expect(executor.status(job.id)).rejects.toThrow("Unable to contact slurm controller");
    rmSync(join(home, "numbers", "1.code"));
  });
});

if (RAY_PYTHON !== undefined) {
  testExecutorContract({
    name: "Ray",
    python: RAY_PYTHON,
    start: async () => {
      const head = await startRay();
      const dispatcher = dispatcherFor();
      return {
        make: () => rayExecutor({ url: head.url, dispatcher }),
        seen: async (id) => processes() + (await (await fetch(`${head.url}/api/jobs/${id}`)).text()),
        stop: async () => {
          await dispatcher.close();
          await head.stop();
        },
      };
    },
  });
}
