import { resolve } from "node:path";
import { flag } from "./option-spec.js";
import type { Context } from "./context.js";

/** The option by which a command opens the page that it has written. */
export const OPEN_OPTION = {
  open: flag("--open", "open the page in the browser"),
} as const;

/** Opens a page, a file or an address, in the browser where that was asked for; that it cannot be is said and no error. */
export async function openPage(path: string, asked: boolean | undefined, context: Context): Promise<void> {
  if (asked !== true) return;
  try {
    const { default: open } = await import("open");
    await open(/^https?:/.test(path) ? path : resolve(path));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    context.note(`No browser could be opened (${reason}); open ${path} yourself.`);
  }
}
