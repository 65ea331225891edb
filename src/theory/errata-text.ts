import { errata } from "./errata.js";

const escaped = (text: string): string => text.replace(/[\\|*_<>`[\]]/g, (character) => `\\${character}`);

const intro = `What arXiv 2412.01951 prints and what is not so, found while each statement was checked. Every entry has a counterexample that is
computed by \`npx whetstone theory --errata\`, which prints this page, and held by a test: what is printed is contradicted by it, and
what is mended is not.`;

const misprints = `Misprints that contradict nothing: C_cov(π) after eq. (6) lacks the 1 over π; Lemma H.1 has I ∈ [d]^M for [M]^d; the proof of
Lemma H.3 needs 1/2 where it has 1/4; α in Theorem J.2 has δ where ρ is meant.`;

/** docs/errata.md: each erratum with what its counterexample shows now. */
export function errataMarkdown(): string {
  const sections = errata.map(({ where, printed, mended, matters, counterexample }) => {
    const { text, refuted, mended: holds } = counterexample();
    const verdict = refuted && holds ? "" : " **The counterexample no longer shows this.**";
    return [
      `## ${escaped(where)}`,
      `**Printed.** ${escaped(printed)}`,
      `**Mended.** ${escaped(mended)}`,
      `**Counterexample.** ${escaped(text)}${verdict}`,
      `**What it changes.** ${escaped(matters)}`,
    ].join("\n\n");
  });
  return `${["# Errata of the paper", intro, ...sections, escaped(misprints)].join("\n\n")}\n`;
}
