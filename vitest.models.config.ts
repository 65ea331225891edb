import { defineConfig } from "vitest/config";
import { reporters } from "./vitest.config.js";

const all = "test/models/**/*.test.ts";
/** What shows pages in a browser, as they come: a second file beside it would make a slow machine slower than anybody's. */
const pages = ["test/models/*-browser.test.ts", "test/models/demo-page.test.ts"];
const each = {
  testTimeout: 20 * 60_000,
  hookTimeout: 10 * 60_000,
  // What a page or a process shows in its own time is waited for as long as a slow machine takes.
  expect: { poll: { timeout: 30_000 } },
};

/** The long tests, run by `npm run test:models`: two files at a time, since most wait for one core or for a process; pages by themselves. */
export default defineConfig({
  test: {
    passWithNoTests: true,
    reporters,
    projects: [
      {
        test: {
          ...{ ...each, name: "models", include: [all], exclude: pages, maxWorkers: 2 },
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...{ ...each, name: "pages", include: pages, maxWorkers: 1, fileParallelism: false },
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
