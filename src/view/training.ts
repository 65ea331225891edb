import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { z } from "zod";
import { epochLine } from "../evaluate/epoch-schema.js";
import type { EpochMetrics } from "../evaluate/metrics.js";
import { trainingFragment } from "../report/charts-training.js";
import { runFile, type RunReader } from "../run/read-run.js";

const epoch = epochLine as unknown as z.ZodType<EpochMetrics>;

/** The whole lines of an adapter's training curve, while it is trained or after; none where nothing has been measured. */
export async function curveLines(run: RunReader, adapter: string): Promise<string[]> {
  const text = await readFile(join(run.dir, runFile("epochs.jsonl", adapter)), "utf8").catch(() => "");
  // The last line is empty, or being written.
  return text.split("\n").slice(0, -1);
}

/** The training curves of a run's adapters as far as they have come, as markup; undefined where nothing has been measured. */
export async function trainingMarkup(run: RunReader): Promise<string | undefined> {
  const curves = run.adapters().map(async (name) => [name, { epochs: await epochsOf(run, name) }] as const);
  return trainingFragment(await Promise.all(curves), run.manifest.drawing.temperature);
}

async function epochsOf(run: RunReader, adapter: string): Promise<EpochMetrics[]> {
  const lines = await curveLines(run, adapter);
  return lines.flatMap((line) => {
    try {
      const parsed = epoch.safeParse(JSON.parse(line));
      return parsed.success ? [parsed.data] : [];
    } catch {
      return [];
    }
  });
}
