import { describe, expect, it } from "vitest";
import { UsageError } from "../../core/errors.js";
import { ApiKey, keyFromEnvironment } from "./api-key.js";
import { baseUrls } from "./base-urls.js";
import { CANARY, connect, serve } from "./remote.test-helper.js";

describe("the key", () => {
  it("comes from the environment, ours before OpenAI's, and shows itself to nobody", () => {
    const key = keyFromEnvironment({ OPENAI_API_KEY: "theirs", WHETSTONE_API_KEY: CANARY })!;
    expect(key.reveal()).toBe(CANARY);
    expect(JSON.stringify({ key })).not.toContain("canary");
    expect(keyFromEnvironment({ OPENAI_API_KEY: "theirs" })!.reveal()).toBe("theirs");
    expect(keyFromEnvironment({})).toBeUndefined();
    const quoted = new ApiKey(`${CANARY}"\\`);
    expect(quoted.isIn(JSON.stringify({ text: quoted.reveal() }))).toBe(true);
    expect(() => new ApiKey("with space")).toThrow(UsageError);
  });

  it("is found and replaced in every form, whatever stands around it", () => {
    const key = new ApiKey(CANARY);
    const inBase64 = ["", "a", "ab", "user:", ":", "Bearer "].flatMap((before) =>
      ["", "x", "xy"].flatMap((after) =>
        (["base64", "base64url"] as const).map((form) => Buffer.from(before + CANARY + after).toString(form)),
      ),
    );
    const encoded = encodeURIComponent(CANARY);
    for (const form of [
      CANARY,
      encoded,
      encoded
        .replaceAll("%2B", "%2b")
        .replaceAll("%2F", "%2f")
        .replaceAll("%3D", "%3d")
        .replaceAll("%3F", "%3f"),
      ...inBase64,
    ]) {
      expect(key.isIn(`a ${form} b`), form).toBe(true);
      expect(key.redact(`a ${form} b`)).toContain("[key]");
      for (const whole of [CANARY, encoded, Buffer.from(CANARY).toString("base64").replace(/=+$/, "")])
        expect(key.redact(form)).not.toContain(whole);
    }
    expect(key.redact(`a ${CANARY} b ${encoded}`)).toBe("a [key] b [key]");
    expect(key.isIn("sk-canary 0123456789")).toBe(false);
  });

  it("that is a placeholder is no secret: a reply may hold it", () => {
    const key = new ApiKey("EMPTY");
    expect(key.isIn("The room was EMPTY.")).toBe(false);
    expect(key.redact("Incorrect key EMPTY")).toBe("Incorrect key [key]");
  });

  it("goes to the server as a bearer token, and without one nothing does", async () => {
    const server = await serve();
    await connect([server], { key: new ApiKey(CANARY) });
    expect([...server.authorizations]).toEqual([`Bearer ${CANARY}`]);
    const open = await serve();
    await connect([open]);
    expect([...open.authorizations]).toEqual([undefined]);
  });

  it("that cannot stand in a header is blamed on the variable that holds it", () => {
    const environment = { FIRST: " ", SECOND: "a b" };
    expect(() => keyFromEnvironment(environment, ["FIRST", "SECOND"])).toThrow(/^The key in SECOND holds/);
    expect(() => keyFromEnvironment({ OPENAI_API_KEY: "a b" })).toThrow(/^The key in OPENAI_API_KEY holds/);
  });

  it("may not hide in a URL, which is otherwise taken as people have it", () => {
    expect(baseUrls("http://a:1, http://a:1/v1/chat/completions,http://a:1/v1/models")).toEqual([
      "http://a:1/v1",
    ]);
    expect(baseUrls("https://b/api/openai/,https://b/api/completions")).toEqual([
      "https://b/api/openai",
      "https://b/api",
    ]);
    expect(baseUrls("http://a:1/v1/, https://b/v1,http://a:1/v1")).toEqual(["http://a:1/v1", "https://b/v1"]);
    for (const [text, said] of [
      [`http://user:${encodeURIComponent(CANARY)}@a/v1`, /user name or password/],
      [`http://a/v1?key=${CANARY}`, /has a "\?" or "#" part/],
      ["localhost:8000", /is not a URL of http or https/],
      [" , ", /needs at least one URL/],
    ] as const) {
      expect(() => baseUrls(text)).toThrow(said);
      expect(() => baseUrls(text)).not.toThrow(/canary/);
    }
  });
});
