import { multipliesSignedBytes, unsignedBytes, type Engine } from "../../graph/index.js";
import type { RoundedMatrix } from "./quantize.js";

/** Replaces matrices of signed bytes by unsigned ones where the engine's products of signed bytes are not exact. */
export async function makeBytesExact(
  engine: Pick<Engine, "session">,
  weights: Map<string, RoundedMatrix>,
): Promise<void> {
  const inBytes = [...weights].flatMap(([name, matrix]) =>
    "bytes" in matrix ? [[name, matrix] as const] : [],
  );
  if (inBytes.length === 0 || (await multipliesSignedBytes(engine))) return;
  for (const [name, matrix] of inBytes) weights.set(name, unsignedBytes(matrix));
}
