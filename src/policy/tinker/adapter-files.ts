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
  const saved = await model.saveForSampler(model.session.name());
  const files = filesIn(await model.archive(saved), [CONFIG, WEIGHTS]);
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

type Header = Readonly<Record<string, { readonly data_offsets?: readonly [number, number] }>>;

/** The header of a safetensors file, which is its length in eight bytes, then JSON; and what comes after it. */
function opened(file: Uint8Array): { readonly header: Header; readonly data: Uint8Array } {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const end = 8 + Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, end))) as Header;
  return { header, data: file.subarray(end) };
}

function targetsIn(weights: Uint8Array): string[] {
  const found = Object.keys(opened(weights).header).flatMap(
    (name) => /([^.]+)\.lora_[AB]\.weight$/.exec(name)?.[1] ?? [],
  );
  return [...new Set(found)].sort();
}

/** Linears of the first layer whose A is the same to the byte, and not zero: what was drawn at random once. */
export function sharedIn({ files }: Pick<AdapterFiles, "files">): string[][] {
  const { header, data } = opened(files.get(WEIGHTS) as Uint8Array);
  const together = new Map<string, string[]>();
  for (const [name, { data_offsets: offsets }] of Object.entries(header)) {
    const linear = /\.0\.(?:\w+\.)+?(\w+)\.lora_A\.weight$/.exec(name)?.[1];
    if (linear === undefined || offsets === undefined) continue;
    const bytes = data.subarray(...offsets);
    if (bytes.every((byte) => byte === 0)) continue;
    const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
    together.set(key, [...(together.get(key) ?? []), linear]);
  }
  return [...together.values()].filter((linears) => linears.length > 1);
}
