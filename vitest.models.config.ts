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
    reporters,
  },
});
