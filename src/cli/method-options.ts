import { OwnCodeError } from "../core/errors.js";
import type { Method } from "../sharpen/methods/method.js";
import type { MethodOption, OwnSettings, SettingRange } from "../sharpen/methods/options.js";
import { findMethod, methods, registered } from "../sharpen/methods/registry.js";
import type { OptionSpec } from "./option-spec.js";
import { OPTIONS } from "./options.js";
import { atLeastZero, positive, wholeNumber, type Parse } from "./values.js";

/** Options that come from the registry of methods; their values stand among a command's under the options' names. */
export type MethodOptionSpecs = Readonly<Record<string, OptionSpec<number>>>;

const PARSERS: Readonly<Record<SettingRange, Parse<number>>> = {
  positive: positive(),
  "at least 0": atLeastZero,
  "between 0 and 1": positive(1),
  whole: wholeNumber(1),
};

/** The own options of these methods, each once: what several have in common says whose it is and what each takes without it. */
export function methodOptions(chosen: readonly Method[]): MethodOptionSpecs {
  const uses = new Map<string, { readonly option: MethodOption; readonly methods: string[] }[]>();
  for (const { name, options } of chosen) {
    for (const option of options) {
      const of = uses.get(option.name) ?? [];
      const same = of.find((use) => use.option.otherwise === option.otherwise);
      if (same) same.methods.push(name);
      else of.push({ option, methods: [name] });
      uses.set(option.name, of);
    }
  }
  const alone = chosen.length === 1;
  return Object.fromEntries(
    [...uses].map(([name, of]) => {
      const { flags, help, range } = of[0]!.option;
      const whose = of.flatMap((use) => use.methods).join(", ");
      const defaults = of.map(({ option, methods: names }) =>
        of.length === 1 ? option.otherwise : `${names.join(", ")} ${option.otherwise}`,
      );
      const spec: OptionSpec<number> = {
        flags,
        description: alone ? help : `${whose}: ${help}`,
        parse: PARSERS[range],
        otherwise: `${defaults.join("; ")}${of.length === 1 ? "," : ";"} or the preset's`,
      };
      return [name, spec];
    }),
  );
}

/** Words of a training's record and of the command line that are no options of the table. */
const TAKEN = ["fit", "own", "module", "command", "help"];

/**
 * The method of a word of the command line, by its name or from a module of one's own.
 * @throws as `findMethod`; OwnCodeError where an option of it has the name of one of ours.
 */
export async function methodOf(word: string): Promise<Method> {
  const method = await findMethod(word);
  if (registered(method.name)) return method;
  const taken = method.options.find(({ name }) => Object.hasOwn(OPTIONS, name) || TAKEN.includes(name));
  if (taken === undefined) return method;
  throw new OwnCodeError(
    `${word} has an option ${taken.name}, as whetstone has one; give it another name and flag.`,
  );
}

/** What a command line gives of a method's own settings. */
export function givenOwn({ options }: Method, values: object): OwnSettings {
  const given = values as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    options.flatMap(({ name }) => (typeof given[name] === "number" ? [[name, given[name]]] : [])),
  );
}

/** The flag of a method's own option; undefined where no registered method has one of that name. */
export function ownFlag(name: string): string | undefined {
  const option = Object.values(methods)
    .flatMap(({ options }) => options)
    .find((candidate) => candidate.name === name);
  return option && /--[\w-]+/.exec(option.flags)?.[0];
}
