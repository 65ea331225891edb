import { expect, it } from "vitest";
import { TemplateProcess } from "./template-process.js";

const values = { messages: [{ role: "user", content: "hi" }] };
const maxLength = 1000;
const quick = new TemplateProcess(1500);

it("keeps one process for many templates and requests, which are answered in order", async () => {
  const renderer = new TemplateProcess();
  const ids = Array.from({ length: 300 }, (_, i) => i);
  const answers = ids.map((i) =>
    renderer.request({ template: `${i % 20}: {{ n }}`, values: { n: i }, maxLength }),
  );
  expect(await Promise.all(answers)).toEqual(ids.map((i) => ({ kind: "text", text: `${i % 20}: ${i}` })));
});

it("ends a template that goes on for ever, and renders the next one", async () => {
  const nested = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}";
  const hanging = quick.request({ template: nested, values, maxLength });
  const next = quick.request({ template: "{{ messages[0].content }}", values, maxLength });
  expect(await hanging).toEqual({ kind: "timeout" });
  expect(await next).toEqual({ kind: "text", text: "hi" });
});

it("tells what is malformed, refused, too deep and too long", async () => {
  const kinds = [
    ["{% for %}", "malformed"],
    ["{{ raise_exception('no') }}", "refused"],
    ["{% set a = namespace() %}{% set a.a = a %}{{ a }}", "exhausted"],
    ["{% for i in range(1001) %}x{% endfor %}", "tooLong"],
    ["{% for i in range(1000) %}x{% endfor %}", "text"],
  ] as const;
  for (const [template, kind] of kinds)
    expect(await quick.request({ template, values, maxLength })).toMatchObject({ kind });
});
