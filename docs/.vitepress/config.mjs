import { readdirSync } from "node:fs";
import { join } from "node:path";

const commands = readdirSync(join(import.meta.dirname, "..", "commands"))
  .filter((name) => name !== "index.md")
  .map((name) => name.replace(/\.md$/, ""));

/** Links out of this folder, to files of the repository: their text is enough. */
function withoutOutside(md) {
  const leads = (href) => href !== null && !/^[a-z]+:|^#|^\//.test(href) && href.startsWith("../");
  const open =
    md.renderer.rules.link_open ?? ((tokens, at, options, _, self) => self.renderToken(tokens, at, options));
  const close =
    md.renderer.rules.link_close ?? ((tokens, at, options, _, self) => self.renderToken(tokens, at, options));
  md.core.ruler.push("outside", ({ tokens, env }) => {
    const depth = (env.relativePath ?? "").split("/").length - 1;
    for (const { children } of tokens) {
      let outside = false;
      for (const token of children ?? []) {
        if (token.type === "link_open") {
          const href = token.attrGet("href");
          const up = (href?.match(/^(?:\.\.\/)+/)?.[0].length ?? 0) / 3;
          outside = leads(href) && up > depth;
        }
        if (outside && /^link_(open|close)$/.test(token.type)) token.hidden = true;
        if (token.type === "link_close") outside = false;
      }
    }
  });
  md.renderer.rules.link_open = (tokens, at, ...rest) => (tokens[at].hidden ? "" : open(tokens, at, ...rest));
  md.renderer.rules.link_close = (tokens, at, ...rest) =>
    tokens[at].hidden ? "" : close(tokens, at, ...rest);
}

export default {
  title: "whetstone",
  description: "Make a language model better with nothing but itself.",
  lang: "en",
  // Of a host's root, unless whoever builds it says another path of a host.
  base: process.env["DOCS_BASE"] ?? "/",
  cleanUrls: false,
  // scripts/docs-site.mjs checks every link of what was built, those to the pages of the API and of results too.
  ignoreDeadLinks: true,
  srcExclude: ["api/**"],
  // On a phone a table scrolls sideways sooner than its last column, which is prose, stands a word a line.
  head: [["style", {}, "@media (max-width:639px){.vp-doc td:last-child{min-width:11rem}}"]],
  markdown: {
    html: false,
    config: (md) => {
      const text = md.renderer.rules.text;
      // Two braces are text here, and no template of Vue's.
      md.renderer.rules.text = (...args) => text(...args).replaceAll("{{", "&#123;&#123;");
      withoutOutside(md);
    },
  },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    nav: [
      { text: "Guide", link: "/guide/quick-starts" },
      { text: "Commands", link: "/commands/" },
      { text: "API", link: "/api/index.html", target: "_self" },
    ],
    sidebar: [
      {
        text: "Guide",
        items: [
          { text: "Quick starts", link: "/guide/quick-starts" },
          { text: "Concepts", link: "/guide/concepts" },
          { text: "Cookbook", link: "/guide/cookbook" },
          { text: "Parts of your own", link: "/own-parts" },
        ],
      },
      {
        text: "Reference",
        items: [
          {
            text: "Commands",
            link: "/commands/",
            collapsed: true,
            items: commands.map((name) => ({ text: name.replaceAll("-", " "), link: `/commands/${name}` })),
          },
          { text: "A file of options", link: "/configuration" },
          { text: "Run folders", link: "/run-folder" },
          { text: "whetstone view", link: "/view" },
          { text: "API", link: "/api/index.html", target: "_self" },
          { text: "Versions", link: "/versions" },
        ],
      },
      {
        text: "Servers",
        items: [
          { text: "Models behind a server", link: "/servers" },
          { text: "whetstone serve", link: "/serve" },
        ],
      },
      {
        text: "The paper",
        items: [
          { text: "Results", link: "/results/README" },
          { text: "Against the literature", link: "/literature" },
          { text: "Theory", link: "/theory" },
          { text: "Errata", link: "/errata" },
          { text: "Log of experiments", link: "/log" },
        ],
      },
    ],
  },
};
