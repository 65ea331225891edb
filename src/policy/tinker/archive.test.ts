import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { ServerError } from "../../core/errors.js";
import { filesIn } from "./archive.js";

/** One file of a tar archive. */
function entry(name: string, content: string, size = content.length): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write(size.toString(8).padStart(11, "0"), 124);
  header.write("0", 156);
  return Buffer.concat([header, Buffer.from(content), Buffer.alloc((512 - (content.length % 512)) % 512)]);
}
const archive = (...entries: Buffer[]): Uint8Array =>
  gzipSync(Buffer.concat([...entries, Buffer.alloc(1024)]));
const textOf = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

describe("files of an archive", () => {
  it("are found by the last part of their names, whatever lies beside them", () => {
    const packed = archive(
      entry("./model/notes.txt", "x".repeat(700)),
      entry("a/b/adapter_config.json", "{}"),
    );
    expect(textOf(filesIn(packed, ["adapter_config.json"]).get("adapter_config.json"))).toBe("{}");
  });

  it.each([
    ["no gzip", Buffer.from("plain")],
    ["cut off", archive(entry("a", "x", 9000))],
    ["without the file", archive(entry("b", "x"))],
  ])("are refused of one that is %s", (_, packed) => {
    expect(() => filesIn(packed, ["a"])).toThrow(ServerError);
  });
});
