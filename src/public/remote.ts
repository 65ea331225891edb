// `whetstone/remote`: models behind OpenAI-compatible servers.
export { ApiKey, KEY_VARIABLES, keyFromEnvironment } from "../policy/remote/api-key.js";
export type { ServersOptions } from "../policy/remote/connect.js";
export { remotePolicy, RemotePolicy } from "../policy/remote/remote-policy.js";
