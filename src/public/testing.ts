// `whetstone/testing`: the contracts that parts of your own are held to. Each check returns sentences, and needs no test runner.
export { policyViolations, type PolicyContract } from "../policy/violations.js";
export { contractViolations as rewardViolations } from "../reward/contract.js";
export { taskViolations } from "../task/violations.js";
