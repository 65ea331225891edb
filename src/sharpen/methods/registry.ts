import { OwnCodeError, UsageError } from "../../core/errors.js";
import { OWN_MODULE, unknownName } from "../../core/names.js";
import { isModulePath } from "../../core/own-module.js";
import type { MethodWords } from "../../evaluate/collapse.js";
import { rewards } from "../../reward/registry.js";
import type { SelfReward } from "../../reward/self-reward.js";
import { checkFit } from "../fit-adapter.js";
import { adaptiveSft } from "./adaptive-sft.js";
import { dpo } from "./dpo.js";
import type { Method, MethodSettings } from "./method.js";
import { checkOwn } from "./options.js";
import { loadMethod } from "./own-method.js";
import { powerSft } from "./power-sft.js";
import { rwr } from "./rwr.js";
import { sft } from "./sft.js";
import { temperature } from "./temperature.js";
import { unselected } from "./unselected.js";
import { xpo } from "./xpo.js";

/** Every method, in the order of training and of tables. A new one is a file in this folder and an item in this list. */
const all: readonly Method[] = [sft, dpo, xpo, adaptiveSft, rwr, temperature, powerSft, unselected];

/** Every method by its name, in the order of training and of tables. */
export const methods: Readonly<Record<string, Method>> = Object.fromEntries(
  all.map((method) => [method.name, method]),
);

/** The method of that name. @throws UsageError listing the names, if there is none. */
export function methodNamed(name: string): Method {
  const method = registered(name);
  if (method) return method;
  throw unknownName("method", name, Object.keys(methods), OWN_MODULE);
}

/**
 * The method of a name, or of a module of one's own (`./mine.js`).
 * @throws as `methodNamed` and `loadMethod`; OwnCodeError for a name that is taken.
 */
export async function findMethod(word: string): Promise<Method> {
  if (!isModulePath(word)) return methodNamed(word);
  const own = await loadMethod(word);
  if (!registered(own.name)) return own;
  throw new OwnCodeError(`${word} names its method ${own.name}, as one of ours is; give it another name.`);
}

/** The method of that name; undefined for one that another program brought along, of which a run may have an adapter. */
export function registered(name: string): Method | undefined {
  return Object.hasOwn(methods, name) ? methods[name] : undefined;
}

/** What a method is called beside itself where it learns what another reward prefers: `sft-majority`. */
export const nameBy = (method: string, reward: string): string => `${method}-${reward}`;
/** The same in a sentence: `SFT by majority`. */
export const titleBy = (title: string, reward: string): string => `${title} by ${reward}`;

/** What a name says: a registered method, or one by a reward (`nameBy`); undefined for a method that another program brought along. */
export function partsOf(name: string): { readonly method: Method; readonly reward?: string } | undefined {
  const method = registered(name);
  if (method) return { method };
  return all
    .flatMap((method) => Object.keys(rewards).map((reward) => ({ method, reward })))
    .find((parts) => nameBy(parts.method.name, parts.reward) === name);
}

/**
 * How a method is written in a sentence, by a reward or not; the name of one that is not registered stays.
 * @param after what follows its title: `-Sharpening`.
 */
export function titleOf(name: string, after = ""): string {
  const parts = partsOf(name);
  if (!parts) return name + after;
  const title = parts.method.title + after;
  return parts.reward === undefined ? title : titleBy(title, parts.reward);
}

/** How findings and pages speak of a method, whether it is registered or not. */
export function wordsOf(name: string): MethodWords {
  const parts = partsOf(name);
  return parts ? { ...parts.method, name } : { name, iterate: "epoch" };
}

/** Names of methods in the order of tables: registered ones first. */
export function inOrder(names: readonly string[]): string[] {
  const place = (name: string): number => {
    const at = Object.keys(methods).indexOf(name);
    return at < 0 ? Infinity : at;
  };
  return [...names].sort((a, b) => (place(a) === place(b) ? 0 : place(a) - place(b)));
}

/**
 * Refuses, before anything is drawn, what the method cannot do.
 * @throws UsageError naming the setting, or the reward.
 */
export function checkMethod(method: Method, settings: MethodSettings, reward: SelfReward): void {
  const { title, options, trainN } = method;
  if (!Number.isInteger(settings.trainN) || settings.trainN < trainN.least) {
    throw new UsageError(
      `trainN of ${title} must be a whole number of at least ${trainN.least}, not ${settings.trainN}.`,
    );
  }
  const { keep, start } = checkFit(settings.fit);
  if (start === method.name) throw new UsageError(`${title} cannot begin at its own adapter; name another.`);
  if (keep === "objective" && reward.randomized) {
    throw new UsageError(
      `J_β is an expectation of the reward, and the scores of ${reward.name} are a random choice; keep the iterate of ${title} by its loss.`,
    );
  }
  method.check?.(settings, reward);
  checkOwn(title, options, settings.own);
}

/**
 * Refuses a method that is to begin at an adapter that is not there and will not be by then.
 * @param dir the run's folder, which has adapters of these names. @throws UsageError naming the adapter.
 */
export function checkStarts(
  trainings: readonly { readonly method: Method; readonly fit: { readonly start?: string } }[],
  dir: string,
  adapters: readonly string[],
): void {
  const there = new Set(adapters);
  for (const { method, fit } of trainings) {
    if (fit.start !== undefined && !there.has(fit.start))
      throw new UsageError(
        `${method.title} is to begin at the adapter ${fit.start}, which ${dir} does not have; train that first.`,
      );
    there.add(method.name);
  }
}
