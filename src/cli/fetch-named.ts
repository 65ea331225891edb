import type { FetchOptions } from "../policy/hub.js";
import { fetchModel, isOnHub } from "../policy/model-folder.js";
import type { Context } from "./context.js";

/**
 * Fetches the model that `--model` names by an id of the hub into the cache, unless it is there; everything after finds it
 * in its place. Other names are left to the command.
 * @throws UsageError if it cannot be had.
 */
export async function fetchNamed(model: string | undefined, context: Context): Promise<void> {
  if (model === undefined || !isOnHub(model)) return;
  await fetchModel(model, fetchNotes(model, context));
}

/** Remarks on what is fetched. */
export function fetchNotes(model: string, context: Context): FetchOptions {
  return {
    onFile: (path, bytes) => context.note(`Fetching ${path} of ${model} (${(bytes / 1e6).toFixed(1)} MB)`),
  };
}
