import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parsePage } from "./dom.js";
import { visibleText } from "../core/visible-text.js";
import { escapeHtml, html, trusted } from "./html.js";

describe("html", () => {
  it("escapes strings and keeps markup", () => {
    expect(
      html`<p title="${'"><b>'}">${"<i>&"}${trusted("<b>x</b>")}${["a<", 2]}${undefined}${false}</p>`.markup,
    ).toBe('<p title="&quot;&gt;&lt;b&gt;">&lt;i&gt;&amp;<b>x</b>a&lt;2</p>');
  });

  it("does not take data that looks like markup for markup", () => {
    const forged = JSON.parse('{"markup":"<script>1</script>"}') as unknown as string;
    expect(() => html`${forged}`.markup).toThrow();
  });

  it("drops the source's indentation and keeps that of values", () => {
    expect(
      html`<pre>${"a\n   b"}</pre>
        <p></p>`.markup,
    ).toBe("<pre>a\n   b</pre>\n<p></p>");
  });

  it("gives back any visible text through a parser", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const document = parsePage(`<p id="p" title="${escapeHtml(text)}">${escapeHtml(text)}</p>`);
        expect(document.querySelector("p")?.textContent).toBe(visibleText(text));
        expect(document.querySelector("p")?.getAttribute("title")).toBe(visibleText(text));
      }),
    );
  });
});
