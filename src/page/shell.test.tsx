import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { renderPage } from "./shell.js";

const hash = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

it("allows its own style and script by their hashes, and nothing else", () => {
  const parts = { title: "t", style: "a>b{color:red}", script: "if (1 < 2 && '<') run()", children: "x" };
  const { markup, policy } = renderPage(parts);
  expect(policy).toBe(
    `default-src 'none'; style-src ${hash(parts.style)}; script-src ${hash(parts.script)}; img-src data:; base-uri 'none'; form-action 'none'`,
  );
  expect(markup).toContain(`<style>${parts.style}</style>`);
  expect(markup).toContain(`<script>${parts.script}</script>`);
  expect(renderPage({ title: "t", style: "", children: "" }).policy).toContain("script-src 'none'");
});

it("lets the page of a server ask that server, and names where its packages lie", () => {
  const imports = { preact: "/app/p.js" };
  const { markup, policy } = renderPage({
    ...{ title: "t", style: "", children: "" },
    modules: { entry: "/app/main.js", imports },
  });
  const map = JSON.stringify({ imports });
  expect(policy).toContain(`script-src 'self' ${hash(map)}; connect-src 'self'`);
  expect(markup).toContain(`<script type="importmap">${map}</script>`);
});

it("keeps hostile text inert in elements, attributes and values for scripts", () => {
  const evil = `</script><img src=x onerror=alert(1)>"'\u202e\u0007`;
  const { markup } = renderPage({
    title: evil,
    style: "",
    children: <p title={evil}>{evil}</p>,
    data: { settings: { evil } },
  });
  expect(markup.match(/<img/g)).toBeNull();
  expect(markup.match(/<\/script>/g)).toHaveLength(1);
  expect(markup).not.toContain("\u202e");
  expect(markup).toContain("⟨U+202E⟩");
  const json = /<script type="application\/json" id="settings">(.*?)<\/script>/.exec(markup)![1]!;
  expect((JSON.parse(json) as { evil: string }).evil).toBe(evil.replace("\u202e", "⟨U+202E⟩"));
});
