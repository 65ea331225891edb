import { mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname } from "node:path";
import { WhetstoneError } from "../../core/errors.js";
import { writeAtomically, writeError } from "../../core/files.js";
import { errataMarkdown } from "../../theory/errata-text.js";
import { errata } from "../../theory/errata.js";
import { theoryMarkdown } from "../../theory/markdown.js";
import { rows } from "../../theory/rows/index.js";
import { runTheory } from "../../theory/run.js";
import { statementIndex, theoryList, theoryTable } from "../../theory/table.js";
import { shellLine } from "../command-line.js";
import { defineCommand } from "../command.js";
import { COMMANDS } from "./table.js";

const DEFAULT_PAGE = "runs/theory.html";

/** `whetstone theory`: checks the paper's statements on exact finite instances. */
export const theoryCommand = defineCommand({
  ...COMMANDS.theory,
  details:
    "Prints what was measured beside each bound, and writes a page with a figure for each statement. Takes at most three minutes on " +
    "two cores. The status is 1 if a statement does not hold.",
  options: ["only", "list", "errata", "thorough", "page", "markdown", "seed", "threads"],
  examples: [
    ["theory", "all statements, fast"],
    ["theory --only thm-4.1,thm-3.1 --thorough", "two of them, on more and larger instances"],
    ["theory --list", "every statement by its number"],
    ["theory --errata", "what the paper has wrong, with counterexamples"],
    ["theory --thorough --markdown docs/theory.md", "renew the index in the documentation"],
  ],
  run: async (_words, values, context) => {
    if (values.list) {
      context.say(theoryList());
      context.result({
        rows: rows.map(({ id, title, source, file, statement }) => ({ id, title, source, file, statement })),
        index: statementIndex(),
      });
      return;
    }
    if (values.errata) {
      context.say(errataMarkdown());
      context.result({
        errata: errata.map(({ counterexample, ...known }) => ({ ...known, ...counterexample() })),
      });
      return;
    }
    const {
      only,
      thorough = false,
      seed = 0,
      threads = availableParallelism(),
      page = DEFAULT_PAGE,
      markdown,
    } = values;
    context.progress.update({ stage: "statements", done: 0, total: only?.length ?? rows.length });
    const report = await runTheory({
      seed,
      threads,
      thorough,
      signal: context.signal,
      ...(only && { only }),
      onProgress: ({ done, total }) => context.progress.update({ stage: "statements", done, total }),
    });
    // Drawing charts needs half of what there is to load; most commands end without.
    const { theoryPage } = await import("../../theory/page.js");
    makeFolder(dirname(page));
    await writeAtomically(page, theoryPage(report));
    if (markdown !== undefined) {
      makeFolder(dirname(markdown));
      await writeAtomically(markdown, theoryMarkdown(report, shellLine(context.args)));
    }
    context.say(`\n${theoryTable(report)}\n\nPage: ${page}`);
    context.result({ ...report, page });
    const failed = report.rows.filter(({ verdict }) => verdict === "fails").map(({ id }) => id);
    if (failed.length > 0) {
      throw new WhetstoneError(
        "theory",
        `${failed.join(", ")} did not hold; the page ${page} shows where, and each row says what it does not show.`,
      );
    }
  },
});

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    throw writeError(folder, cause);
  }
}
