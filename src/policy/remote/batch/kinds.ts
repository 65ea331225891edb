/** Programs that take batch files, by the owner under which a server of theirs lists its models. */
export const BATCH_KINDS = ["vllm", "openai"] as const;
export type BatchKind = (typeof BATCH_KINDS)[number];
