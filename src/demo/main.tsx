import { hydrate } from "preact";
import type { WebRuntime } from "../graph/web-engine.js";
import type { RaceSettings } from "../page/race/frames.js";
import { RaceApp } from "../page/race/race-app.js";
import { demoTrack } from "./demo-track.js";
import { openModel } from "./open-model.js";

/** Where the page's import map has ONNX Runtime for browsers: no package that whoever installs whetstone needs. */
const RUNTIMES: Readonly<Record<"wasm" | "webgpu", string>> = {
  wasm: "onnxruntime-web",
  webgpu: "onnxruntime-web/webgpu",
};

type Runtime = WebRuntime & { readonly env: { readonly wasm: { numThreads?: number } } };

/** What is asked of WebGPU here. */
interface Gpu {
  requestAdapter(): Promise<{ readonly info?: { readonly isFallbackAdapter?: boolean } } | null>;
}

async function fetched(name: string): Promise<ArrayBuffer> {
  const reply = await fetch(new URL(name, new URL("model/", document.baseURI)));
  if (!reply.ok) throw new Error(`The model's file ${name} could not be had (${reply.status}).`);
  return reply.arrayBuffer();
}

/** Whether to compute by WebGPU: where the browser has it for a GPU that is one, and no software; `?device=webgpu` or `wasm` decides otherwise. */
async function usesGpu(): Promise<boolean> {
  const asked = new URL(location.href).searchParams.get("device");
  if (asked !== null) return asked === "webgpu";
  const { gpu } = navigator as { readonly gpu?: Gpu };
  const adapter = await gpu?.requestAdapter();
  return adapter != null && adapter.info?.isFallbackAdapter === false;
}

async function opened() {
  const onGpu = await usesGpu();
  const runtime = (await import(onGpu ? RUNTIMES.webgpu : RUNTIMES.wasm)) as Runtime;
  // A second thread would need headers that static servers do not send.
  runtime.env.wasm.numThreads = 1;
  return openModel(runtime, fetched, onGpu);
}

const settings = JSON.parse(document.getElementById("settings")!.textContent) as RaceSettings;
const policy = opened();
// Told when a race is asked for.
policy.catch(() => undefined);
const freshSeed = (): number => crypto.getRandomValues(new Uint32Array(1))[0]!;
const track = demoTrack(policy, freshSeed);
hydrate(<RaceApp settings={settings} track={track} />, document.getElementById("race")!);
