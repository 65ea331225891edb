import axe from "axe-core";
import type { Page } from "playwright-core";
import { expect } from "vitest";

/**
 * What axe-core finds wrong with a page as it is: contrast, landmarks, names, roles; each as the rule and where. The page's policy lets no
 * script in, so the page has to be opened with `bypassCSP`.
 */
export async function axeViolations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(
    `axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
      violations.flatMap(({ id, nodes }) => nodes.map((node) => id + ": " + node.target.join(" ") + " " + node.failureSummary)))`,
  );
}

/** That axe-core finds nothing wrong with a page, and that nothing reaches over its edge. @param what names the page, for the message. */
export async function expectAccessible(page: Page, what = page.url()): Promise<void> {
  expect(await axeViolations(page), what).toEqual([]);
  const { width } = page.viewportSize()!;
  expect(await page.evaluate<number>("document.documentElement.scrollWidth"), what).toBeLessThanOrEqual(
    width,
  );
}
