import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
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
