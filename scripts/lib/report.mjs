import { fileURLToPath } from "node:url";

/**
 * Whether a module is the program being run, and not imported by a test.
 * @param {string} moduleUrl `import.meta.url`
 */
export const isMain = (moduleUrl) => process.argv[1] === fileURLToPath(moduleUrl);

/**
 * Prints what a checker found and sets the exit code.
 * @param {readonly string[]} violations one sentence each; none is success
 * @param {string} success what to print when there are none
 */
export function report(violations, success) {
  for (const violation of violations) console.error(violation);
  if (violations.length > 0) process.exitCode = 1;
  else console.log(success);
}

/**
 * Prints what a script was asked for, on the last line of stdout; or the reason why it cannot be had, and sets the exit code.
 * @param {() => Promise<string>} ask
 */
export async function printOrSayWhy(ask) {
  try {
    console.log(await ask());
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
