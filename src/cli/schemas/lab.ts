import { z } from "zod";
import type { Check, Figure, Mutation, RateFit, Series } from "../../theory/row.js";
import type { RowReport, TheoryReport } from "../../theory/run.js";

type Shape<T> = Record<keyof T, z.ZodType>;

const text = z.string();
const whole = z.int().min(0);
const number = z.number().nullable().describe("null where it is infinite, or there is none.");
const verdict = z.enum(["holds", "not refuted", "fails"]);

const check = z.strictObject({
  claim: text,
  measured: number,
  relation: z.enum(["<=", ">="]),
  bound: number,
  constants: text,
  verdict,
} satisfies Shape<Check>);
const fit = z.strictObject({
  name: text,
  slope: number,
  low: number,
  high: number,
  error: number,
  range: number,
  expected: z.number(),
  tolerance: z.number(),
  kind: z.enum(["equal", "at most"]),
  verdict,
} satisfies Shape<RateFit>);
const axis = z.strictObject({ label: text, log: z.boolean().exactOptional() });
const series = z.strictObject({
  name: text,
  kind: z.enum(["measured", "bound", "reference"]),
  points: z.array(
    z.strictObject({ x: number, y: number, low: number.exactOptional(), high: number.exactOptional() }),
  ),
} satisfies Shape<Series>);
const figure = z.strictObject({
  title: text,
  x: axis,
  y: axis,
  series: z.array(series),
  caption: text,
} satisfies Shape<Figure>);
const named = { id: text, title: text, statement: text, source: z.array(text), file: text };
const row = z.strictObject({
  ...named,
  family: text,
  limits: text,
  mutations: z.array(z.strictObject({ id: text, description: text } satisfies Shape<Mutation>)),
  instances: whole,
  checks: z.array(check),
  fits: z.array(fit),
  figure,
  summary: text,
  notes: z.array(text),
  verdict,
} satisfies Shape<RowReport>);

/** The last line of `theory`. */
export const theory = z.union([
  z
    .strictObject({
      seed: whole,
      effort: z.enum(["test", "fast", "thorough"]),
      rows: z.array(row),
      holds: z.boolean(),
      page: text,
    } satisfies Shape<TheoryReport & { page: string }>)
    .describe("What was found."),
  z
    .strictObject({
      rows: z.array(z.strictObject(named)),
      index: z.array(z.strictObject({ statement: text, rows: z.array(text) })),
    })
    .describe("With --list."),
  z
    .strictObject({
      errata: z.array(
        z.strictObject({
          ...{ id: text, where: text, printed: text, matters: text, text },
          mended: z.boolean(),
          refuted: z.boolean(),
        }),
      ),
    })
    .describe("With --errata."),
]);
