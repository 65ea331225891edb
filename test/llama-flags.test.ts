import { expect, it } from "vitest";
import { vectorArguments } from "../scripts/llama-flags.mjs";

/** The flags of an Intel processor with AMX, as /proc/cpuinfo lists them (those of memory and virtualization left out). */
const WITH_AMX = `processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz
flags\t\t: fpu sse sse2 ss ht pni pclmulqdq ssse3 fma cx16 sse4_1 sse4_2 movbe popcnt aes xsave avx f16c rdrand abm bmi1 hle avx2 bmi2 avx512f avx512dq rdseed adx avx512ifma avx512cd sha_ni avx512bw avx512vl xsaveopt xsavec avx_vnni avx512_bf16 avx512vbmi avx512_vbmi2 gfni vaes vpclmulqdq avx512_vnni avx512_bitalg avx512_vpopcntdq amx_bf16 avx512_fp16 amx_tile amx_int8
`;
const AVX2_ONLY = "flags\t\t: sse4_2 fma avx f16c avx2 bmi2\nflags\t\t: sse4_2\n";
const anything = (): boolean => true;

const on = (cpuinfo: string, compiles = anything): string[] =>
  vectorArguments(cpuinfo, compiles).flatMap((argument) => /^-DGGML_(\w+)=ON$/.exec(argument)?.[1] ?? []);

it("compiles llama.cpp with every vector extension of a processor, and never with its AMX", () => {
  const avx2 = ["SSE42", "AVX", "F16C", "FMA", "BMI2", "AVX2"];
  expect(on(WITH_AMX)).toEqual([...avx2, "AVX_VNNI", "AVX512", "AVX512_VBMI", "AVX512_VNNI", "AVX512_BF16"]);
  expect(vectorArguments(WITH_AMX, anything)).toEqual(
    expect.arrayContaining([
      "-DGGML_NATIVE=OFF",
      "-DGGML_AMX_TILE=OFF",
      "-DGGML_AMX_INT8=OFF",
      "-DGGML_AMX_BF16=OFF",
    ]),
  );
  expect(on(AVX2_ONLY)).toEqual(avx2);
  // CMake turns on by itself what no argument turns off.
  expect(vectorArguments(AVX2_ONLY, anything)).toContain("-DGGML_AVX512=OFF");
});

it("asks for no extension that only a part of is there, or that the compiler does not know", () => {
  expect(on(WITH_AMX.replace("avx512bw", ""))).not.toContain("AVX512");
  const old = (flags: readonly string[]): boolean => !flags.includes("-mavx512bf16");
  expect(on(WITH_AMX, old as typeof anything)).not.toContain("AVX512_BF16");
});

it("leaves the choice to the library where the processor lists no such extensions", () => {
  expect(vectorArguments("processor\t: 0\nFeatures\t: fp asimd asimddp bf16\n", anything)).toEqual([]);
  expect(vectorArguments("", anything)).toEqual([]);
});
