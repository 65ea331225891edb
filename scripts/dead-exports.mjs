/**
 * Every export of src is used by another file that is not a test, or is public: named by an index that `exports` in
 * package.json points to. A type may also be alive through its own file, where another export's signature names it.
 */
import { relative, sep } from "node:path";
import ts from "typescript";
import { entryFiles, isCode, isTest, projectFiles } from "./lib/files.mjs";
import { isMain, report } from "./lib/report.mjs";

/** Files that are started, not imported. */
const STARTED = [
  "src/graph/session-worker.mjs",
  "src/page/race/main.tsx",
  "src/task/parquet-reader.mjs",
  "src/transformer/text/template-renderer.mjs",
  "src/transformer/text/tokenizer-worker.mjs",
];

/**
 * Exports that only tests use, each with the reason why it is exported all the same.
 * @type {readonly TestOnlyExport[]}
 * @typedef {{ readonly file: string, readonly name: string, readonly reason: string }} TestOnlyExport
 */
const TEST_ONLY = [
  { file: "src/theory/hard-family.ts", name: "posteriorLearner", reason: "compared with enumeration" },
  { file: "src/theory/instance.ts", name: "hardOther", reason: "hand-worked values" },
  { file: "src/theory/linear-xpo.ts", name: "ballQuadratic", reason: "compared with a grid" },
  { file: "src/theory/linear-xpo.ts", name: "symmetricEigen", reason: "compared with closed forms" },
  { file: "src/run/records.ts", name: "storedResponse", reason: "its rounding is a promise of its own" },
  { file: "src/reward/judge.ts", name: "EncodingPolicy", reason: "tests build a policy of this type" },
  {
    file: "src/reward/pessimism.ts",
    name: "pessimismThreshold",
    reason: "checked against its defining equation",
  },
  { file: "src/theory/statistics.ts", name: "leastSquares", reason: "checked against exact lines" },
  {
    file: "src/sharpen/objectives/fit.ts",
    name: "parameterLoss",
    reason: "gradients are checked against finite differences",
  },
  { file: "src/theory/draws.ts", name: "binomial", reason: "its law is tested" },
  {
    file: "src/theory/quantities.ts",
    name: "isSharpened",
    reason: "Def. 3.1 as a predicate, tested by hand-worked cases",
  },
  {
    file: "src/policy/linear-softmax.ts",
    name: "parameterFingerprint",
    reason: "digests are compared in tests",
  },
  { file: "src/page/palette.ts", name: "COLOURS", reason: "its contrasts are computed" },
  { file: "src/page/race/event-stream.ts", name: "FrameReader", reason: "cut everywhere in tests" },
  { file: "src/page/race/standing.ts", name: "reasonOut", reason: "its words are tested alone" },
  { file: "src/page/race/lanes.tsx", name: "tintOf", reason: "its steps are tested alone" },
  { file: "src/transformer/model.ts", name: "digestOf", reason: "a digest must change with one weight" },
  { file: "src/task/hub-data.ts", name: "hubCache", reason: "the environment variables are tested alone" },
  { file: "src/task/game24/traces.ts", name: "traces", reason: "the brute-force reference of the task" },
  { file: "src/reward/subset-choice.ts", name: "fewSubsets", reason: "its bound is tested at its edges" },
  { file: "src/page/view/place.ts", name: "placeOf", reason: "an address must lead back where it came from" },
  {
    file: "src/sharpen/power/chains.ts",
    name: "exactAcceptance",
    reason: "detailed balance is checked with it",
  },
  {
    file: "src/policy/tabular.ts",
    name: "tabularClass",
    reason: "the exact policy that objectives are tested on",
  },
  {
    file: "src/policy/tabular.ts",
    name: "tabularPolicy",
    reason: "the exact policy that sampling methods are tested on",
  },
  {
    file: "src/reward/contract.ts",
    name: "chosenByEnumeration",
    reason: "the brute force of the reward contract",
  },
  { file: "src/cli/remedies.ts", name: "REMEDIES", reason: "held to the reasons that the library gives" },
];

/**
 * @param {string} root
 * @param {readonly TestOnlyExport[]} [testOnly]
 * @returns {string[]} one sentence per dead export and per needless entry of `testOnly`
 */
export function checkExports(root, testOnly = []) {
  const program = createProgram(root);
  const checker = program.getTypeChecker();
  const pathOf = (/** @type {ts.SourceFile} */ file) => relative(root, file.fileName).split(sep).join("/");
  const { library, commands } = entryFiles(root);
  const entries = new Set([...library, ...commands, ...STARTED]);
  const ours = program.getSourceFiles().filter((file) => !/node_modules|^\.\./.test(pathOf(file)));
  const used = new Set();
  const usedByTests = new Set();
  for (const file of ours) {
    const target = isTest(pathOf(file)) || pathOf(file).startsWith("test/") ? usedByTests : used;
    for (const symbol of symbolsUsed(checker, file, entries.has(pathOf(file)))) target.add(symbol);
  }

  /** @type {string[]} */
  const violations = [];
  for (const file of ours) {
    const path = pathOf(file);
    if (!path.startsWith("src/") || isTest(path) || entries.has(path)) continue;
    for (const { name, symbol } of ownExports(checker, file)) {
      const listed = testOnly.some((entry) => entry.file === path && entry.name === name);
      const alive = used.has(symbol) || isNamedInSignature(checker, file, symbol);
      if (alive && listed)
        violations.push(`${path}: ${name} is used by the source: take it off the test-only list.`);
      if (alive || (listed && usedByTests.has(symbol))) continue;
      const uses = usedByTests.has(symbol) ? "only tests use" : "nothing uses";
      violations.push(`${path}: ${uses} the export ${name}: remove it, stop exporting it, or use it.`);
    }
  }
  return [...violations, ...missingEntries(testOnly, ours.map(pathOf))];
}

/**
 * @param {readonly TestOnlyExport[]} testOnly
 * @param {readonly string[]} paths
 */
function missingEntries(testOnly, paths) {
  return testOnly
    .filter(({ file, reason }) => !paths.includes(file) || reason.trim() === "")
    .map(({ file, name }) => `The test-only list's entry ${file}: ${name} has no such file, or no reason.`);
}

/** @param {string} root */
function createProgram(root) {
  const files = ["src", "test", "bench", "scripts", "models"]
    .flatMap((folder) => projectFiles(root, folder))
    .filter(isCode);
  const options = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    // Scripts import what is built; without the built files (see `hidden`) that leads to the source.
    rootDirs: [`${root}/src`, `${root}/dist`],
    jsx: ts.JsxEmit.ReactJSX,
    jsxImportSource: "preact",
    allowJs: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  const hidden = `${root}/dist/`;
  host.fileExists = (path) => !path.startsWith(hidden) && ts.sys.fileExists(path);
  return ts.createProgram(
    files.map((path) => `${root}/${path}`),
    options,
    host,
  );
}

/**
 * The exports that a file declares itself, with their symbols; what it merely passes on belongs to another file, and a typedef
 * of JavaScript is exported whether it is meant to be or not.
 * @param {ts.TypeChecker} checker
 * @param {ts.SourceFile} file
 */
function ownExports(checker, file) {
  const module = checker.getSymbolAtLocation(file);
  return (module ? checker.getExportsOfModule(module) : [])
    .map((symbol) => ({ name: symbol.name, symbol: original(checker, symbol) }))
    .filter(({ symbol }) =>
      symbol.declarations?.some(
        (declaration) => declaration.getSourceFile() === file && !ts.isJSDocTypedefTag(declaration),
      ),
    );
}

/**
 * Symbols declared elsewhere that a file uses by name: through an import, a namespace, `import()`, or a type. A file
 * that passes names on (`export … from`) uses them only if it is an entry.
 * @param {ts.TypeChecker} checker
 * @param {ts.SourceFile} file
 * @param {boolean} isEntry
 * @returns {Set<ts.Symbol>}
 */
function symbolsUsed(checker, file, isEntry) {
  /** @type {Set<ts.Symbol>} */
  const found = new Set();
  const add = (/** @type {ts.Symbol | undefined} */ symbol) => {
    const target = symbol && original(checker, symbol);
    if (target?.declarations?.some((declaration) => declaration.getSourceFile() !== file)) found.add(target);
  };
  const visit = (/** @type {ts.Node} */ node) => {
    if (ts.isExportDeclaration(node) && !isEntry) return;
    // An import is not a use: the compiler refuses one that is never named again.
    if (ts.isImportDeclaration(node)) return;
    if (ts.isIdentifier(node)) add(checker.getSymbolAtLocation(node));
    // `{ name }`: at the identifier the checker has the property, not what it is of.
    if (ts.isShorthandPropertyAssignment(node)) add(checker.getShorthandAssignmentValueSymbol(node));
    if (ts.isBindingElement(node) && ts.isObjectBindingPattern(node.parent)) {
      // `const { name } = await import("./x.js")`: the name is a property of what is taken apart.
      const name = node.propertyName ?? node.name;
      const { initializer } = /** @type {ts.HasInitializer} */ (node.parent.parent);
      const whole = checker.getTypeAtLocation(initializer ?? node.parent);
      if (ts.isIdentifier(name)) add(whole.getProperty(name.text));
    }
    if (ts.isExportDeclaration(node) && !node.exportClause) {
      const module = node.moduleSpecifier && checker.getSymbolAtLocation(node.moduleSpecifier);
      if (module) for (const symbol of checker.getExportsOfModule(module)) add(symbol);
    }
    // `import("./x.js").Name` in a doc comment of a JavaScript file.
    const comments = /** @type {{ jsDoc?: readonly ts.JSDoc[] }} */ (node).jsDoc ?? [];
    for (const comment of comments) ts.forEachChild(comment, visit);
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(file, visit);
  return found;
}

/**
 * Whether an exported type is named elsewhere in its own file, as a part of something that is exported.
 * @param {ts.TypeChecker} checker
 * @param {ts.SourceFile} file
 * @param {ts.Symbol} symbol
 */
function isNamedInSignature(checker, file, symbol) {
  const isType = symbol.declarations?.every(
    (declaration) => ts.isInterfaceDeclaration(declaration) || ts.isTypeAliasDeclaration(declaration),
  );
  if (!isType) return false;
  let named = false;
  const visit = (/** @type {ts.Node} */ node) => {
    if (named || symbol.declarations?.includes(/** @type {ts.Declaration} */ (node)) || ts.isBlock(node))
      return;
    if (ts.isIdentifier(node) && checker.getSymbolAtLocation(node) === symbol) named = true;
    ts.forEachChild(node, visit);
  };
  for (const statement of file.statements) {
    const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined;
    if (modifiers?.some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword)) visit(statement);
  }
  return named;
}

/**
 * @param {ts.TypeChecker} checker
 * @param {ts.Symbol} symbol
 */
function original(checker, symbol) {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

if (isMain(import.meta.url)) report(checkExports(process.cwd(), TEST_ONLY), "every export is used");
