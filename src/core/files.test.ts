import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openAppender } from "./appender.js";
import { DataError, RunError } from "./errors.js";
import { readError, sha256, sha256File, writeAtomically, writeError } from "./files.js";

const dir = mkdtempSync(join(tmpdir(), "whetstone-files-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe("sha256", () => {
  it("gives the digests of FIPS 180-2", async () => {
    const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    expect(sha256("abc")).toBe(abc);
    expect(sha256(new Uint8Array([97, 98, 99]))).toBe(abc);
    expect(sha256("")).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    const million = join(dir, "million");
    writeFileSync(million, "a".repeat(1_000_000));
    expect(await sha256File(million)).toBe(
      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    );
  });

  it("names a file that is not there, and a folder", async () => {
    await expect(sha256File(join(dir, "none"))).rejects.toThrow(DataError);
    await expect(sha256File(join(dir, "none"))).rejects.toThrow(/none cannot be read: there is no such file/);
    await expect(sha256File(dir)).rejects.toThrow(/it is a folder, not a file/);
  });
});

describe("writeAtomically", () => {
  it("creates and replaces whole files and leaves nothing else", async () => {
    const folder = join(dir, "atomic");
    mkdirSync(folder);
    const path = join(folder, "file.json");
    await writeAtomically(path, "first");
    await writeAtomically(path, new TextEncoder().encode("second, ünïcode"));
    expect(readFileSync(path, "utf8")).toBe("second, ünïcode");
    expect(readdirSync(folder)).toEqual(["file.json"]);
  });

  it("ends with one of the texts, whole, when many are written at once", async () => {
    const path = join(dir, "contended");
    const texts = Array.from({ length: 20 }, (_, i) => String(i).repeat(10_000));
    await Promise.all(texts.map((text) => writeAtomically(path, text)));
    expect(texts).toContain(readFileSync(path, "utf8"));
  });

  it("says which file cannot be written and why, and cleans up", async () => {
    await expect(writeAtomically(join(dir, "no", "file"), "x")).rejects.toThrow(RunError);
    await expect(writeAtomically(join(dir, "no", "file"), "x")).rejects.toThrow(
      /no\/file cannot be written: there is no such/,
    );
    mkdirSync(join(dir, "taken", "inner"), { recursive: true });
    await expect(writeAtomically(join(dir, "taken"), "x")).rejects.toThrow(/taken cannot be written/);
    expect(readdirSync(dir).filter((name) => name.startsWith(".tmp-"))).toEqual([]);
  });
});

describe("openAppender", () => {
  it("appends bytes after what is there", () => {
    const path = join(dir, "log");
    writeFileSync(path, "one\n");
    const appender = openAppender(path);
    appender.append(Buffer.from("two\n"));
    expect(readFileSync(path, "utf8")).toBe("one\ntwo\n");
    appender.sync();
    appender.close();
    appender.close();
    expect(() => appender.append(Buffer.from("three"))).toThrow(/log is closed/);
    expect(readFileSync(path, "utf8")).toBe("one\ntwo\n");
  });

  it.skipIf(!existsSync("/dev/full"))("says that no space is left on the disk", () => {
    const appender = openAppender("/dev/full");
    expect(() => appender.append(Buffer.from("x"))).toThrow(RunError);
    expect(() => appender.append(Buffer.from("x"))).toThrow(
      /^\/dev\/full cannot be written: no space is left on the disk/,
    );
  });

  it("says when the file cannot be opened", () => {
    expect(() => openAppender(dir)).toThrow(/cannot be written: it is a folder/);
    expect(() => openAppender(join(dir, "no", "log"))).toThrow(RunError);
  });
});

describe("errors of the system", () => {
  it.each([
    ["ENOSPC", "no space is left on the disk"],
    ["EACCES", "permission denied"],
    ["EROFS", "the file system is read-only"],
  ])("%s is put in words", (code, words) => {
    const cause = Object.assign(new Error("raw"), { code });
    expect(writeError("a/b", cause).message).toContain(`a/b cannot be written: ${words}`);
    expect(readError("a/b", cause).message).toContain(`a/b cannot be read: ${words}`);
    expect(writeError("a/b", cause).cause).toBe(cause);
  });
});
