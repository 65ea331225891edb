import { mkdirSync, openSync, closeSync, writeSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { BadFile } from "./bad-file.js";

const bad = (
  what: string,
  content: string | Uint8Array | ((path: string) => void),
  message: RegExp | undefined,
): BadFile => ({
  what,
  opener: "jsonl",
  make: (folder) => {
    const path = join(folder, "prompts.jsonl");
    if (typeof content === "function") content(path);
    else writeFileSync(path, content);
    return path;
  },
  message,
});
const good = '{"prompt": "2 + 2 =", "answer": 4}\n';
const repeated = (text: string, times: number) => (path: string) => {
  const file = openSync(path, "w");
  writeSync(file, good + '{"prompt": "');
  for (let i = 0; i < times; i++) writeSync(file, text);
  writeSync(file, '"}\n');
  closeSync(file);
};
const MEGABYTE = 1 << 20;

export const jsonlFiles: readonly BadFile[] = [
  bad("a last line that breaks off", `${good}{"prompt": "2 +`, /^Line 2 of .* is not valid JSON/),
  bad("a NUL", `${good}{"prompt": "a\u0000"}\n`, /^Line 2 of .* holds a NUL byte/),
  bad(
    "a NUL, escaped",
    `${good}{"prompt": "a\\u0000"}\n`,
    /^Line 2 of .* has a NUL or half of a surrogate pair/,
  ),
  bad(
    "half of a surrogate pair",
    `${good}{"prompt": "a\\ud800"}\n`,
    /^Line 2 of .* has a NUL or half of a surrogate pair/,
  ),
  bad(
    "half of a surrogate pair as bytes",
    Buffer.concat([Buffer.from(good + '{"prompt": "'), Buffer.of(0xed, 0xa0, 0x80), Buffer.from('"}\n')]),
    /^Line 2 of .* is not valid UTF-8/,
  ),
  bad(
    "Latin-1",
    Buffer.concat([Buffer.from(good + '{"prompt": "caf'), Buffer.of(0xe9), Buffer.from('"}\n')]),
    /^Line 2 of .* is not valid UTF-8/,
  ),
  bad("UTF-16", Buffer.from(`\ufeff${good}`, "utf16le"), undefined),
  bad(
    "UTF-16 that ends in the middle of a line",
    Buffer.from(`\ufeff${good}{"prompt"`, "utf16le"),
    /^Line 2 of /,
  ),
  bad(
    "a line of 200 MB",
    repeated("x".repeat(MEGABYTE), 200),
    /^Line 2 of .* is longer than 16,777,216 bytes; split it/,
  ),
  bad(
    "a line of a byte more than 16 MB",
    (path) => writeFileSync(path, `{"prompt": "${"x".repeat(16 * MEGABYTE - 13)}"}`),
    /^Line 1 of .* is longer than/,
  ),
  bad(
    "a terabyte of nothing",
    (path) => {
      writeFileSync(path, good);
      truncateSync(path, 2 ** 40);
    },
    /^Line 2 of .* is longer than/,
  ),
  bad(
    "brackets 100,000 deep",
    `${"[".repeat(1e5)}${"]".repeat(1e5)}\n`,
    /^Line 1 of .* is nested more than 1000 deep/,
  ),
  bad("an unended list 10,000,000 deep", "[".repeat(1e7), /^Line 1 of .* is nested more than 1000 deep/),
  bad("a text in place of an object", '"2 + 2 ="\n', /^Line 1 of .* is not a JSON object/),
  bad("a list of everything on one line", `[${good.trim()}]\n`, /^Line 1 of .* is not a JSON object/),
  bad("an object on several lines", '{\n  "prompt": "a"\n}\n', /^Line 1 of .* is not valid JSON/),
  bad(
    "lines ended as forty years ago",
    `${good.trim()}\r${good.trim()}\r`,
    /^Line 1 of .* is not valid JSON/,
  ),
  bad("a prompt that is a number", '{"prompt": 7}\n', /^Line 1 of .* has a wrong "prompt"/),
  bad(
    "a prompt by way of a prototype",
    '{"__proto__": {"prompt": "a"}}\n',
    /^Line 1 of .* has neither "prompt" nor "messages"/,
  ),
  bad(
    "an id twice",
    '{"prompt": "a", "id": 1}\n{"prompt": "b", "id": 1}\n',
    /^Line 2 of .* has the id "1" of line 1/,
  ),
  bad("an id that breaks a terminal", '{"prompt": "a", "id": "\\u001b[2J"}\n', /^Line 1 of .* not printable/),
  bad(
    "a label that is no number",
    '{"prompt": "a", "answer": "many"}\n',
    /^Line 1 of .* has the answer "many"/,
  ),
  bad("a compressed file", gzipSync(good), undefined),
  bad("a compressed file that is cut off", gzipSync(good).subarray(0, -12), /compressed|gzip/i),
  bad(
    "a line of 200 MB in 200 kB",
    gzipSync("x".repeat(200 * MEGABYTE)),
    /^Line 1 of .* is longer than 16,777,216/,
  ),
  bad("no lines", "", /has no prompts/),
  bad("blank lines only", "\n \n\r\n", /has no prompts/),
  bad("a folder", (path) => mkdirSync(path), /cannot be read: it is a folder/),
  // What editors and other systems make of a text; nothing is lost or guessed.
  bad("a byte-order mark", `\ufeff${good}`, undefined),
  bad("mixed ends of lines", `${good.trim()}\r\n${good}\r\n${good}`, undefined),
  bad("a last line without its end", good.trim(), undefined),
];
