/**
 * The import direction of ARCHITECTURE.md: each folder imports only from folders below it in this list. Folders on one
 * line are siblings and do not import each other.
 */
const LAYERS = [
  ["cli"],
  ["serve", "report", "theory"],
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

const folders = (names) => `^src/(${names.join("|")})/`;
const TESTS = "\\.test(-helper)?\\.ts$";

const direction = LAYERS.flatMap((siblings, depth) =>
  siblings.map((name) => {
    const above = LAYERS.slice(0, depth).flat();
    const beside = siblings.filter((sibling) => sibling !== name);
    return {
      name: `direction-of-${name}`,
      severity: "error",
      comment: `src/${name} imports only what stands below it: move the shared part down, or pass it in.`,
      from: { path: folders([name]) },
      to: {
        path: [
          ...(above.length + beside.length > 0 ? [folders([...above, ...beside])] : []),
          "^src/index\\.ts$",
        ],
      },
    };
  }),
);

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
      comment: "The library's index must not pull in the command line.",
      from: { path: "^src/index\\.ts$" },
      to: { path: folders(["cli"]) },
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
