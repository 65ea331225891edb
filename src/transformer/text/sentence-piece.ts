import { ModelError } from "../../core/errors.js";
import type { Metadata } from "../format/gguf/metadata.js";

/** SentencePiece's sign for a space. */
const SPACE = "\u2581";

/** Ids by text; the first of two equal texts has it. */
export function vocabulary(tokens: readonly string[]): Record<string, number> {
  const vocab: Record<string, number> = Object.create(null) as Record<string, number>;
  tokens.forEach((token, id) => {
    if (!(token in vocab)) vocab[token] = id;
  });
  return vocab;
}

/**
 * A tokenizer.json's parts for a SentencePiece BPE vocabulary. Files hold no merges but scores: two pieces are merged
 * where their text is a piece, the best score first.
 * @throws ModelError when the file has no score for each token.
 */
export function sentencePieceParts(metadata: Metadata, tokens: readonly string[]): Record<string, unknown> {
  const { path } = metadata;
  const scores = metadata.numbers("tokenizer.ggml.scores");
  if (scores?.length !== tokens.length) {
    throw new ModelError(
      `${path}: its tokenizer has ${scores?.length ?? 0} scores for ${tokens.length} tokens`,
    );
  }
  const gemma = metadata.text("general.architecture")?.startsWith("gemma") === true;
  const prefix = metadata.flag("tokenizer.ggml.add_space_prefix") ?? !gemma;
  // Gemma's files write its tokens of several spaces as such; and its scores do not follow its merges, the order does.
  const pieces = gemma
    ? tokens.map((token) => (/^ +$/.test(token) ? SPACE.repeat(token.length) : token))
    : tokens;
  const vocab = vocabulary(pieces);
  const rank = gemma ? pieces.map((_, id) => -id) : scores;
  const unknown = metadata.number("tokenizer.ggml.unknown_token_id");
  const replace = { type: "Replace", pattern: { String: " " }, content: SPACE };
  return {
    normalizer: prefix
      ? { type: "Sequence", normalizers: [{ type: "Prepend", prepend: SPACE }, replace] }
      : replace,
    pre_tokenizer: null,
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: SPACE }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        ...(prefix ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: unknown === undefined ? null : (pieces[unknown] ?? null),
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab,
      merges: mergesOf(pieces, vocab, rank),
    },
  };
}

/** Every way to put a piece together from two others, the best piece first. */
function mergesOf(
  pieces: readonly string[],
  vocab: Readonly<Record<string, number>>,
  rank: readonly number[],
): [string, string][] {
  const merges: { readonly left: string; readonly right: string; readonly rank: number }[] = [];
  pieces.forEach((piece, id) => {
    if (vocab[piece] !== id) return;
    for (let cut = 1; cut < piece.length; cut++) {
      const [left, right] = [piece.slice(0, cut), piece.slice(cut)];
      if (left in vocab && right in vocab) merges.push({ left, right, rank: rank[id]! });
    }
  });
  merges.sort(
    (a, b) =>
      b.rank - a.rank ||
      b.left.length - a.left.length ||
      b.right.length - a.right.length ||
      vocab[a.left]! - vocab[b.left]!,
  );
  return merges.map(({ left, right }) => [left, right]);
}
