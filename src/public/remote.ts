// `whetstone/remote`: models behind OpenAI-compatible servers.
export { ApiKey, KEY_VARIABLES, keyFromEnvironment } from "../policy/remote/api-key.js";
export { BatchPolicy, type BatchCounts, type BatchOptions } from "../policy/remote/batch/batch-policy.js";
export type { BatchKind } from "../policy/remote/batch/kinds.js";
export type { ShardOptions } from "../policy/remote/batch/shards.js";
export type { ServersOptions } from "../policy/remote/connect.js";
export { remotePolicy, RemotePolicy } from "../policy/remote/remote-policy.js";
