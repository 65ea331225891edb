export {
  runTheory,
  type RowReport,
  type TheoryOptions,
  type TheoryProgress,
  type TheoryReport,
} from "./run.js";
export { theoryPage } from "./page.js";
export { theoryMarkdown } from "./markdown.js";
export { statementIndex, theoryList, theoryTable } from "./table.js";
export { errata, type Erratum } from "./errata.js";
export { errataMarkdown } from "./errata-text.js";
export { numberedStatements, type NumberedStatement } from "./statements.js";
export { rows } from "./rows/index.js";
export type {
  Axis,
  Check,
  Effort,
  Figure,
  Mutation,
  RateFit,
  Row,
  RowOptions,
  RowResult,
  Series,
  Verdict,
} from "./row.js";
