import { factsOf } from "../page/browse/facts.js";
import { isLeft } from "../page/browse/narrowing.js";
import { pointIntoCharts, unfoldTargets } from "../page/chart/point.js";

/**
 * The page's only script: lists, filters and sorts the prompts from the JSON block a page at a time, fills one with its responses when it is
 * opened, and lets the keyboard point into charts. Text goes into the page as text nodes only. The security policy allows it by its hash.
 * What the viewer does as well stands in it by the source of the same functions, which refer to nothing outside themselves.
 */
export const PAGE_SCRIPT = `(() => {
"use strict";
const byId = (id) => document.getElementById(id);
const element = (tag, properties, ...children) => {
  const { role, label, ...rest } = properties;
  const node = Object.assign(document.createElement(tag), rest);
  if (role) node.setAttribute("role", role);
  if (label) node.setAttribute("aria-label", label);
  node.append(...children);
  return node;
};
const minus = (x, digits) => x.toFixed(digits).replace("-", "\\u2212");

${[pointIntoCharts, unfoldTargets, factsOf, isLeft].map(String).join("\n")}
pointIntoCharts(document);
unfoldTargets();

const list = byId("prompts");
if (!list) return;
const PAGE = 25;
const data = JSON.parse(byId("responses").textContent);
const { policies, choosers, labelled } = data;
const firstReward = policies.length;
const rewards = choosers.slice(firstReward);
const facts = data.prompts.map((prompt, i) => ({ i, ...factsOf(prompt, firstReward, rewards.length) }));

const mark = (correct, name) => {
  const words = correct < 0 ? "unknown" : correct ? "correct" : "incorrect";
  return element("span", { className: "mark" },
    element("span", { className: "name", textContent: name + " " }),
    element("span", { className: correct < 0 ? "none" : correct ? "right" : "wrong", ariaHidden: "true",
      textContent: correct < 0 ? "\\u2013" : correct ? "\\u2713" : "\\u2717" }),
    element("span", { className: "sr", textContent: words }));
};

const columns = () => [
  { name: "Response", text: "text", key: (t) => t[0], cell: (t) => t[0] },
  ...policies.map((name, p) => ({ name: policies.length > 1 ? "Drawn by " + name : "Drawn", key: (t) => t[1][p] ?? 0, down: true,
    cell: (t) => t[1][p] ? t[1][p] + "\\u00d7" : element("span", { className: "none", textContent: "\\u2013" }) })),
  { name: "Tokens", key: (t) => t[2] ?? 0, cell: (t) => t[2] ?? "\\u2013" },
  { name: "log \\u03c0, nats", key: (t) => t[3] ?? -Infinity, cell: (t) => t[3] === null ? "\\u2013" : minus(t[3], 2), down: true },
  { name: "per token", key: (t) => t[3] === null ? -Infinity : t[3] / Math.max(1, t[2]), cell: (t) => t[3] === null ? "\\u2013" : minus(t[3] / Math.max(1, t[2]), 3), down: true },
  { name: "Self-certainty", key: (t) => t[4] ?? -Infinity, cell: (t) => t[4] === null ? "\\u2013" : minus(t[4], 2), down: true, if: (p) => p.texts.some((t) => t[4] !== null) },
  { name: "Answer", text: "answer", key: (t, p) => t[5] < 0 ? "" : p.answers[t[5]] || "", cell: (t, p) => t[5] < 0 ? "\\u2013" : p.answers[t[5]] || element("span", { className: "none", textContent: "its own" }), if: (p) => p.answers.some(Boolean) },
  { name: "Correct", key: (t) => t[6], cell: (t) => mark(t[6], ""), down: true, if: () => labelled },
  { name: "Taken by", text: "by", key: (t) => t[7] ? t[7].length : 0, cell: (t) => t[7] ? t[7].map((i) => choosers[i]).join(", ") : "", down: true },
];

const fill = (item, prompt) => {
  const shown = columns().filter((c) => !c.if || c.if(prompt));
  const body = element("tbody", {});
  const heads = shown.map((column) => {
    const button = element("button", { type: "button", textContent: column.name });
    const head = element("th", { scope: "col", className: column.text ?? "" }, button);
    button.addEventListener("click", () => order(column, head.getAttribute("aria-sort")));
    return head;
  });
  const order = (column, before) => {
    const descending = before === null ? Boolean(column.down) : before === "ascending";
    heads.forEach((head, i) => shown[i] === column
      ? head.setAttribute("aria-sort", descending ? "descending" : "ascending")
      : head.removeAttribute("aria-sort"));
    const sign = descending ? -1 : 1;
    const rows = [...prompt.texts].sort((a, b) => {
      const x = column.key(a, prompt), y = column.key(b, prompt);
      return x < y ? -sign : x > y ? sign : 0;
    });
    body.replaceChildren(...rows.map((row) => {
      const line = element("tr", {}, ...shown.map((c, i) => element(i ? "td" : "th", i ? { className: c.text ?? "" } : { className: "text", scope: "row" }, c.cell(row, prompt))));
      if (row[7]) line.className = "picked";
      return line;
    }));
  };
  order(shown[1], null);
  const caption = element("caption", { textContent: "Equal responses once, with how often they were drawn; a heading sorts" });
  const table = element("table", { className: "all" }, caption, element("thead", {}, element("tr", {}, ...heads)), body);
  item.append(element("div", { className: "inside" },
    element("p", { className: "note" }, "Prompt ", element("code", { textContent: prompt.id })),
    element("pre", { textContent: prompt.text, tabIndex: 0, role: "region", label: "Prompt " + prompt.id }),
    element("div", { className: "scroll tall", tabIndex: 0, role: "region", label: "All responses to " + prompt.id }, table)));
};

const row = (fact) => {
  const prompt = data.prompts[fact.i];
  const summary = element("summary", {},
    element("span", { className: "prompt-text", textContent: prompt.label ?? prompt.text }),
    element("span", { className: "facts" },
      ...(labelled ? [mark(fact.greedy, "greedy"), ...rewards.map((name, r) => mark(fact.choices[r], name)),
        element("span", { className: "fact", textContent: fact.right + " of " + fact.total + " right" })] : []),
      element("span", { className: "fact", textContent: fact.answers + (fact.answers === 1 ? " answer" : " answers") }),
      ...(labelled ? [] : [element("span", { className: "fact", textContent: fact.chosenAnswers > 1 ? fact.chosenAnswers + " different choices" : "rewards agree" })])));
  const item = element("details", { className: "prompt" }, summary);
  item.addEventListener("toggle", () => item.open && item.childElementCount === 1 && fill(item, prompt), { once: true });
  return item;
};

let haystacks;
const search = () => (haystacks ??= data.prompts.map((prompt) =>
  [prompt.id, prompt.text, ...prompt.texts.map((text) => text[0]), ...prompt.answers.filter(Boolean)].join("\\n").toLowerCase()));
const checked = (id) => byId(id)?.checked ?? false;
const orders = {
  order: () => 0,
  answers: (a, b) => b.answers - a.answers,
  likelihood: (a, b) => (b.best ?? -1e9) - (a.best ?? -1e9),
  most: (a, b) => b.right - a.right,
  fewest: (a, b) => a.right - b.right,
};
let page = 0;
const update = () => {
  const words = byId("filter-text").value.trim().toLowerCase();
  const compare = orders[byId("sort").value] ?? orders.order;
  const kept = facts.filter((fact) => (!words || search()[fact.i].includes(words))
    && ["gain", "loss", "disagree", "none"].every((to) => !checked("filter-" + to) || isLeft(fact, to))).sort((a, b) => compare(a, b) || a.i - b.i);
  const pages = Math.max(1, Math.ceil(kept.length / PAGE));
  page = Math.min(Math.max(0, page), pages - 1);
  list.replaceChildren(...kept.slice(page * PAGE, (page + 1) * PAGE).map(row));
  byId("shown").textContent = kept.length === facts.length
    ? kept.length + (kept.length === 1 ? " prompt" : " prompts")
    : kept.length + " of " + facts.length + " prompts";
  byId("pages").hidden = pages === 1;
  byId("page").textContent = "Page " + (page + 1) + " of " + pages;
  byId("previous").disabled = page === 0;
  byId("next").disabled = page === pages - 1;
};
const turn = (by) => { page += by; update(); };
byId("previous").addEventListener("click", () => turn(-1));
byId("next").addEventListener("click", () => turn(1));
byId("pages").addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") turn(-1);
  if (event.key === "ArrowRight") turn(1);
});
const form = byId("filters");
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", () => { page = 0; update(); });
form.hidden = false;
update();
})();`;
