/**
 * The import direction of ARCHITECTURE.md: each folder imports only from folders below it in this list. Folders on one
 * line are siblings and do not import each other.
 */
const LAYERS = [
  ["cli", "public"],
  ["view", "demo"],
  ["serve", "report", "theory"],
  ["page"],
  ["reproduce"],
  ["sharpen"],
  ["evaluate"],
  ["reward"],
  ["task"],
  ["run"],
  ["policy"],
  ["transformer"],
  ["graph"],
  ["core"],
];

/** The same within src/transformer; what stands beside these folders may import all of them. */
const ROOMS = [["decode", "train"], ["decoder"], ["text"], ["format"], ["families"]];

const folders = (names) => `^src/(${names.join("|")})/`;
const rooms = (names) => `^src/transformer/(${names.join("|")})/`;
const TESTS = "\\.test(-helper)?\\.tsx?$";

/**
 * A rule for each folder of a list of layers: it imports neither what stands above it nor what stands beside it.
 * @param {string[][]} layers
 * @param {{ path(names: string[]): string, name(folder: string): string, beyond: string, from?: object }} of `beyond`: what
 *   none of them imports besides
 */
const directionOf = (layers, { path, name, beyond, from = {} }) =>
  layers.flatMap((siblings, depth) =>
    siblings.map((folder) => {
      const above = layers.slice(0, depth).flat();
      const beside = siblings.filter((sibling) => sibling !== folder);
      const others = [...above, ...beside];
      return {
        name: `direction-of-${folder}`,
        severity: "error",
        comment: `${name(folder)} imports only what stands below it: move the shared part down, or pass it in.`,
        from: { path: path([folder]), ...from },
        to: { path: [...(others.length > 0 ? [path(others)] : []), beyond] },
      };
    }),
  );

const direction = [
  ...directionOf(LAYERS, { path: folders, name: (folder) => `src/${folder}`, beyond: "^src/index\\.ts$" }),
  ...directionOf(ROOMS, {
    path: rooms,
    name: (folder) => `src/transformer/${folder}`,
    beyond: "^src/transformer/[^/]+\\.ts$",
    from: { pathNot: TESTS },
  }),
];

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    ...direction,
    {
      name: "unknown-folder",
      severity: "error",
      comment: "A new folder of src gets a place in the list of layers first.",
      from: { path: "^src/[^/]+/", pathNot: folders(LAYERS.flat()) },
      to: {},
    },
    {
      name: "rewards-know-no-model",
      severity: "error",
      comment: "A self-reward sees a pool and a Policy; what computes them is not its business.",
      from: { path: "^src/reward/", pathNot: TESTS },
      to: { path: folders(["transformer", "graph"]) },
    },
    {
      name: "no-command-line-in-library",
      severity: "error",
      comment: "What the library exports must not pull in the command line.",
      from: { path: ["^src/index\\.ts$", folders(["public"])] },
      to: { path: folders(["cli"]) },
    },
    {
      name: "root-loads-no-page",
      severity: "error",
      comment:
        "The page and the theorem lab load what draws figures: whetstone/report and whetstone/theory export them.",
      from: { path: "^src/index\\.ts$" },
      to: { path: folders(["report", "theory"]), reachable: true },
    },
    {
      name: "pages-run-in-browsers",
      severity: "error",
      comment:
        "What the page's live parts import is served to browsers as it is: nothing of Node, nothing but core beside.",
      from: { path: "^src/page/", pathNot: [TESTS, "^src/page/shell\\.tsx$"] },
      to: { path: ["^src/(?!page/|core/)", "preact-render-to-string"], pathNot: ["^node:"] },
    },
    {
      name: "pages-need-no-node",
      severity: "error",
      comment: "Browsers have no modules of Node.",
      from: { path: "^src/page/", pathNot: [TESTS, "^src/page/shell\\.tsx$"] },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "one-place-for-onnxruntime",
      severity: "error",
      comment: "Everything else goes through src/graph, so that the runtime can be replaced there.",
      from: { pathNot: "^src/graph/" },
      to: { path: "onnxruntime-(node|common)" },
    },
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "no-orphans",
      severity: "error",
      comment: "A module that imports nothing and that nothing imports is dead.",
      from: { orphan: true, pathNot: [TESTS, "^src/graph/session-worker\\.mjs$", "^src/index\\.ts$"] },
      to: {},
    },
    {
      name: "no-dev-dependencies-in-source",
      severity: "error",
      comment: "Users of the package do not have them.",
      from: { path: "^src/", pathNot: TESTS },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
    },
    {
      name: "no-tests-in-source",
      severity: "error",
      from: { path: "^src/", pathNot: TESTS },
      to: { path: [TESTS, "^test/"] },
    },
    {
      name: "resolvable",
      severity: "error",
      comment: "An import that leads nowhere fails at run time.",
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsConfig: { fileName: "tsconfig.json" },
    // `import type` counts: a type from above is a dependency on what is above.
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "types", "node", "default"],
    },
  },
};
