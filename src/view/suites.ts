import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DataError } from "../core/errors.js";
import { isFile } from "../core/files.js";
import { addressOf } from "../page/view/place.js";
import { suiteFragment } from "../report/suite/page.js";
import { labelOf, runNameOf } from "../reproduce/cells.js";
import type { SuiteResult } from "../reproduce/result.js";

const MADE = "suite.json";
const RESULT = "result.json";

/** Whether a folder is a suite's, with its result. */
export function isSuite(dir: string): boolean {
  return isFile(join(dir, MADE)) && isFile(join(dir, RESULT));
}

/**
 * A suite's page as markup whose cells lead to the runs.
 * @param id the suite's folder as the list has it. @param has whether the list has a run of that name.
 * @throws DataError for a result that cannot be shown.
 */
export function suiteMarkup(dir: string, id: string, has: (run: string) => boolean): string {
  const file = join(dir, RESULT);
  try {
    const result = JSON.parse(readFileSync(file, "utf8")) as SuiteResult;
    return suiteFragment(result, (cell) =>
      cell.seeds.flatMap((seed) => {
        const within = [labelOf(cell.model), labelOf(cell.task), runNameOf({ ...cell, seed })];
        const run = (id === "." ? within : [id, ...within]).join("/");
        return has(run) ? [{ seed, address: addressOf({ run }) }] : [];
      }),
    );
  } catch (cause) {
    throw new DataError(`${file} is not the result of a suite`, {
      where: file,
      remedy: "make the suite again with the same command",
      cause,
    });
  }
}
