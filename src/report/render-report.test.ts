import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parsePage, type DomElement } from "../page/parse-page.test-helper.js";
import { RunError } from "../core/errors.js";
import { count, NATS, PERCENT, intervalInTable, inTable } from "./format.js";
import { visibleText } from "../core/visible-text.js";
import type { BrowserData } from "./prompt-data.js";
import { renderReport } from "./render-report.js";
import type { PromptRow, ReportInput } from "./report-input.js";
import { syntheticRun } from "./synthetic-run.test-helper.js";
import { writeReport } from "./write-report.js";

const run = syntheticRun({ prompts: 24, methods: ["sft", "dpo"] });
const page = renderReport(run);
const document = parsePage(page);

/** A table's body as text, by the row's heading. */
function tableRows(id: string, from = document): Record<string, string[]> {
  const rows = [...from.querySelectorAll(`#${id} tbody tr`)];
  const text = (row: DomElement, selector: string): string[] =>
    [...row.querySelectorAll(selector)].map((cell) => cell.textContent.trim().replace(/\s+/g, " "));
  return Object.fromEntries(rows.map((row) => [text(row, "th")[0] ?? "", text(row, "td")]));
}

const browserData = (html: string): BrowserData =>
  JSON.parse(
    /<script type="application\/json" id="responses">([^<]*)<\/script>/.exec(html)?.[1] ?? "",
  ) as BrowserData;

describe("renderReport", () => {
  it("prints every figure of every N with its interval", () => {
    for (const [id, pick, unit] of [
      ["figure-accuracy-table", "accuracy", PERCENT],
      ["figure-log-likelihood-table", "logLikelihood", NATS],
    ] as const) {
      const rows = tableRows(id);
      for (const [i, byN] of Object.values(run.metrics.bestOfN).entries()) {
        for (const [n, answer] of Object.entries(byN)) {
          const e = answer[pick];
          if (e === undefined) throw new Error("not measured");
          expect(rows[n]?.[i]).toBe(`${inTable(e.value, unit)} ${intervalInTable(e, unit)}`);
        }
      }
    }
    const { all } = run.metrics.histograms;
    const counted = Object.values(tableRows("figure-histogram-table")).map((cells) => Number(cells[2]));
    expect(counted).toEqual([...all.counts]);
  });

  it("puts every adapter beside the base", () => {
    const rows = tableRows("comparison");
    const { base, adapters } = run.metrics;
    const wanted = [base.accuracy, adapters["sft"]?.accuracy, adapters["dpo"]?.accuracy].map(
      (e) => e && `${inTable(e.value, PERCENT)} ${intervalInTable(e, PERCENT)}`,
    );
    expect(rows["Accuracy of one sample, %"]).toEqual(wanted);
    expect(rows["… gain over the base, points"]?.slice(1)).toEqual([
      "▲ gain +6.1 [+4.0, +8.3]",
      "▲ gain +4.9 [+2.8, +7.1]",
    ]);
    expect(rows["Model calls to train, m = n·N"]).toEqual(["–", "50,000", "50,000"]);
    expect(rows["Iterate kept (epoch; XPO: round)"]).toEqual(["–", "5 of 10", "5 of 10"]);
  });

  it("sets every way to answer against its tokens, in a line a reward, and tells each where one points", () => {
    const { costs = [], bestOfN } = run.metrics;
    const table = tableRows("figure-tokens-table");
    expect(Object.keys(table)).toHaveLength(costs.length);
    for (const { name, tokens, accuracy } of costs)
      expect(table[name]).toEqual([
        count(tokens),
        `${inTable(accuracy.value, PERCENT)} ${intervalInTable(accuracy, PERCENT)}`,
      ]);
    const order = Object.values(table).map(([tokens]) => Number(tokens!.replaceAll(",", "")));
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    for (const width of ["wide", "narrow"]) {
      const chart = document.querySelector(`#figure-tokens .${width} svg.chart`)!;
      const told = [...chart.querySelectorAll(".at")].map((at) =>
        [...at.querySelectorAll("text")].map((text) => text.textContent),
      );
      // Every way but the single sample, which is each line's first point.
      const words = told.flatMap(([, ...lines]) => lines);
      expect(words).toHaveLength(costs.length - 1);
      const { accuracy } = bestOfN["self-certainty"]!["50"]!;
      expect(words).toContain(
        `self-certainty ${inTable(accuracy!.value, PERCENT)} ${intervalInTable(accuracy!, PERCENT)}`,
      );
      expect(told.map(([title]) => title)).toContain("tokens: 28\u00a0k");
      expect(chart.textContent).toContain("Tokens in all");
    }
    const names = [...document.querySelectorAll("#figure-tokens .legend li")].map((li) => li.textContent);
    expect(names).toEqual([...Object.keys(bestOfN), "greedy", "SFT adapter", "DPO adapter"]);
    const { costs: _, ...without } = run.metrics;
    expect(renderReport({ ...run, metrics: without })).not.toContain("figure-tokens");
  });

  it("has a figure with caption and message for each chart, and its table", () => {
    const figures = [...document.querySelectorAll("figure")];
    expect(figures.map((f) => f.id)).toEqual([
      "figure-accuracy",
      "figure-tokens",
      "figure-lift",
      "figure-log-likelihood",
      "figure-histogram",
      "figure-ordering",
      "figure-tilt",
      "figure-training",
    ]);
    for (const figure of figures) {
      expect(figure.querySelector(".plot > .sr")?.textContent?.length).toBeGreaterThan(60);
      const table = figure.querySelector("figcaption a")?.getAttribute("href")?.slice(1) ?? "";
      expect(table).toMatch(new RegExp(`^${figure.id}.*-table$`));
      expect(document.getElementById(table)).not.toBeNull();
    }
  });

  it("has well-formed tables, links and ids", () => {
    for (const table of document.querySelectorAll("table")) {
      expect(table.querySelector("caption")?.textContent).toBeTruthy();
      for (const head of table.querySelectorAll("th"))
        expect(head.getAttribute("scope")).toMatch(/^(col|row)$/);
    }
    const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const link of document.querySelectorAll('a[href^="#"]')) {
      expect(ids).toContain((link.getAttribute("href") ?? "").slice(1));
    }
    const levels = [...document.querySelectorAll("h1,h2,h3")].map((h) => Number(h.tagName.slice(1)));
    expect(levels[0]).toBe(1);
    levels.slice(1).forEach((level, i) => expect(level - (levels[i] ?? 0)).toBeLessThanOrEqual(1));
  });

  it("loads nothing, and allows only its own style and script", () => {
    expect(page).not.toMatch(/<[a-z][^<>]*\s(src|srcset|action|formaction|poster|data|xlink:href)\s*=/i);
    expect(page).not.toMatch(/@import|url\(/i);
    expect([...document.querySelectorAll("link")].map((l) => l.getAttribute("href"))).toEqual(["data:,"]);
    expect(page).not.toMatch(/<[^>]+\sstyle=/);
    expect(page).not.toMatch(/<[^>]+\son[a-z]+=/);
    const policy = document.querySelector("meta[http-equiv]")?.getAttribute("content") ?? "";
    const hash = (s: string): string => createHash("sha256").update(s).digest("base64");
    const style = /<style>([^]*?)<\/style>/.exec(page)?.[1] ?? "";
    const script = /<script>([^]*?)<\/script>/.exec(page)?.[1] ?? "";
    expect(policy).toBe(
      `default-src 'none'; style-src 'sha256-${hash(style)}'; script-src 'sha256-${hash(script)}'; img-src data:; base-uri 'none'; form-action 'none'`,
    );
  });

  it("holds every response in its JSON block, equal texts once", () => {
    const data = browserData(page);
    const rewards = Object.keys(run.metrics.bestOfN);
    expect(data.choosers).toEqual(["greedy", ...rewards]);
    run.prompts.forEach((prompt, i) => {
      const { texts, answers } = data.prompts[i]!;
      for (const [text, times, tokens, logProb, , answer, correct, by] of texts) {
        const same = prompt.responses.filter((r) => r.text === text);
        expect(times[0] ?? 0).toBe(same.length);
        const [first] = same;
        if (!first) continue;
        expect([tokens, correct === 1]).toEqual([first.tokens, first.correct]);
        expect(logProb).toBeCloseTo(first.logProb, 2);
        expect(answers[answer]).toBe(first.answer);
        const took = new Set((by ?? []).map((at) => data.choosers[at]));
        took.delete("greedy");
        expect(took).toEqual(new Set(same.flatMap(({ chosenBy }) => chosenBy)));
      }
      expect(texts.reduce((sum, [, times]) => sum + (times[0] ?? 0), 0)).toBe(prompt.responses.length);
    });
  });

  it("gives the command, the digests and every option", () => {
    expect(document.querySelector(".command")?.textContent).toBe(run.manifest.command);
    const text = document.querySelector("#configuration")?.textContent ?? "";
    for (const value of [run.manifest.modelDigest, run.manifest.taskDigest, run.manifest.createdAt])
      expect(text).toContain(value);
    expect(tableRows("options-table")["lora"]).toEqual(['{"rank":16,"alpha":32}']);
    expect(document.querySelector("#paper")?.textContent).toContain("2412.01951");
  });

  it("is a pure function of its input", () => {
    expect(renderReport(run)).toBe(page);
  });
});

describe("renderReport without labels", () => {
  const unlabelled = renderReport(syntheticRun({ prompts: 12, labelled: false }));
  const doc = parsePage(unlabelled);

  it("has no accuracy, coverage or lift, and no zeros in their place", () => {
    for (const id of [
      "figure-accuracy",
      "figure-lift",
      "figure-ordering",
      "figure-accuracy-table",
      "figure-lift-table",
    ]) {
      expect(doc.getElementById(id)).toBeNull();
    }
    expect(doc.querySelector(".kpis")?.textContent).not.toContain("%\u00a0");
    for (const part of ["#adapters", "#tables", "#training", ".kpis", ".claims", "#browse"]) {
      expect(doc.querySelector(part)?.textContent, part).not.toMatch(
        /accuracy|coverage|correct|NaN|undefined/i,
      );
    }
  });

  it("keeps log-likelihoods, agreement and training", () => {
    expect(doc.getElementById("figure-log-likelihood")).not.toBeNull();
    expect(doc.getElementById("figure-histogram")).not.toBeNull();
    expect(doc.getElementById("figure-training")).not.toBeNull();
    expect(tableRows("agreement-table", doc)["log-likelihood and majority"]).toEqual(["41.0"]);
    expect(browserData(unlabelled).labelled).toBe(false);
  });
});

const PAYLOADS = [
  "<script>alert(1)</script>",
  "</script><script>alert(1)</script>",
  "</SCRIPT ><img src=x onerror=alert(1)>",
  "<!--<script>",
  "-->",
  "]]>",
  "<![CDATA[<b>",
  "<img src=x onerror=alert(1)>",
  "<svg onload=alert(1)>",
  "<svg><script>alert(1)</script></svg>",
  "<svg><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
  "<math><mtext></mtext><mglyph><style><img src onerror=alert(1)>",
  '"><script>alert(1)</script>',
  "' onmouseover='alert(1)",
  '" onfocus="alert(1)" autofocus="',
  "` onclick=alert(1) `",
  "</pre></details><h1>owned</h1>",
  "</style><script>alert(1)</script>",
  "</title><script>alert(1)</script>",
  "</noscript><p id=owned>",
  '<iframe src="https://evil.example/"></iframe>',
  "<link rel=stylesheet href=https://evil.example/x.css>",
  "<meta http-equiv=refresh content='0;url=https://evil.example'>",
  "<base href=https://evil.example/>",
  "<form action=https://evil.example><button>go</button></form>",
  "{{constructor.constructor('alert(1)')()}} ${alert(1)}",
  "&lt;script&gt;alert(1)&lt;/script&gt; &#x3c;b&#x3e; &amp;",
  "\u001b]8;;https://evil.example\u0007click\u001b]8;;\u0007 \u009b31m",
  '=HYPERLINK("https://evil.example","x")',
  "@SUM(1+9)*cmd|' /C calc'!A0",
  "\u202egnp.exe\u2066 \u0000 \ud800 \u2028 \u2029",
  "javascript:alert(1)//\\u003cscript\\u003e",
  "__proto__",
];

/** A run in which each text stands wherever a text of a model, a task, a file or an option can. */
function runOf(texts: readonly string[]): ReportInput {
  const { metrics, manifest, prompts } = syntheticRun({ prompts: texts.length, n: 2, methods: [] });
  const byText = <T>(value: T): Record<string, T> => Object.fromEntries(texts.map((text) => [text, value]));
  const rows = prompts.map((p, i): PromptRow => {
    const text = texts[i] ?? "";
    const responses = p.responses.map((r) => ({ ...r, text, answer: text, chosenBy: [text] }));
    return { id: text, text, ...(p.greedy ? { greedy: { ...p.greedy, text } } : {}), responses };
  });
  const all = texts.join(" ");
  return {
    metrics: {
      ...metrics,
      task: all,
      model: all,
      bestOfN: byText(metrics.bestOfN["majority"] ?? {}),
      auc: byText({ value: 0.5, low: 0.4, high: 0.6 }),
      agreement: byText(0.5),
      seconds: byText(1),
      findings: texts,
    },
    manifest: {
      ...manifest,
      name: all,
      command: all,
      createdAt: all,
      options: byText(texts),
      versions: byText(all),
    },
    prompts: rows,
  };
}

describe("renderReport of hostile text", () => {
  const hostile = renderReport(runOf(PAYLOADS));
  const doc = parsePage(hostile);
  const data = browserData(hostile);
  const tags = (html: string): string[] => [...html.matchAll(/<\/?[a-z][a-z0-9]*|<!/gi)].map(([tag]) => tag);

  it("has not one element more or less than the same page of harmless words", () => {
    expect(PAYLOADS.length).toBeGreaterThanOrEqual(30);
    const harmless = renderReport(runOf(PAYLOADS.map((_, i) => `harmless ${i}`)));
    expect(tags(hostile)).toEqual(tags(harmless));
  });

  it("lets no control character, override or event attribute through", () => {
    // eslint-disable-next-line no-control-regex -- control characters are the subject here
    expect(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/.test(hostile)).toBe(false);
    const attributes = [...doc.querySelectorAll("*")].flatMap((e) => [...e.attributes].map((a) => a.name));
    expect(attributes.filter((name) => /^(on|src|style|action|xlink)/i.test(name))).toEqual([]);
  });

  it.each(PAYLOADS.map((payload, i) => [payload, i] as const))("shows it as text: %j", (payload, i) => {
    expect(data.prompts[i]?.texts.map(([text]) => text)).toContain(visibleText(payload));
    expect(data.prompts[i]?.text).toBe(visibleText(payload));
    const findings = [...doc.querySelectorAll(".findings li")].map((li) => li.textContent);
    expect(findings).toContain(visibleText(payload));
  });
});

describe("size", () => {
  it("keeps 256 prompts × 50 responses under 8 MB", () => {
    const whole = renderReport(syntheticRun());
    expect(Buffer.byteLength(whole)).toBeLessThan(2e6);
  });
});

describe("writeReport", () => {
  it("writes the page and leaves no draft", async () => {
    const folder = await mkdtemp(join(tmpdir(), "whetstone-report-"));
    try {
      await writeReport(join(folder, "report.html"), run);
      expect(await readFile(join(folder, "report.html"), "utf8")).toBe(page);
      expect(await readdir(folder)).toEqual(["report.html"]);
      await expect(writeReport(join(folder, "no", "report.html"), run)).rejects.toThrow(RunError);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
