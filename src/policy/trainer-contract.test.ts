import { openSafetensors, writeSafetensors, type FloatTensor } from "../transformer/format/safetensors.js";
import { randomModel } from "../transformer/tiny-models.test-helper.js";
import { LocalPolicy } from "./local-policy.js";
import { localTrainers } from "./local-trainer.js";
import { tabularPolicy } from "./tabular.js";
import { moveTabular, tabularTrainers } from "./tabular-trainer.test-helper.js";
import { testTrainerContract } from "./trainer-contract.test-helper.js";

const prompts = [
  { id: "first", text: "The answer" },
  { id: "second", text: "a" },
  { id: "third", text: "one two three four five six seven" },
] as const;

const table = { first: [0.2, 0.5, 0.3], second: [0.9, 0.05, 0.05], third: [0.25, 0.25, 0.5] };

testTrainerContract({
  name: "a tabular trainer",
  make: () => Promise.resolve({ base: tabularPolicy(table), trainers: tabularTrainers(table) }),
  options: { rank: 1, alpha: 1 },
  sequences: prompts.map((prompt, i) => ({ prompt, tokens: [2 - i] })),
  tolerance: 1e-12,
  differences: { move: moveTabular, nudge: 1e-3, gradientTolerance: 1e-4 },
});

/** Adds to one number of the trained tensors of a checkpoint, in the order of the file; moments and scaling are left out. */
async function moveCheckpoint(path: string, parameter: number, by: number): Promise<void> {
  const file = await openSafetensors(path);
  const tensors = new Map<string, FloatTensor>();
  for (const name of file.tensors.keys()) tensors.set(name, await file.read(name));
  const metadata = Object.fromEntries(file.metadata);
  await file.close();
  let at = parameter;
  for (const [name, { data }] of tensors) {
    if (!/lora_[AB]$/.test(name)) continue;
    if (at < data.length) {
      data[at]! += by;
      break;
    }
    at -= data.length;
  }
  await writeSafetensors(path, tensors, metadata);
}

testTrainerContract({
  name: "the local engine",
  make: async () => {
    const base = LocalPolicy.of(await randomModel({}), { threads: 1, rows: 8 });
    return { base, trainers: localTrainers(base) };
  },
  options: { rank: 1, alpha: 2, targetModules: ["v_proj"] },
  sequences: [
    { prompt: prompts[0], tokens: [50, 60, 100] },
    { prompt: prompts[1], tokens: [7] },
    { prompt: prompts[2], tokens: [12, 30, 45, 80, 9] },
    { prompt: prompts[0], tokens: [21, 22] },
  ],
  tolerance: 1e-4,
  differences: { move: moveCheckpoint, nudge: 0.02, gradientTolerance: 0.02 },
});
