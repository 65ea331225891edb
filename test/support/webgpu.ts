import { existsSync, realpathSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";

/** Where Debian's chromium keeps its Vulkan loader and SwiftShader, a Vulkan device in software. */
const CHROMIUM = "/usr/lib/chromium";
const ICD = "vk_swiftshader_icd.json";
/** Keep a library loaded that turns out to be no module of Node's (RTLD_NODELETE, of Linux). */
const KEEP = 0x1000;

/**
 * Makes a GPU available to this process, if there is none otherwise: SwiftShader, from chromium's package. The loader that ONNX Runtime
 * asks for by name is loaded beforehand, since a library path would have to be set before the process starts.
 * @returns whether there is such a device.
 */
export function provideWebgpu(): boolean {
  const icd = process.env["VK_ICD_FILENAMES"] ?? join(CHROMIUM, ICD);
  const loader = join(dirname(realpathSync(existsSync(icd) ? icd : "/")), "libvulkan.so.1");
  if (process.platform !== "linux" || !existsSync(icd) || !existsSync(loader)) return false;
  process.env["VK_ICD_FILENAMES"] = icd;
  try {
    process.dlopen({ exports: {} }, loader, constants.dlopen.RTLD_NOW | KEEP);
  } catch {
    // It is no module of Node's, and stays loaded all the same.
  }
  return true;
}
