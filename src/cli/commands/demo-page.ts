import { join } from "node:path";
import { UsageError } from "../../core/errors.js";
import { writeDemo } from "../../demo/write-demo.js";
import { modelFolder } from "../../policy/model-folder.js";
import { loadModel } from "../../transformer/model.js";
import { defineCommand } from "../command.js";
import { DEFAULT_MODEL } from "../defaults.js";
import { COMMANDS } from "./table.js";

/** `whetstone demo-page`: the race in a browser, without whetstone behind it. */
export const demoPageCommand = defineCommand({
  ...COMMANDS["demo-page"],
  details:
    "The embedded model draws in the page itself, by WebAssembly in one thread, and chooses as it does here. Any static server will do " +
    "for the folder; a page opened as a file cannot load its parts.",
  options: [],
  examples: [
    ["demo-page site/demo", "then serve the folder: npx serve site/demo, or python3 -m http.server"],
  ],
  run: async ([folder], _values, context) => {
    if (folder === undefined || folder.trim() === "")
      throw new UsageError("Name the folder to write: whetstone demo-page <folder>.");
    await writeDemo(folder, await loadModel(modelFolder(DEFAULT_MODEL), { whole: true }));
    const page = join(folder, "index.html");
    context.say(page);
    context.result({ folder, page });
  },
});
