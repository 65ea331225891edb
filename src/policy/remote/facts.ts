import { capabilities, type Capabilities } from "../capabilities.js";
import type { Served } from "../policy.js";
import type { ServerFacts } from "./probe.js";
import type { Dialect } from "./dialects/dialect.js";

/** What a policy of servers can do, by what the probe found out about them. */
export function abilities(facts: ServerFacts, dialect: Dialect, renders: boolean): Capabilities {
  const { logProbs, greedyRaw, kind } = facts;
  const scores = facts.echo === "matches" && facts.tokenIds && dialect.echoes;
  const raw = kind.rawHint;
  return capabilities({
    scores,
    // One told alone is the one that was drawn.
    firstTokens: facts.fingerprint.length !== 1,
    likeliest: facts.kind.usualTop,
    greedy: greedyRaw || scores,
    temperatures: logProbs === "raw",
    messages: renders || dialect.takes === "messages",
    remedies: {
      continues: "draw whole responses from it, or use a local model",
      scores: `${reasonNotToScore(facts, dialect)}; use a local model`,
      // Drawing at temperature 1 is no way out for a greedy response.
      greedy: raw.replace(/(, or )?draw at temperature 1$/, "") || "use another server",
      temperatures: raw,
      messages: "use the chat route, or give the prompt as plain text",
    },
  });
}

function reasonNotToScore({ echo, tokenIds }: ServerFacts, { name, echoes }: Dialect): string {
  if (!echoes) return `${name} gives no prompts back`;
  if (echo === "wrong") return "the log-probabilities that its servers echo are not those of generation";
  if (echo === "none") return "its servers do not give prompts back with log-probabilities";
  return `its servers ${tokenIds ? "do not take" : "tell no"} token ids`;
}

/** What the probe found out, for the manifest: a run that is resumed must find the same. */
export function settingsOf({ name: api }: Dialect, facts: ServerFacts): Served["settings"] {
  const { kind, logProbs, greedyRaw, seeds, n, echo, tokenIds } = facts;
  return { api, kind: kind.name, logProbs, greedyRaw, seeds, n, echo, tokenIds };
}

const SCORING = {
  matches: "can be scored",
  wrong: "cannot be scored (its echo is wrong)",
  none: "cannot be scored",
} as const;

/** The same for people. */
export function summaryOf(
  { name }: Dialect,
  { kind, logProbs, seeds, n, echo, tokenIds }: ServerFacts,
): string {
  return (
    `${kind.name === "unknown" ? "a server of unknown kind" : kind.name}, ${name}; log-probabilities ${logProbs}, ` +
    `seeds ${seeds}, n ${n}, token ids ${tokenIds ? "told" : "not told"}, given text ${SCORING[echo]}.`
  );
}
