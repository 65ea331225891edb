/**
 * The page's only script: filters and sorts the prompts, and fills a prompt with all its responses when it is
 * opened. Text goes into the page as text nodes only. The content security policy allows it by its hash.
 */
export const PAGE_SCRIPT = `(() => {
"use strict";
const byId = (id) => document.getElementById(id);
const list = byId("prompts");
const form = byId("filters");
if (!list || !form) return;
let parsed;
const data = () => (parsed ??= JSON.parse(byId("responses").textContent));
const items = [...list.querySelectorAll("details.prompt")];
const number = (item, key) => Number(item.dataset[key]);
const minus = (x, digits) => x.toFixed(digits).replace("-", "\\u2212");

const element = (tag, properties, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};

const mark = (correct) => correct < 0
  ? element("span", { className: "none", textContent: "\\u2013" })
  : element("span", { className: correct ? "right" : "wrong", textContent: correct ? "\\u2713 correct" : "\\u2717 incorrect" });

const columns = () => [
  { name: "#", key: (r) => r[0], cell: (r) => String(r[0]) },
  { name: "Response", text: "text", key: (r, p) => p.texts[r[1]], cell: (r, p) => p.texts[r[1]] },
  { name: "Tokens", key: (r) => r[2], cell: (r) => String(r[2]) },
  { name: "log \\u03c0, nats", key: (r) => r[3], cell: (r) => minus(r[3], 2), down: true },
  { name: "per token", key: (r) => r[4], cell: (r) => minus(r[4], 3), down: true },
  { name: "Self-certainty", key: (r) => r[5], cell: (r) => r[5] === null ? "\\u2013" : minus(r[5], 3), down: true, if: (p) => p.responses.some((r) => r[5] !== null) },
  { name: "Answer", text: "answer", key: (r, p) => r[6] < 0 ? "" : p.answers[r[6]], cell: (r, p) => r[6] < 0 ? "\\u2013" : p.answers[r[6]], if: (p) => p.answers.length > 0 },
  { name: "Correct", key: (r) => r[7], cell: (r) => mark(r[7]), down: true, if: () => data().labelled },
  { name: "Chosen by", text: "by", key: (r) => r[8] ? r[8].length : 0, cell: (r) => r[8] ? r[8].map((i) => data().rewards[i]).join(", ") : "", down: true },
];

const fill = (item) => {
  const prompt = data().prompts[number(item, "i")];
  const place = item.querySelector(".responses");
  if (!prompt || item.dataset.filled) return;
  item.dataset.filled = "1";
  const shown = columns().filter((c) => !c.if || c.if(prompt));
  const body = element("tbody", {});
  const heads = shown.map((column) => {
    const button = element("button", { type: "button", textContent: column.name });
    const head = element("th", { scope: "col" }, button);
    head.className = column.text ?? "";
    button.addEventListener("click", () => order(column, head.getAttribute("aria-sort")));
    return head;
  });
  const order = (column, before) => {
    const descending = before === null ? Boolean(column.down) : before === "ascending";
    heads.forEach((head, i) => shown[i] === column
      ? head.setAttribute("aria-sort", descending ? "descending" : "ascending")
      : head.removeAttribute("aria-sort"));
    const sign = descending ? -1 : 1;
    const rows = [...prompt.responses].sort((a, b) => {
      const x = column.key(a, prompt), y = column.key(b, prompt);
      return (x < y ? -sign : x > y ? sign : 0) || a[0] - b[0];
    });
    body.replaceChildren(...rows.map((row) => {
      const line = element("tr", {}, ...shown.map((c) => element("td", { className: c.text ?? "" }, c.cell(row, prompt))));
      if (row[8]) line.className = "picked";
      return line;
    }));
  };
  order(shown[3], null);
  const caption = element("caption", { textContent: "All " + prompt.responses.length + " responses; a heading sorts" });
  const table = element("table", { className: "all" }, caption, element("thead", {}, element("tr", {}, ...heads)), body);
  const region = element("div", { className: "scroll tall", tabIndex: 0 }, table);
  region.setAttribute("role", "region");
  region.setAttribute("aria-label", "All responses to this prompt");
  place.append(region);
};

let haystacks;
const search = () => (haystacks ??= items.map((item, i) => {
  const prompt = data().prompts[i];
  const text = item.querySelector("summary").textContent + "\\n" + item.querySelector("pre").textContent;
  return [text, ...(prompt ? [...prompt.texts, ...prompt.answers] : [])].join("\\n").toLowerCase();
}));

const checked = (id) => byId(id)?.checked ?? false;
const filter = () => {
  const words = byId("filter-text").value.trim().toLowerCase();
  let shown = 0;
  items.forEach((item, i) => {
    const keep = (!words || search()[i].includes(words))
      && (!checked("filter-disagree") || item.dataset.disagree === "1")
      && (!checked("filter-none") || item.dataset.none === "1");
    item.hidden = !keep;
    if (keep) shown++;
  });
  byId("shown").textContent = shown === items.length
    ? shown + (shown === 1 ? " prompt" : " prompts")
    : shown + " of " + items.length + " prompts";
};

const orders = {
  order: () => 0,
  answers: (a, b) => number(b, "answers") - number(a, "answers"),
  likelihood: (a, b) => number(b, "best") - number(a, "best"),
  most: (a, b) => number(b, "correct") - number(a, "correct"),
  fewest: (a, b) => number(a, "correct") - number(b, "correct"),
};
const sort = () => {
  const compare = orders[byId("sort").value] ?? orders.order;
  list.append(...[...items].sort((a, b) => compare(a, b) || number(a, "i") - number(b, "i")));
};

list.addEventListener("toggle", (event) => {
  if (event.target.open && event.target.matches("details.prompt")) fill(event.target);
}, true);
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", filter);
byId("sort").addEventListener("change", sort);
form.hidden = false;
})();`;
