import type { Policy } from "./policy.js";

/** The methods that some policies have and others lack. */
type OptionalMethod = {
  [K in keyof Policy]-?: undefined extends Policy[K]
    ? NonNullable<Policy[K]> extends (...given: never[]) => unknown
      ? K
      : never
    : never;
}[keyof Policy];

/** By name, so that the compiler asks for each that is added to `Policy`. */
const NAMES: Readonly<Record<OptionalMethod, true>> = {
  beam: true,
  score: true,
  entropies: true,
  firstTokens: true,
  encode: true,
  pieces: true,
  likeliest: true,
  promptTokens: true,
};

/** Those of the methods a policy may lack that this one has, for an object that stands before it. */
export function optionalMethods(policy: Policy): Pick<Policy, OptionalMethod> {
  const names = Object.keys(NAMES) as OptionalMethod[];
  return Object.fromEntries(
    names.flatMap((name) => (policy[name] ? [[name, policy[name].bind(policy)]] : [])),
  );
}
