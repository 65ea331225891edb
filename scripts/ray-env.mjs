/** Ray with its dashboard, for the tests of jobs on a cluster, never at run time: in an environment of its own in the user's cache folder. */
import { packageInterpreter } from "./lib/package-env.mjs";
import { isMain, printOrSayWhy } from "./lib/report.mjs";

/**
 * Its interpreter; `ray` lies beside it.
 * @returns {Promise<string>} an absolute path
 * @throws {Error} with one sentence, where it cannot be had
 */
export function rayInterpreter() {
  return packageInterpreter({
    name: "ray",
    what: "Ray",
    python: () => "python3",
    needs: "Python 3",
    packages: ["ray[default]==2.60.0"],
    modules: ["ray", "aiohttp"],
  });
}

if (isMain(import.meta.url)) await printOrSayWhy(rayInterpreter);
