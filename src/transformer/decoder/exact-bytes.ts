import { multipliesSignedBytes, unsignedBytes, type Engine } from "../../graph/index.js";
import type { RoundedMatrix } from "./quantize.js";

/**
 * Replaces matrices of signed bytes by unsigned ones where the engine's products of signed bytes are not exact.
 * @param notice told which products are chosen, where there are any.
 */
export async function makeBytesExact(
  engine: Pick<Engine, "session">,
  weights: Map<string, RoundedMatrix>,
  notice?: (sentence: string) => void,
): Promise<void> {
  const inBytes = [...weights].flatMap(([name, matrix]) =>
    "bytes" in matrix ? [[name, matrix] as const] : [],
  );
  if (inBytes.length === 0) return;
  if (await multipliesSignedBytes(engine)) {
    notice?.("Eight bits: products of unsigned with signed bytes, which this processor computes exactly.");
    return;
  }
  notice?.(
    "Eight bits: products of unsigned bytes, since those with signed ones overflow on this processor (it has no VNNI); they take longer.",
  );
  for (const [name, matrix] of inBytes) weights.set(name, unsignedBytes(matrix));
}
