import { RE2JS } from "re2js";
import { UsageError } from "../../core/errors.js";

/** Longer patterns are no patterns that a person writes. */
const LONGEST_PATTERN = 1000;

/** How a pattern of a user's finds the answer in a text. */
export type PatternExtractor = (text: string) => string | undefined;

/**
 * What a pattern finds: the first group of its last match, or the whole match where it has no group; white space at the ends left out and
 * each run of it one space. RE2's syntax, which is Perl's without looking around and back-references, so that time is linear in the
 * text whatever the pattern.
 * @throws UsageError for a pattern that is empty, too long or not RE2's.
 */
export function patternExtractor(pattern: string): PatternExtractor {
  if (pattern === "" || pattern.length > LONGEST_PATTERN) {
    throw new UsageError(`A pattern has 1 to ${LONGEST_PATTERN} characters, such as "Answer: (.+)".`);
  }
  const compiled = compile(pattern);
  const group = compiled.groupCount() > 0 ? 1 : 0;
  return (text) => {
    const matcher = compiled.matcher(text);
    let last: string | null = null;
    while (matcher.find()) last = matcher.group(group) ?? last;
    const plain = last?.trim().replace(/\s+/g, " ");
    return plain === undefined || plain === "" ? undefined : plain;
  };
}

function compile(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern, RE2JS.MULTILINE);
  } catch (cause) {
    const reason = (cause instanceof Error ? cause.message : "").replace(/\s+/g, " ").slice(0, 120);
    throw new UsageError(
      `The pattern ${JSON.stringify(pattern.slice(0, 80))} cannot be used (${reason}); it is RE2's syntax: no look-ahead or -behind, no back-references.`,
      { cause },
    );
  }
}
