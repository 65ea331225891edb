import eslint from "@eslint/js";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

/** House rules as syntax; each says what to do instead. */
const noDefaultExport = {
  selector: "ExportDefaultDeclaration, ExportSpecifier[exported.name='default']",
  message: "Named exports only: a name is the same wherever it is used.",
};
const noRandom = {
  selector: "MemberExpression[object.name='Math'][property.name='random']",
  message: "Randomness comes from src/core/random.ts, seeded, so that the same seed gives the same result.",
};
const CLOCK =
  "CallExpression[callee.object.name=/^(Date|performance)$/][callee.property.name='now'], NewExpression[callee.name='Date'][arguments.length=0]";
const noClock = {
  selector: CLOCK,
  message: "The library does not read the clock: take the time as an argument from the command line.",
};
const noStopwatch = {
  selector: CLOCK,
  message:
    "Tests assert values: what takes how long is measured in bench/, and bounded in test/models at most.",
};

const noEscapeInMarkup = {
  selector: "JSXText[raw=/\\\\u/], JSXAttribute > Literal[raw=/\\\\u/]",
  message: 'Escapes are not read in markup: they would stand on the page as they are. Write {"…"}.',
};
const SOURCE = ["src/**/*.ts", "src/**/*.tsx", "src/**/*.mjs"];
const TESTS = ["**/*.test.ts", "**/*.test.tsx", "**/*.test-helper.ts", "test/**/*.ts"];

export default defineConfig(
  {
    ignores: [
      "dist/",
      "docs/api/",
      "docs/.vitepress/",
      "runs/",
      "coverage/",
      "node_modules/",
      ".dependency-cruiser.cjs",
    ],
  },
  eslint.configs.recommended,
  tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "no-undef": "off", // the compiler knows better, and knows Node's globals
      "no-restricted-syntax": ["error", noDefaultExport, noEscapeInMarkup],
      "no-warning-comments": ["error", { terms: ["todo", "fixme", "xxx"] }],
      // Typography in what people read: thin and non-breaking spaces.
      "no-irregular-whitespace": ["error", { skipStrings: true, skipTemplates: true }],
      eqeqeq: ["error", "always", { null: "ignore" }],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      // An interface that may wait is implemented by things that need not.
      "@typescript-eslint/require-await": "off",
    },
  },
  {
    files: SOURCE,
    ignores: TESTS,
    rules: {
      "no-console": "error",
      "no-restricted-syntax": ["error", noDefaultExport, noEscapeInMarkup, noRandom, noClock],
    },
  },
  {
    files: ["src/cli/**/*.ts"],
    ignores: TESTS,
    rules: { "no-console": "off", "no-restricted-syntax": ["error", noDefaultExport, noRandom] },
  },
  {
    files: TESTS,
    rules: {
      "no-restricted-syntax": ["error", noDefaultExport, noRandom],
      // Tests read JSON that the code under test wrote; the assertions are the types there.
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-return": "off",
      "@typescript-eslint/unbound-method": "off", // `expect(x.method)` compares, and calls nothing
    },
  },
  {
    files: TESTS,
    ignores: ["test/models/**", "test/support/**"],
    rules: { "no-restricted-syntax": ["error", noDefaultExport, noRandom, noStopwatch] },
  },
  {
    files: ["**/*.mjs"],
    ignores: SOURCE,
    rules: {
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-return": "off",
    },
  },
  // Tools that want a default export.
  { files: ["vitest*.config.ts", "eslint.config.mjs"], rules: { "no-restricted-syntax": "off" } },
);
