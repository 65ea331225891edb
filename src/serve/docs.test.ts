import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, it, vi } from "vitest";
import { LocalPolicy } from "../policy/local-policy.js";
import { modelFolder } from "../policy/model-folder.js";
import { rewardNamed } from "../reward/registry.js";
import { answer } from "../sharpen/answer.js";
import { COMMON, NEUTRAL_IN_CHAT, STREAM } from "./fields.js";
import { servePolicy } from "./serve.test-helper.js";

const ROOT = join(import.meta.dirname, "../..");
const DOCUMENT = readFileSync(join(ROOT, "docs/serve.md"), "utf8");
const policy = await LocalPolicy.load(modelFolder("game24"), { threads: 1 });
afterAll(() => policy.dispose());

it("its JavaScript runs as it stands, and has the choice of `answer`", async () => {
  // The others are of clients that are not among the package's own: test/models/serve-clients.test.ts runs them.
  const all = [...DOCUMENT.matchAll(/^```js\n([\s\S]*?)^```/gm)].map(([, code]) => code!);
  const snippets = all.filter((code) => code.includes("seed: 1"));
  expect(snippets).toHaveLength(2);
  const reward = rewardNamed("self-certainty");
  const { chosen } = await answer(policy, "4 9 10 13 = 24 :", { n: 16, seed: 1, reward });
  const { url } = await servePolicy(policy);
  // Inside the package, where the client is found.
  mkdirSync(join(ROOT, "runs"), { recursive: true });
  const folder = mkdtempSync(join(ROOT, "runs", "docs-serve-"));
  const said = vi.spyOn(console, "log").mockImplementation(() => undefined);
  try {
    for (const [at, code] of snippets.entries()) {
      const file = join(folder, `${at}.mjs`);
      writeFileSync(file, code.replaceAll("http://127.0.0.1:8321", url));
      await import(pathToFileURL(file).href);
    }
    expect(said.mock.calls).toEqual([[chosen.text], [chosen.text]]);
  } finally {
    said.mockRestore();
    rmSync(folder, { recursive: true });
  }
});

it("names every field that is taken", () => {
  const refused = new Set(Object.keys(NEUTRAL_IN_CHAT));
  const fields = [
    ...Object.keys({ ...COMMON, ...STREAM }),
    ...Object.keys(COMMON.whetstone.unwrap().unwrap().shape),
  ];
  for (const field of fields) {
    const words =
      refused.has(field) || /penalty|logit_bias/.test(field) ? /penalties, `logit_bias`/ : undefined;
    expect(DOCUMENT).toMatch(words ?? new RegExp(`\`${field}\``));
  }
});
