/**
 * How llama.cpp is compiled for this processor: with the vector extensions that it lists, named one by one. The library's own
 * choice (GGML_NATIVE) takes AMX where there is any, and its kernels for AMX have crashed at the first token.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * CMake's switch of each extension, the flags that /proc/cpuinfo must list for it, and what the compiler must accept. Those
 * that a switch turns on together are one row. AMX is left out on purpose.
 * @type {readonly { readonly option: string, readonly cpu: readonly string[], readonly compiler: readonly string[] }[]}
 */
const EXTENSIONS = [
  { option: "GGML_SSE42", cpu: ["sse4_2"], compiler: ["-msse4.2"] },
  { option: "GGML_AVX", cpu: ["avx"], compiler: ["-mavx"] },
  { option: "GGML_F16C", cpu: ["f16c"], compiler: ["-mf16c"] },
  { option: "GGML_FMA", cpu: ["fma"], compiler: ["-mfma"] },
  { option: "GGML_BMI2", cpu: ["bmi2"], compiler: ["-mbmi2"] },
  { option: "GGML_AVX2", cpu: ["avx2"], compiler: ["-mavx2"] },
  { option: "GGML_AVX_VNNI", cpu: ["avx_vnni"], compiler: ["-mavxvnni"] },
  {
    option: "GGML_AVX512",
    cpu: ["avx512f", "avx512cd", "avx512vl", "avx512dq", "avx512bw"],
    compiler: ["-mavx512f", "-mavx512cd", "-mavx512vl", "-mavx512dq", "-mavx512bw"],
  },
  { option: "GGML_AVX512_VBMI", cpu: ["avx512vbmi"], compiler: ["-mavx512vbmi"] },
  { option: "GGML_AVX512_VNNI", cpu: ["avx512_vnni"], compiler: ["-mavx512vnni"] },
  { option: "GGML_AVX512_BF16", cpu: ["avx512_bf16"], compiler: ["-mavx512bf16"] },
];
const AMX = ["GGML_AMX_TILE", "GGML_AMX_INT8", "GGML_AMX_BF16"];

/**
 * CMake's arguments for a processor of the x86 kind; none for another, where the library's own choice stands.
 * @param {string} cpuinfo what /proc/cpuinfo says; empty where there is no such file
 * @param {(flags: readonly string[]) => boolean} [compiles] whether the compiler accepts flags
 * @returns {readonly string[]} each extension on or off, AMX always off
 */
export function vectorArguments(cpuinfo, compiles = compilerAccepts) {
  const listed = new Set(/^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.trim().split(/\s+/));
  if (listed.size === 0) return [];
  const switched = EXTENSIONS.map(({ option, cpu, compiler }) => {
    const on = cpu.every((flag) => listed.has(flag)) && compiles(compiler);
    return `-D${option}=${on ? "ON" : "OFF"}`;
  });
  return ["-DGGML_NATIVE=OFF", ...switched, ...AMX.map((option) => `-D${option}=OFF`)];
}

/** @returns {string} what /proc/cpuinfo says of this machine; empty where there is none */
export function readCpuinfo() {
  try {
    return readFileSync("/proc/cpuinfo", "utf8");
  } catch {
    return "";
  }
}

/** @param {readonly string[]} flags */
function compilerAccepts(flags) {
  const compiler = process.env["CC"] || "cc";
  const ended = spawnSync(compiler, [...flags, "-E", "-x", "c", "/dev/null"], { stdio: "ignore" });
  return ended.status === 0;
}
