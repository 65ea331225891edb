import { rename, rm, writeFile } from "node:fs/promises";
import { RunError } from "../core/errors.js";
import { renderReport } from "./render-report.js";
import type { ReportInput } from "./report-input.js";

/**
 * Writes the report beside its final place and moves it there, so that a page is never half written.
 * @throws RunError when the file cannot be written.
 */
export async function writeReport(path: string, input: ReportInput): Promise<void> {
  const page = renderReport(input);
  const draft = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(draft, page, "utf8");
    await rename(draft, path);
  } catch (cause) {
    await rm(draft, { force: true }).catch(() => undefined);
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RunError(
      `The report could not be written to ${path} (${reason}); check that its folder exists and has room.`,
      { cause },
    );
  }
}
