import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { FaultServer, type Misdeed } from "../../src/policy/remote/fault-server.test-helper.js";
import { commandLine, type CommandLine, type Ended } from "../support/cli.js";

/** With every character that encodings change. */
const KEY = 'sk-canary+/=0123456789?&%"\\';
const VARIABLES = { OPENAI_API_KEY: KEY, OPENAI_LOG: "debug" };

/** What a leak would look like: raw, in JSON, URL-encoded, in Base64 of both alphabets, alone and after a user's name. */
const FORMS = [
  KEY,
  JSON.stringify(KEY).slice(1, -1),
  encodeURIComponent(KEY),
  encodeURIComponent(KEY).toLowerCase(),
  ...["", "user:", ":", "Bearer "].flatMap((before) =>
    (["base64", "base64url"] as const).map((form) =>
      Buffer.from(before + KEY)
        .toString(form)
        .replace(/=+$/, "")
        .slice(before === "" ? 0 : 12),
    ),
  ),
  // A part of it would be found as well.
  "canary",
];
const leaksIn = (text: string): string[] =>
  FORMS.filter((form) => text.toLowerCase().includes(form.toLowerCase()));

let cli: CommandLine;
let server: FaultServer;
const before = Object.keys(VARIABLES).map((name) => [name, process.env[name]] as const);
beforeAll(async () => {
  Object.assign(process.env, VARIABLES);
  cli = commandLine();
  server = await new FaultServer().start();
});
afterAll(async () => {
  for (const [name, value] of before) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  await server.stop();
  cli.remove();
});

/** Runs a command to its end. @returns what it printed, and the arguments that it and its children ran with. */
async function watched(args: readonly string[]): Promise<Ended & { readonly argumentList: string }> {
  const { child, ended } = cli.start(args);
  let argumentList = "";
  const look = setInterval(() => (argumentList ||= readArguments(child.pid!)), 20);
  const result = await ended;
  clearInterval(look);
  return { ...result, argumentList };
}

function readArguments(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    // Gone, or a system without /proc.
    return "";
  }
}

/** Every file below the folder in which the commands ran, hidden ones included. */
function files(): [string, string][] {
  return readdirSync(cli.folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [path, readFileSync(path, "utf8")]);
}

function expectNoLeak({ stdout, stderr, argumentList }: Ended & { readonly argumentList: string }): void {
  if (process.platform === "linux") expect(argumentList).toContain("main.js");
  expect(leaksIn(stdout)).toEqual([]);
  expect(leaksIn(stderr)).toEqual([]);
  expect(leaksIn(argumentList)).toEqual([]);
  for (const [path, text] of files()) expect(leaksIn(text), path).toEqual([]);
}

const command = (url: string, run: string): string[] => [
  ...["sharpen", "game24", "--model", "openai:tiny", "--base-url", url, "--run", run, "--verbose", "--json"],
  ...["--prompts", "2", "--train-prompts", "12", "--n", "2", "--max-tokens", "4"],
];

it("a run to its end sends the key to the server, and leaves it in no file, output or argument", async () => {
  server.misdeeds.push("429 that repeats the key");
  const ended = await watched(command(server.url, "whole"));
  expect(ended.stderr).toMatch(/busy 1×/);
  expect(ended.status).toBe(0);
  expect([...server.authorizations]).toEqual([`Bearer ${KEY}`]);
  const names = files().map(([path]) => path.slice(cli.folder.length));
  for (const name of ["report.html", "manifest.json", "servers.jsonl", "hand-over/openai-dpo.jsonl"])
    expect(names).toContain(`/whole/${name}`);
  expectNoLeak(ended);
});

it.each<[Misdeed, RegExp]>([
  ["401 that repeats the key", /did not accept .*: 401 Incorrect key: Bearer \[key\], \[key\]/],
  ["429 that repeats the key", /in 6 tries, the last from http.*: 429 Incorrect key: Bearer \[key\]/],
  ["the key in the text", /a reply that holds the key\.$/m],
  ["redirect", /a redirect to elsewhere\.invalid, which the key must not follow\.$/m],
])("an error of a server does not show the key: %s", async (misdeed, sentence) => {
  const angry = await new FaultServer().start();
  angry.always = misdeed;
  const ended = await watched(command(angry.url, misdeed.replace(/\W+/g, "-")));
  await angry.stop();
  expect(ended.status).toBe(1);
  expect(ended.stderr).toMatch(sentence);
  expectNoLeak(ended);
});

it("an error in the middle of a run does not leave the key in its folder", async () => {
  const angry = await new FaultServer().start();
  // The probe is let through.
  const begun = command(angry.url, "begun");
  const timer = setInterval(() => {
    if (angry.asked.length > 12) angry.always = "401 that repeats the key";
  }, 1);
  const ended = await watched([...begun.slice(0, -1), "200", "--n", "200", "--concurrency", "1"]);
  clearInterval(timer);
  await angry.stop();
  expect(ended.status).toBe(1);
  expect(files().map(([path]) => path.slice(cli.folder.length))).toContain("/begun/responses.jsonl");
  expectNoLeak(ended);
});

it("a key in a URL or with a space is refused without being repeated", async () => {
  const { host } = new URL(server.url);
  const inUrls = [
    `http://user:${encodeURIComponent(KEY)}@${host}/v1`,
    `http://${host}/v1?key=${encodeURIComponent(KEY)}`,
  ];
  for (const url of inUrls) {
    const asked = server.asked.length;
    const { status, stderr, stdout } = await cli.run(command(url, "refused"));
    expect(status).toBe(2);
    expect(leaksIn(stderr + stdout)).toEqual([]);
    expect(server.asked.length).toBe(asked);
  }
  process.env["WHETSTONE_API_KEY"] = `${KEY} x`;
  const ended = await watched(command(server.url, "refused"));
  delete process.env["WHETSTONE_API_KEY"];
  expect(ended.status).toBe(2);
  expect(ended.stderr).toMatch(/holds spaces or other characters/);
  expectNoLeak(ended);
});
