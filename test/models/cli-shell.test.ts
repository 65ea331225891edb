import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/cli/commands/table.js";
import { commandLine, type CommandLine } from "../support/cli.js";
import { compileSource } from "../support/compiled.js";
import { ROOT } from "../support/fixture.js";

let cli: CommandLine;
let path: string;
beforeAll(() => {
  cli = commandLine();
  const bin = join(cli.folder, "bin");
  mkdirSync(bin);
  const main = join(compileSource(), "cli", "main.js");
  writeFileSync(join(bin, "whetstone"), `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`);
  chmodSync(join(bin, "whetstone"), 0o755);
  path = `${bin}:${process.env["PATH"] ?? ""}`;
}, 120_000);
afterAll(() => cli.remove());

const inShell = (shell: string, script: string): string =>
  execFileSync(shell, ["-c", script], {
    encoding: "utf8",
    env: { ...process.env, PATH: path },
    cwd: cli.folder,
  });

/** What bash offers after the words, the last of them begun. */
function offered(...words: readonly string[]): string[] {
  const quoted = ["whetstone", ...words].map((word) => `'${word}'`).join(" ");
  return inShell(
    "bash",
    `source <(whetstone complete bash)
     COMP_WORDS=(${quoted}); COMP_CWORD=${words.length}; COMP_LINE="whetstone ${words.join(" ")}"; COMP_POINT=\${#COMP_LINE}
     complete_function=$(complete -p whetstone | sed 's/.*-F \\([^ ]*\\).*/\\1/')
     "$complete_function" whetstone '${words.at(-1) ?? ""}' ''
     printf '%s\\n' "\${COMPREPLY[@]}"`,
  )
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split(/\t/)[0]!.trim());
}

describe("completion", () => {
  it("offers bash the commands and their options", () => {
    expect(offered("").sort()).toEqual(expect.arrayContaining(Object.keys(COMMANDS)));
    expect(offered("sha")).toEqual(["sharpen"]);
    expect(offered("answer", "--te")).toEqual(["--temperature"]);
    expect(offered("train", "")).toEqual(expect.arrayContaining(["sft", "dpo"]));
  }, 120_000);

  it.each(["zsh", "fish", "powershell"])(
    "prints a script for %s, and none for another shell",
    async (shell) => {
      const { stdout, status } = await cli.run(["complete", shell]);
      expect([status, stdout.includes("whetstone")]).toEqual([0, true]);
      const other = await cli.run(["complete", "tcl"]);
      expect(other.status).not.toBe(0);
      expect(other.stderr).toContain("tcl");
    },
    60_000,
  );
});

it("--open opens the page that was written, in the browser that is named", async () => {
  cpSync(join(ROOT, "src/run/testdata/format-1/run"), join(cli.folder, "old"), { recursive: true });
  cpSync(join(ROOT, "src/run/testdata/format-1/numbers.jsonl"), join(cli.folder, "numbers.jsonl"));
  const browser = join(cli.folder, "browser");
  writeFileSync(browser, `#!/bin/sh\necho "$1" > "${join(cli.folder, "opened")}"\n`);
  chmodSync(browser, 0o755);
  inShell("sh", `BROWSER='${browser}' whetstone evaluate old --task numbers.jsonl --open`);
  for (let tries = 0; tries < 100 && !existsSync(join(cli.folder, "opened")); tries++)
    await new Promise((resolve) => setTimeout(resolve, 50));
  expect(readFileSync(join(cli.folder, "opened"), "utf8").trim()).toMatch(/old\/report\.html$/);
}, 60_000);
