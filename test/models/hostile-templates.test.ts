/**
 * Chat templates that hang, explode or escape: each is refused in one sentence that names the model, this process lives, and
 * the next conversation is rendered at once.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, it } from "vitest";
import { ModelError } from "../../src/core/errors.js";
import { loadChatTemplate, type ChatTemplate } from "../../src/transformer/text/chat-template.js";
import { compileSource } from "../support/compiled.js";

const folder = mkdtempSync(join(tmpdir(), "whetstone-hostile-"));
afterAll(() => rmSync(folder, { recursive: true }));
const tinyBpe = join(import.meta.dirname, "../../src/transformer/testdata/tiny-bpe");
let count = 0;

function modelWith(template: string): string {
  const model = join(folder, `model-${count++}`);
  cpSync(tinyBpe, model, { recursive: true });
  writeFileSync(join(model, "chat_template.jinja"), template);
  return model;
}

const conversation = [{ role: "user", content: "hi" }];
const doubled = (start: string, times: number, what: string): string =>
  `{% set ns = namespace(s=${start}) %}{% for i in range(${times}) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ${what} }}`;
const nested = (depth: number, to: number): string =>
  `${`{% for i in range(${to}) %}`.repeat(depth)}x${"{% endfor %}".repeat(depth)}`;

const TIME = /takes longer than 2 seconds; use another model/;
const MEMORY = /needs more than 64 MB of memory; use another model/;
/** Either may come first, by the machine's speed. */
const TIME_OR_MEMORY = new RegExp(`${TIME.source}|${MEMORY.source}`);
const TOO_MUCH = /asks for too much \(.+\); use another model/;
const MALFORMED = /is malformed: /;
const REFUSES = /refuses a conversation: /;

const hostile: readonly (readonly [what: string, template: string, message: RegExp])[] = [
  ["a list of 10^9 numbers", "{{ range(1000000000) }}", TIME_OR_MEMORY],
  ["a loop over 10^9 numbers", "{% for i in range(1000000000) %}x{% endfor %}", TIME_OR_MEMORY],
  ["two nested loops of 99,999", nested(2, 99_999).replace("x", ""), TIME],
  ["four nested loops of 3,000", nested(4, 3000).replace("x", ""), TIME],
  ["forty nested loops of two", nested(40, 2).replace("x", ""), TIME_OR_MEMORY],
  ["a text doubled forty times", doubled("'aaaaaaaaaaaaaaaa'", 40, "ns.s"), TOO_MUCH],
  ["a text doubled to 16 MB", doubled("'a'", 24, "ns.s"), /would give more than 4 MB of text/],
  ["a text doubled and made upper case", doubled("'ab'", 27, "ns.s | upper | length"), TIME_OR_MEMORY],
  ["a list doubled forty times", doubled("[1]", 40, "ns.s | length").replaceAll("~", "+"), TIME_OR_MEMORY],
  [
    "replacements that grow",
    doubled("'aa'", 30, "ns.s").replace("ns.s ~ ns.s", "ns.s | replace('a', 'aaaaaaaa')"),
    TIME_OR_MEMORY,
  ],
  [
    "an indentation of 10^8",
    "{{ 'a\\na\\na\\na\\na\\na\\na\\na' | indent(100000000) }}",
    /too much|64 MB|2 seconds|4 MB/,
  ],
  ["JSON indented by 10^9", "{{ messages | tojson(indent=1000000000) }}", /too much|64 MB|2 seconds|4 MB/],
  ["a join of millions", "{{ range(3000000) | join('aaaaaaaaaaaaaaaaaaaa') }}", TIME_OR_MEMORY],
  ["a text split into millions", doubled("'a,'", 24, "ns.s.split(',') | length"), TIME_OR_MEMORY],
  ["a long list sorted", "{{ range(2000000) | sort(reverse=true) | length }}", TIME_OR_MEMORY],
  [
    "macros that call each other",
    "{% macro a(f) %}{{ f(f) }}{{ f(f) }}{% endmacro %}{{ a(a) }}",
    /too much|refuses a conversation|64 MB|2 seconds/,
  ],
  ["a namespace within itself, printed", "{% set n = namespace() %}{% set n.a = n %}{{ n }}", TOO_MUCH],
  [
    "a namespace within itself, as JSON",
    "{% set n = namespace() %}{% set n.a = n %}{{ n | tojson }}",
    TOO_MUCH,
  ],
  ["100,000 filters in a row", `{{ 'a'${" | upper".repeat(100_000)} }}`, /too much|malformed/],
  ["100,000 parentheses", `{{ ${"(".repeat(100_000)}1${")".repeat(100_000)} }}`, MALFORMED],
  ["100,000 brackets", `{{ ${"[".repeat(100_000)}${"]".repeat(100_000)} }}`, MALFORMED],
  ["40,000 nested conditions", `${"{% if true %}".repeat(40_000)}${"{% endif %}".repeat(40_000)}`, MALFORMED],
  ["100,000 negations", `{{ ${"not ".repeat(100_000)}1 }}`, MALFORMED],
  ["a template of 2 MB", `{# ${"x".repeat(2 << 20)} #}`, /has 2097158 characters, more than the 1048576/],
  ["a loop that is not closed", "{% for m in messages %}", MALFORMED],
  ["a tag that does not exist", "{% exec 'ls' %}", MALFORMED],
  ["an included file", "{% include '/etc/passwd' %}", MALFORMED],
  ["a filter that does not exist", "{{ 'ls' | system }}", REFUSES],
  ["a way to JavaScript's Function", "{{ messages.constructor.constructor('return process')() }}", REFUSES],
  ["a way to Python's classes", "{{ ''.__class__.__mro__[1].__subclasses__() }}", REFUSES],
  ["an error of a million lines", doubled("'x\\n'", 20, "raise_exception(ns.s)"), REFUSES],
];

it("is a list of at least 25", () => expect(hostile.length).toBeGreaterThanOrEqual(25));

let good: ChatTemplate;
it("renders a good template", async () => {
  good = (await loadChatTemplate(modelWith("{{ messages[0].content }}!")))!;
  expect(await good(conversation)).toBe("hi!");
});

it.each(hostile)("refuses %s", async (_, template, message) => {
  const model = modelWith(template);
  const before = process.memoryUsage.rss();
  const started = performance.now();
  const error: unknown = await loadChatTemplate(model)
    .then((render) => render!(conversation))
    .catch((reason: unknown) => reason);
  const failed = performance.now();
  expect(error).toBeInstanceOf(ModelError);
  const text = (error as ModelError).message;
  expect(text).toMatch(message);
  expect(text).toContain(model);
  expect(text).not.toContain("\n");
  expect(text.length).toBeLessThan(600 + model.length);
  // Two seconds, and the start of the next process.
  expect(failed - started).toBeLessThan(4_000);
  expect(await good(conversation)).toBe("hi!");
  expect(performance.now() - failed).toBeLessThan(100);
  expect(process.memoryUsage.rss() - before).toBeLessThan(256 << 20);
});

it("does not keep a program alive that has rendered", () => {
  const library = pathToFileURL(join(compileSource(), "index.js")).href;
  const model = modelWith("{{ messages[0].content }}!");
  const program = `const { loadChatTemplate } = await import(${JSON.stringify(library)});
    const render = await loadChatTemplate(${JSON.stringify(model)});
    console.log(await render([{ role: "user", content: "hi" }]));`;
  const since = performance.now();
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    encoding: "utf8",
  });
  expect([stdout, stderr]).toEqual(["hi!\n", ""]);
  // It would be ended after five idle seconds in any case.
  expect(performance.now() - since).toBeLessThan(4_500);
});
