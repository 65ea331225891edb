import { splitPrompts } from "../../sharpen/prompts.js";
import { drawTask } from "../../sharpen/sharpen-task.js";
import { count } from "../../report/format.js";
import { resumeLine } from "../command-line.js";
import { defineCommand } from "../command.js";
import { resolveDrawing, splitNote, withRun } from "../drawing.js";
import { DRAWING } from "../options.js";
import { interruptible } from "../outcome.js";

/** `whetstone sample [task]`: draws into a run folder, and nothing else. */
export const sampleCommand = defineCommand({
  usage: "sample [task]",
  summary: "draw N responses per prompt into a run folder, to be evaluated or trained on later",
  options: [...DRAWING, "run", "resume"],
  examples: [
    ["sample game24 --n 50 --run runs/draws", "then: whetstone evaluate runs/draws"],
    ["sample --task prompts.jsonl --model ./my-model", "your prompts and model"],
  ],
  run: async ([named], values, context) => {
    const drawing = await resolveDrawing(named, values);
    const { task } = drawing.opened;
    const note = splitNote(task, splitPrompts(task, drawing));
    if (note !== undefined) context.note(note);
    let dir: string | undefined;
    await interruptible(
      context,
      () => dir && resumeLine(context.args, dir),
      () =>
        withRun("sample", drawing, values, drawing.settings, context, async ({ run, policy }) => {
          dir = run.dir;
          const started = performance.now();
          const { signal } = context;
          const { drawn } = await drawTask({
            policy,
            task,
            run,
            ...drawing,
            signal,
            onProgress: context.progress.update,
          });
          const responses = drawn.flat();
          const tokens = responses.reduce((sum, response) => sum + response.logProbs.length, 0);
          context.say(
            `${count(responses.length)} responses to ${count(drawn.length)} prompts, ${count(tokens)} tokens: ${run.dir}`,
          );
          context.result({
            runDir: run.dir,
            prompts: drawn.length,
            n: drawing.n,
            responses: responses.length,
            tokens,
            seconds: { total: Math.round((performance.now() - started) / 10) / 100 },
          });
        }),
    );
  },
});
