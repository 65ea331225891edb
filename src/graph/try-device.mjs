/**
 * A process that runs a graph of one input with one of ONNX Runtime's providers: `node try-device.mjs <provider>`, the ONNX file on stdin. It
 * fails with what went wrong on stdout: a driver may write to stderr, or end the process. Plain JavaScript, as `session-worker.mjs` is.
 */
import { readFileSync } from "node:fs";
import * as ort from "onnxruntime-node";

try {
  const executionProviders = [process.argv[2] ?? "cpu"];
  const session = await ort.InferenceSession.create(readFileSync(0), {
    executionProviders,
    logSeverityLevel: 4,
  });
  await session.run({ x: new ort.Tensor("float32", Float32Array.of(1), [1]) });
} catch (error) {
  process.stdout.write(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
