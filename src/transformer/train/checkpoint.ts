import { ModelError } from "../../core/errors.js";
import type { AdamWState } from "../../graph/index.js";
import {
  openSafetensors,
  writeSafetensors,
  type FloatTensor,
  type SafetensorsFile,
} from "../format/safetensors.js";

/** A tensor that is trained in place. */
export interface Trained extends FloatTensor {
  readonly name: string;
}

/** What fixes a training's next steps. */
export interface TrainingState {
  readonly trained: readonly Trained[];
  readonly moments: AdamWState;
  /** What is not trained but must be the same after a resume, by name: an adapter's scaling. */
  readonly constants: ReadonlyMap<string, FloatTensor>;
}

const FIRST = ".first_moment";
const SECOND = ".second_moment";

function tensorsOf({ trained, moments, constants }: TrainingState): Map<string, FloatTensor> {
  const tensors = new Map(constants);
  trained.forEach(({ name, shape, data }, i) => {
    tensors.set(name, { shape, data });
    tensors.set(`${name}${FIRST}`, { shape, data: moments.first[i]! });
    tensors.set(`${name}${SECOND}`, { shape, data: moments.second[i]! });
  });
  return tensors;
}

/** Writes parameters, moments and the step to a safetensors file (temporary file, then rename). */
export async function writeCheckpoint(
  path: string,
  state: TrainingState,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  await writeSafetensors(path, tensorsOf(state), { ...metadata, step: `${state.moments.step}` });
}

/**
 * Reads a checkpoint into a state, in place.
 * @returns the metadata that it was written with, and `step`.
 * @throws ModelError when it is of something else: other tensors, other shapes, other constants. Nothing is changed then.
 */
export async function readCheckpoint(
  path: string,
  state: TrainingState,
): Promise<ReadonlyMap<string, string>> {
  const file = await openSafetensors(path);
  try {
    const tensors = tensorsOf(state);
    const step = Number(file.metadata.get("step") ?? NaN);
    if (!Number.isSafeInteger(step) || step < 0)
      throw new ModelError(`${path} does not say at which step it was written: it is no checkpoint.`);
    checkTensors(file, tensors);
    for (const [name, { data }] of state.constants) {
      const saved = (await file.read(name)).data;
      if (!saved.every((value, i) => value === data[i])) {
        throw new ModelError(
          `${path} was written with ${name} ${saved.join(", ")}, not ${data.join(", ")}: it is a checkpoint of another adapter.`,
        );
      }
    }
    for (const [name, { data }] of tensors) {
      if (!state.constants.has(name)) data.set((await file.read(name)).data);
    }
    state.moments.step = step;
    return file.metadata;
  } finally {
    await file.close();
  }
}

function checkTensors(file: SafetensorsFile, expected: ReadonlyMap<string, FloatTensor>): void {
  for (const [name, { shape }] of expected) {
    const saved = file.tensors.get(name)?.shape;
    if (saved === undefined) {
      throw new ModelError(`${file.path} has no tensor "${name}": it is a checkpoint of something else.`);
    }
    if (saved.join(",") !== shape.join(",")) {
      throw new ModelError(
        `${file.path}: "${name}" has the shape [${saved.join(", ")}], not [${shape.join(", ")}]: it is a checkpoint of ` +
          `another model or adapter.`,
      );
    }
  }
  const other = [...file.tensors.keys()].find((name) => !expected.has(name));
  if (other !== undefined) {
    throw new ModelError(
      `${file.path} also holds "${other}", which is not trained here: it is a checkpoint of something else.`,
    );
  }
}
