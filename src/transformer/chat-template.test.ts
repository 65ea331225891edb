import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { loadChatTemplate } from "./chat-template.js";

const source = join(import.meta.dirname, "testdata/tiny-bpe");

function folderWith(template: string): string {
  const folder = mkdtempSync(join(tmpdir(), "whetstone-chat-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  cpSync(source, folder, { recursive: true });
  writeFileSync(join(folder, "chat_template.jinja"), template);
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
  expect(render?.(conversation)).toBe(
    "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
  );
});

it("leaves the start token to a tokenizer that adds it, and writes the end token", async () => {
  const render = await loadChatTemplate(
    folderWith("{{ bos_token }}{{ messages[0].content }}{{ eos_token }}"),
  );
  expect(render?.(conversation)).toBe("Be brief.</s>");
});

it("tells a malformed template, and one that refuses the conversation", async () => {
  await expect(loadChatTemplate(folderWith("{% for %}"))).rejects.toThrow(/chat template of .* is malformed/);
  const render = await loadChatTemplate(folderWith("{{ raise_exception('only users') }}"));
  expect(() => render?.(conversation)).toThrow(/refuses a conversation: only users/);
});

it("is absent where the model has none", async () => {
  expect(await loadChatTemplate(join(import.meta.dirname, "../../models/game24"))).toBeUndefined();
});
