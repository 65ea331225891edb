/**
 * Writes the embedded model's tokenizer to models/game24: one token a number, operator or mark.
 *
 *   node scripts/game24-tokenizer.mjs [folder]
 *
 * It is a WordPiece model over whole words: nothing in the vocabulary begins with the continuation prefix, so a word is
 * one token or `<unk>`. (A WordLevel model would say the same more plainly, but the JavaScript library has none.)
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

const SPECIAL = ["<pad>", "<s>", "</s>", "<unk>"];
const MARKS = ["+", "-", "*", "/", "=", ",", ":"];
const LARGEST_NUMBER = 200;

const words = [
  ...SPECIAL,
  ...MARKS,
  ...Array.from({ length: LARGEST_NUMBER + 1 }, (_, number) => String(number)),
];

const tokenizer = {
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: SPECIAL.map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  })),
  normalizer: null,
  pre_tokenizer: { type: "WhitespaceSplit" },
  post_processor: {
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
    pair: [
      { SpecialToken: { id: "<s>", type_id: 0 } },
      { Sequence: { id: "A", type_id: 0 } },
      { Sequence: { id: "B", type_id: 0 } },
    ],
    special_tokens: { "<s>": { id: "<s>", ids: [SPECIAL.indexOf("<s>")], tokens: ["<s>"] } },
  },
  decoder: { type: "WordPiece", prefix: "##", cleanup: false },
  model: {
    type: "WordPiece",
    unk_token: "<unk>",
    continuing_subword_prefix: "##",
    max_input_chars_per_word: 100,
    // Written below in the order of the ids: an object would put the numbers first.
    vocab: "VOCAB",
  },
};

const names = { bos_token: "<s>", eos_token: "</s>", unk_token: "<unk>", pad_token: "<pad>" };
const config = {
  ...names,
  clean_up_tokenization_spaces: false,
  model_max_length: 64,
  padding_side: "left",
  tokenizer_class: "PreTrainedTokenizerFast",
};

const folder = process.argv[2] ?? join(import.meta.dirname, "..", "models", "game24");
const vocab = `{ ${words.map((word, id) => `${JSON.stringify(word)}: ${id}`).join(", ")} }`;
await mkdir(folder, { recursive: true });
/** @type {readonly (readonly [string, string])[]} */
const files = [
  ["tokenizer.json", JSON.stringify(tokenizer, null, 2).replace('"VOCAB"', vocab)],
  ["tokenizer_config.json", JSON.stringify(config, null, 2)],
  ["special_tokens_map.json", JSON.stringify(names, null, 2)],
];
for (const [name, text] of files) await writeFile(join(folder, name), `${text}\n`);
