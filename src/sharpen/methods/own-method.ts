import { z } from "zod";
import { OwnCodeError } from "../../core/errors.js";
import { camelCase } from "../../core/names.js";
import { guarded, loadModule, moduleOf, withModule } from "../../core/own-module.js";
import type { FitBatch, FitProblem, Iterate } from "../fit-problem.js";
import type { Method, MethodContext, MethodPlan } from "./method.js";
import { inRange } from "./options.js";

const call = z.custom<unknown>((value) => typeof value === "function", "must be a function");
const count = z.int().min(0);
const text = z.string();

const option = z
  .object({
    name: text.regex(/^[a-z][A-Za-z0-9]*$/, "must be letters and digits, as in maxGap"),
    flags: text.regex(/^--[a-z][a-z0-9]*(-[a-z][a-z0-9]*)* <[^<>]+>$/, "must be as in --max-gap <number>"),
    symbol: text,
    help: text,
    range: z.enum(["positive", "at least 0", "between 0 and 1", "whole"]),
    default: z.number().optional(),
    otherwise: text,
  })
  .refine(
    ({ name, flags }) => camelCase(/^--([\w-]+)/.exec(flags)?.[1] ?? "") === name,
    "its flag must be its name in lower case with dashes",
  )
  .refine(
    ({ range, default: given }) => given === undefined || inRange(range, given),
    "its default is out of its range",
  );

const shape = z.object({
  name: text.regex(/^[a-z][a-z0-9-]{0,63}$/, "must be lower case, digits and hyphens"),
  title: text.min(1),
  brief: text,
  summary: text,
  details: text.optional(),
  examples: z.array(z.tuple([text, text])),
  options: z
    .array(option)
    .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, "two options have one name"),
  trainN: z.object({
    default: z.union([z.int().min(1), z.literal("n")]),
    least: z.int().min(1),
    help: text.optional(),
  }),
  patience: count,
  presetsOf: text.optional(),
  draws: z.array(
    z.object({
      name: text.regex(/^[A-Za-z0-9][\w-]*\.jsonl$/, "must be the name of a .jsonl file"),
      bySettings: z.boolean(),
    }),
  ),
  page: z.object({
    losses: text,
    kept: text,
    facts: z.array(z.object({ fact: text, label: text, write: z.enum(["count", "digits"]) })),
  }),
  iterate: z.enum(["epoch", "round"]),
  remarks: call.optional(),
  check: call.optional(),
  plan: call,
});

const planShape = z.object({
  fitTo: call,
  iterates: z.int().min(1),
  facts: z.looseObject({
    modelCalls: count.optional(),
    validationCalls: count.optional(),
    quantities: z.record(text, z.number()).optional(),
  }),
});
const problemShape = z.object({
  iterates: z.int().min(1),
  passes: z.int().min(1),
  count: call,
  examples: call,
  batch: call,
  judge: call,
  wholeIterates: z.boolean().optional(),
});
const batchShape = z.object({
  sequences: z.array(z.object({ prompt: z.looseObject({ id: text }), tokens: z.array(count).min(1) })).min(1),
  objective: z.object({
    evaluate: call,
    constantGradient: z.instanceof(Float64Array, { error: "must be a Float64Array" }).optional(),
  }),
  size: z.number().positive(),
});
const judgedShape = z.object({ validationLoss: z.number() });

/**
 * A method from a module of one's own: its shape is checked now, and what it plans as it comes.
 * @throws as `loadModule`; what its functions throw, or give of another shape, is an OwnCodeError that names the file.
 */
export async function loadMethod(word: string): Promise<Method> {
  const own = await loadModule<Method>(word, "method", shape);
  const { name, title, brief, summary, details, examples, options, trainN, patience, presetsOf } = own;
  const method: Method = {
    ...{ name, title, brief, summary, examples, options, trainN, patience },
    ...{ iterate: own.iterate, draws: own.draws, page: own.page },
    ...(details !== undefined && { details }),
    ...(presetsOf !== undefined && { presetsOf }),
    ...(own.remarks && { remarks: (adapter) => own.remarks!(adapter) }),
    ...(own.check && { check: (settings, reward) => own.check!(settings, reward) }),
    plan: async (context: MethodContext) =>
      checkedPlan(must<MethodPlan>(planShape, await own.plan(context), word, "plan"), word),
  };
  return withModule(method, moduleOf(own)!);
}

function checkedPlan(plan: MethodPlan, word: string): MethodPlan {
  const { iterates, facts } = plan;
  const fitTo: MethodPlan["fitTo"] = async (fit) => {
    let ours: { readonly error: unknown } | undefined;
    const fitChecked: typeof fit = async (problem) => {
      const checked = checkedProblem(must<typeof problem>(problemShape, problem, word, "problem"), word);
      try {
        return await fit(checked);
      } catch (error) {
        ours = { error };
        throw error;
      }
    };
    try {
      return await guarded(plan, word).fitTo(fitChecked);
    } catch (error) {
      // What fails in the training itself is no fault of the module that called it.
      throw ours ? ours.error : error;
    }
  };
  return { iterates, facts, fitTo };
}

function checkedProblem<E>(problem: FitProblem<E>, word: string): FitProblem<E> {
  const own = guarded(problem, word);
  return {
    iterates: own.iterates,
    passes: own.passes,
    // Examples of a module's own may depend on the trainer as it is, unless it says that they don't.
    wholeIterates: own.wholeIterates ?? true,
    count: (t) => must<number>(count, own.count(t), word, "count of examples"),
    examples: async (t, trainer) =>
      must<readonly E[]>(
        z.array(z.unknown()).min(1),
        await own.examples(t, trainer),
        word,
        "list of examples",
      ),
    batch: (examples) => {
      const batch = must<FitBatch>(batchShape, own.batch(examples), word, "batch");
      return { ...batch, objective: guarded(batch.objective, word) };
    },
    judge: async (trainer, epoch) =>
      must<Pick<Iterate, "validationLoss" | "objective">>(
        judgedShape,
        await own.judge(trainer, epoch),
        word,
        "judgement",
      ),
  };
}

/** The value itself, known to be of its shape. @throws OwnCodeError naming the file and the field. */
function must<T>(schema: z.ZodType, value: unknown, word: string, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return value as T;
  const { path = [], message = "not allowed" } = parsed.error.issues[0] ?? {};
  const where = path.length === 0 ? "" : `its "${path.join(".")}": `;
  throw new OwnCodeError(`${word} gave a ${what} that cannot be used (${where}${message}).`);
}
