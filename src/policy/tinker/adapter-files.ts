import { ServerError } from "../../core/errors.js";
import { filesIn } from "./archive.js";
import type { TinkerModel } from "./session.js";

const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter_model.safetensors";

/** An adapter as a server exports it: PEFT's two files. */
export interface AdapterFiles {
  /** By their names. */
  readonly files: ReadonlyMap<string, string | Uint8Array>;
  readonly rank: unknown;
  readonly alpha: unknown;
  /** The last parts of the names of the linears that the weights adapt. */
  readonly targets: readonly string[];
}

/**
 * Brings an adapter as it is now. A configuration that names no target modules gets those of the weights: PEFT would take its
 * default for them, and load a part of the adapter without a word.
 * @throws ServerError where the archive is malformed.
 */
export async function adapterFiles(model: TinkerModel): Promise<AdapterFiles> {
  const name = model.session.name();
  await model.saveForSampler(name);
  const files = filesIn(await model.archive(name), [CONFIG, WEIGHTS]);
  const weights = files.get(WEIGHTS)!;
  try {
    const config = JSON.parse(new TextDecoder().decode(files.get(CONFIG))) as Record<string, unknown>;
    const targets = targetsIn(weights);
    const told = config["target_modules"];
    const text = JSON.stringify({ ...config, target_modules: told ?? targets }, null, 2);
    const kept = new Map<string, string | Uint8Array>([
      [WEIGHTS, weights],
      [CONFIG, `${text}\n`],
    ]);
    return { files: kept, rank: config["r"], alpha: config["lora_alpha"], targets };
  } catch (cause) {
    throw new ServerError(
      `The trainer at ${model.session.connection.url} exports no adapter of PEFT's kind.`,
      {
        cause,
      },
    );
  }
}

/** Of the header of a safetensors file: its length in eight bytes, then JSON. */
function targetsIn(weights: Uint8Array): string[] {
  const view = new DataView(weights.buffer, weights.byteOffset, weights.byteLength);
  const header = weights.subarray(8, 8 + Number(view.getBigUint64(0, true)));
  const names = Object.keys(JSON.parse(new TextDecoder().decode(header)) as object);
  const found = names.flatMap((name) => /([^.]+)\.lora_[AB]\.weight$/.exec(name)?.[1] ?? []);
  return [...new Set(found)].sort();
}
