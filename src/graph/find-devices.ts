import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { DEVICES, deviceFault, type Device, type DeviceName } from "./device.js";
import { encode, EXTERNAL_LIMIT } from "./encode.js";
import { Graph } from "./graph.js";
import { add } from "./operators/elementwise.js";

/** A kind of device. */
export interface FoundDevice {
  readonly name: DeviceName;
  /** Why this machine cannot use it, in a sentence; absent where it can. */
  readonly problem?: string;
}

const TRIAL = fileURLToPath(new URL("./try-device.mjs", import.meta.url));
/** A driver that hangs is none to use. */
const PATIENCE_MS = 20_000;

/** Tries each kind of device on a sum, in a process of its own: what is said to be there has computed something. */
export function findDevices(): readonly FoundDevice[] {
  const graph = new Graph();
  const x = graph.input("x", "float32", [1]);
  graph.outputs.push(add(x, x));
  const { model } = encode(graph, EXTERNAL_LIMIT);
  return Object.values(DEVICES).map((device) => ({ name: device.name, ...tried(device, model) }));
}

function tried(device: Device, model: Uint8Array): { readonly problem?: string } {
  const { status, stdout } = spawnSync(process.execPath, [TRIAL, device.provider], {
    ...{ input: model, encoding: "utf8", timeout: PATIENCE_MS, stdio: ["pipe", "pipe", "ignore"] },
  });
  if (status === 0) return {};
  const [said = ""] = stdout.trim().split("\n");
  return {
    problem: deviceFault(device, said)?.problem ?? `It does not compute here (${said || "no answer"})`,
  };
}
