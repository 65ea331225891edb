import { execFileSync } from "node:child_process";
import {
  cpSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { BadFile, Opener } from "./bad-file.js";
import { safetensorsBytes, tensor } from "./safetensors.js";

const testdata = join(import.meta.dirname, "../../../src/transformer/testdata");
const shard = safetensorsBytes(`{"w":${tensor([2], [0, 8])}}`, 8);
const INDEX = "model.safetensors.index.json";

const folderOf =
  (opener: Opener) =>
  (what: string, fill: (folder: string) => void, message: RegExp | undefined): BadFile => ({
    what,
    opener,
    make: (folder) => {
      const own = join(folder, "model");
      mkdirSync(own);
      fill(own);
      return own;
    },
    message,
  });
const weights = folderOf("weights");
const adapter = folderOf("adapter");

/** An index that puts the tensor w into a file of this name. */
const indexed =
  (name: string, more: (folder: string) => void = () => undefined) =>
  (folder: string) => {
    writeFileSync(join(folder, INDEX), JSON.stringify({ weight_map: { w: name } }));
    more(folder);
  };
const OUTSIDE = /which is not a \.safetensors file of its folder/;

/** The weights of a folder: indices, shards and links. We open no ONNX file but our own, so that these stand in for it. */
export const weightFolders: readonly BadFile[] = [
  weights(
    "a shard one folder up",
    indexed("../model.safetensors", (f) => writeFileSync(join(f, "../model.safetensors"), shard)),
    OUTSIDE,
  ),
  weights("a shard by an absolute path", indexed("/etc/passwd"), OUTSIDE),
  weights("a shard by a path of Windows", indexed("C:\\model.safetensors"), OUTSIDE),
  weights("a shard on another machine", indexed("\\\\host\\share\\model.safetensors"), OUTSIDE),
  weights("a shard in a folder below", indexed("sub/../../model.safetensors"), OUTSIDE),
  weights("a shard with a NUL in its name", indexed("model.safetensors\u0000.bin"), OUTSIDE),
  weights("a shard that is a pickle", indexed("pytorch_model.bin"), OUTSIDE),
  weights("a shard that is not there", indexed("model-00001-of-00002.safetensors"), /there is no such file/),
  weights(
    "a shard that lacks its tensor",
    indexed("a.safetensors", (f) => writeFileSync(join(f, "a.safetensors"), safetensorsBytes("{}", 0))),
    /puts w in a\.safetensors, which does not hold it/,
  ),
  weights(
    "a shard whose tensor ends behind the file",
    indexed("a.safetensors", (f) => writeFileSync(join(f, "a.safetensors"), shard.subarray(0, -4))),
    /truncated/,
  ),
  weights(
    "a shard of holes, a terabyte long",
    indexed("a.safetensors", (f) => {
      writeFileSync(join(f, "a.safetensors"), shard);
      truncateSync(join(f, "a.safetensors"), 2 ** 40);
    }),
    /bytes at its end belong to no tensor/,
  ),
  weights(
    "a link to something else outside",
    indexed("a.safetensors", (f) => symlinkSync("/etc/hostname", join(f, "a.safetensors"))),
    /not a safetensors file|truncated/,
  ),
  weights(
    "a link that leads in a circle",
    indexed("a.safetensors", (f) => symlinkSync("a.safetensors", join(f, "a.safetensors"))),
    /cannot open .*a\.safetensors/,
  ),
  weights(
    "a pipe that nobody writes to",
    indexed("a.safetensors", (f) => execFileSync("mkfifo", [join(f, "a.safetensors")])),
    /is not a file/,
  ),
  weights(
    "a device without an end",
    indexed("a.safetensors", (f) => symlinkSync("/dev/zero", join(f, "a.safetensors"))),
    /is not a file/,
  ),
  weights(
    "2,000 shards",
    (f) => {
      const names = Array.from({ length: 2000 }, (_, i) => [`w${i}`, `m${i}.safetensors`]);
      writeFileSync(join(f, INDEX), JSON.stringify({ weight_map: Object.fromEntries(names) }));
    },
    /lists 2000 files, more than 1024/,
  ),
  weights(
    "an index with a tensor twice",
    (f) => writeFileSync(join(f, INDEX), '{"weight_map":{"w":"a.safetensors","w":"b.safetensors"}}'),
    /has the key "w" twice/,
  ),
  weights(
    "an index without a map",
    (f) => writeFileSync(join(f, INDEX), "[]"),
    /weight_map is missing or malformed/,
  ),
  weights(
    "weights as pickles only",
    (f) => writeFileSync(join(f, "pytorch_model.bin"), "\x80\x04"),
    /pytorch_model\.bin, a format that is never opened here; convert to safetensors/,
  ),
  weights(
    "weights as a checkpoint only",
    (f) => writeFileSync(join(f, "model.ckpt"), "PK"),
    /never opened here; convert to safetensors/,
  ),
  weights(
    "weights as a zip of arrays only",
    (f) => writeFileSync(join(f, "model.npz"), "PK"),
    /never opened here; convert to safetensors/,
  ),
  weights("no weights", () => undefined, /has no weights/),
  // The hub's cache is made of links that lead out of a folder; what they lead to is checked as any file is.
  weights(
    "a link to weights outside",
    indexed("a.safetensors", (f) => {
      writeFileSync(join(f, "../blob"), shard);
      symlinkSync("../blob", join(f, "a.safetensors"));
    }),
    undefined,
  ),
  weights(
    "a second name of a file",
    indexed("a.safetensors", (f) => {
      writeFileSync(join(f, "../blob"), shard);
      linkSync(join(f, "../blob"), join(f, "a.safetensors"));
    }),
    undefined,
  ),
];

const CONFIG = "adapter_config.json";
const MATRICES = "adapter_model.safetensors";
/** The adapter of the tests, with changes. */
const changed = (change: (folder: string) => void) => (folder: string) => {
  cpSync(join(testdata, "tiny-gqa-lora"), folder, { recursive: true });
  change(folder);
};
const withConfig = (fields: object) =>
  changed((folder) => {
    const config = JSON.parse(readFileSync(join(folder, CONFIG), "utf8")) as object;
    writeFileSync(join(folder, CONFIG), JSON.stringify({ ...config, ...fields }));
  });
const withTensors = (header: Readonly<Record<string, readonly number[]>>) =>
  changed((folder) => {
    let end = 0;
    const entries = Object.entries(header).map(([name, shape]) => {
      const start = end;
      end += 4 * shape.reduce((product, size) => product * size, 1);
      return `${JSON.stringify(name)}:${tensor(shape, [start, end])}`;
    });
    writeFileSync(join(folder, MATRICES), safetensorsBytes(`{${entries.join(",")}}`, end));
  });
const linear = "base_model.model.model.layers.0.self_attn.q_proj";

/** Adapters of others, which come as folders of two files. */
export const adapterFolders: readonly BadFile[] = [
  adapter(
    "an adapter without a configuration",
    changed((f) => rmSync(join(f, CONFIG))),
    /there is no such file/,
  ),
  adapter(
    "an adapter as a pickle",
    changed((f) => renameSync(join(f, MATRICES), join(f, "adapter_model.bin"))),
    /never opened here; convert to safetensors/,
  ),
  adapter("an adapter of another kind", withConfig({ peft_type: "IA3" }), /peft_type "IA3" is not supported/),
  adapter("an adapter of rank 0", withConfig({ r: 0 }), /: r is missing or malformed/),
  adapter("an adapter of rank 10^9", withConfig({ r: 1e9 }), /: r is missing or malformed/),
  adapter(
    "an adapter that points to code",
    withConfig({ auto_mapping: null, custom_module: "evil.py" }),
    /custom_module "evil\.py" is not supported/,
  ),
  adapter(
    "an adapter with a rank twice",
    changed((f) => writeFileSync(join(f, CONFIG), '{"peft_type":"LORA","r":4,"r":8,"lora_alpha":8}')),
    /has the key "r" twice/,
  ),
  adapter(
    "matrices cut off",
    changed((f) => truncateSync(join(f, MATRICES), 1000)),
    /truncated/,
  ),
  adapter(
    "half of a pair",
    withTensors({ [`${linear}.lora_A.weight`]: [4, 32] }),
    /the other half of its pair/,
  ),
  adapter(
    "matrices of another rank",
    withTensors({ [`${linear}.lora_A.weight`]: [5, 32], [`${linear}.lora_B.weight`]: [32, 5] }),
    /has the shape \[5, 32\], rank/,
  ),
  adapter(
    "a tensor that is no matrix of an adapter",
    withTensors({ evil: [1] }),
    /the tensor evil is not supported/,
  ),
  adapter(
    "a module whose name climbs",
    withTensors({ "base_model.model.../../x.lora_A.weight": [4, 2] }),
    /looks like a path/,
  ),
];
