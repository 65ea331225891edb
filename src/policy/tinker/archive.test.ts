import { describe, expect, it } from "vitest";
import { ServerError } from "../../core/errors.js";
import { filesIn } from "./archive.js";
import { tarEntry as entry, tarGz as archive } from "./tinker-server.test-helper.js";

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
