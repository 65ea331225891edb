import { defineConfig } from "vitest/config";
import { reporters } from "./vitest.config.js";

/** The long tests, run by `npm run test:models`: one file at a time, because each wants both cores and the memory. */
export default defineConfig({
  test: {
    include: ["test/models/**/*.test.ts"],
    passWithNoTests: true,
    testTimeout: 20 * 60_000,
    hookTimeout: 10 * 60_000,
    fileParallelism: false,
    // What a page or a process shows in its own time is waited for as long as a slow machine takes.
    expect: { poll: { timeout: 30_000 } },
    reporters,
  },
});
