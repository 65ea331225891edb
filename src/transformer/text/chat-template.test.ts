import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { loadChatTemplate } from "./chat-template.js";

const source = join(import.meta.dirname, "../testdata/tiny-bpe");

function folderWith(template: string, frame?: { readonly bos: string; readonly eos: string }): string {
  const folder = mkdtempSync(join(tmpdir(), "whetstone-chat-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  cpSync(source, folder, { recursive: true });
  writeFileSync(join(folder, "chat_template.jinja"), template);
  if (frame) {
    const fields = { bos_token: frame.bos || null, eos_token: frame.eos };
    writeFileSync(join(folder, "tokenizer_config.json"), JSON.stringify(fields));
  }
  return folder;
}

const conversation = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "hi" },
];
const CHATML =
  "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}" +
  "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

it("renders a conversation and asks for the answer", async () => {
  const render = await loadChatTemplate(folderWith(CHATML));
  expect(await render?.(conversation)).toBe(
    "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
  );
});

it("leaves the start token to a tokenizer that adds it, and writes the end token", async () => {
  const render = await loadChatTemplate(
    folderWith("{{ bos_token }}{{ messages[0].content }}{{ eos_token }}"),
  );
  expect(await render?.(conversation)).toBe("Be brief.</s>");
});

it("tells a malformed template, and one that refuses the conversation", async () => {
  await expect(loadChatTemplate(folderWith("{% for %}"))).rejects.toThrow(/chat template of .* is malformed/);
  const render = await loadChatTemplate(folderWith("{{ raise_exception('only users') }}"));
  await expect(render?.(conversation)).rejects.toThrow(/refuses a conversation: only users/);
});

it("is absent where the model has none", async () => {
  expect(await loadChatTemplate(join(import.meta.dirname, "../../../models/game24"))).toBeUndefined();
});

/** What Python's transformers renders of the families' templates (scripts/golden/chat_templates.py); null: it refuses. */
interface Golden {
  readonly conversations: readonly (readonly { readonly role: string; readonly content: string }[])[];
  readonly templates: Readonly<
    Record<
      string,
      { readonly bos: string; readonly eos: string; readonly rendered: readonly (string | null)[] }
    >
  >;
}
const templates = join(import.meta.dirname, "../testdata/chat-templates");
const golden = JSON.parse(readFileSync(join(templates, "golden.json"), "utf8")) as Golden;

it.each(Object.keys(golden.templates))("renders the template of %s as transformers does", async (name) => {
  const { bos, eos, rendered } = golden.templates[name]!;
  const folder = folderWith(readFileSync(join(templates, `${name}.jinja`), "utf8"), { bos, eos });
  const render = (await loadChatTemplate(folder))!;
  for (const [i, messages] of golden.conversations.entries()) {
    const expected = rendered[i];
    if (expected == null) await expect(render(messages)).rejects.toThrow(/refuses a conversation/);
    // The tokenizer of the folder adds <s> by itself.
    else
      expect(await render(messages)).toBe(
        bos === "<s>" && expected.startsWith(bos) ? expected.slice(3) : expected,
      );
  }
  expect(rendered.filter((text) => text !== null).length).toBeGreaterThan(5);
});
