import { defineConfig } from "vitest/config";
import type { TestUserConfig } from "vitest/config";

/** `.ci/run` names a file in TEST_RESULTS, and counts the tests from it. */
const results = process.env["TEST_RESULTS"];
export const reporters: NonNullable<TestUserConfig["reporters"]> = results
  ? ["default", ["json", { outputFile: results }]]
  : ["default"];

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "src/**/*.test.tsx", "test/**/*.test.ts"],
    exclude: ["test/models/**"],
    globalSetup: "test/support/temporary-folder.ts",
    testTimeout: 30_000,
    hookTimeout: 300_000,
    maxWorkers: 2,
    // Files of a worker share its modules: no test changes them, and loading them anew for each file was a quarter of the time.
    isolate: false,
    reporters,
  },
});
