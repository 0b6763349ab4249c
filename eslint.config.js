import js from "@eslint/js";
import svelte from "eslint-plugin-svelte";
import globals from "globals";
import tseslint from "typescript-eslint";

/** Room walls (docs: "Rooms"): what a folder may not import, as patterns over the text of the import. */
const v86 = {
  regex: "^v86($|/)",
  message: "Only emulator/machine may import v86: one typed adapter knows its internals.",
};
const node = {
  regex: "^node:",
  message: "This runs in a browser. Node-only code belongs in emulator/node.ts, scripts/ or test/.",
};
const rooms = (names, message) => ({ regex: `^\\.\\.?/(.*/)?(${names})(/|$)`, message });

const walls = (files, patterns, ignores = []) => ({
  files: files.flatMap((folder) => [`${folder}/**/*.ts`, `${folder}/**/*.svelte`]),
  ignores,
  rules: { "no-restricted-imports": ["error", { patterns }] },
});
const tests = ["**/*.test.ts"];

export default tseslint.config(
  {
    ignores: [
      "dist/",
      "build/",
      "node_modules/",
      "test-results/",
      "playwright-report/",
      "kernel/",
      "guest/",
      "images/registry/",
      "**/.build/",
      "examples/",
    ],
  },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  ...svelte.configs.recommended,
  {
    languageOptions: {
      globals: { ...globals.browser, ...globals.node },
      parserOptions: {
        projectService: { allowDefaultProject: ["eslint.config.js"] },
        tsconfigRootDir: import.meta.dirname,
        extraFileExtensions: [".svelte"],
      },
    },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      eqeqeq: "error",
      "no-console": ["error", { allow: ["warn", "error"] }],
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
      "@typescript-eslint/no-confusing-void-expression": "off",
      "@typescript-eslint/no-meaningless-void-operator": "off",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      // Implementing an asynchronous interface synchronously is fine.
      "@typescript-eslint/require-await": "off",
    },
  },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: { parserOptions: { parser: tseslint.parser } },
  },
  {
    // The compiler's own types stop at the component; what crosses it is checked by svelte-check.
    files: ["**/*.svelte"],
    rules: {
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-call": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-return": "off",
    },
  },
  { files: ["**/*.js", "**/*.mjs"], ...tseslint.configs.disableTypeChecked },
  {
    files: ["scripts/**", "test/**", "images/recipes/**", "emulator/node.ts"],
    rules: { "no-console": "off" },
  },
  walls(
    ["app"],
    [
      v86,
      node,
      rooms("images|guest|kernel|test|scripts", "app/ sees the sandbox only through emulator/control."),
      { regex: "emulator/(?!control(/|$))", message: "app/ may import emulator/control only." },
    ],
    tests,
  ),
  walls(
    ["emulator"],
    [v86, node, rooms("app|test|scripts|tutorials", "Nothing below points back up to app/.")],
    [...tests, "emulator/machine/**", "emulator/node.ts", "emulator/control/node.ts"],
  ),
  walls(
    ["emulator/machine"],
    [
      node,
      rooms("app|test|scripts|tutorials|images|emulator", "machine/ knows only v86."),
      { regex: "^\\.\\./", message: "machine/ knows only v86." },
    ],
    tests,
  ),
  walls(
    ["images"],
    [
      v86,
      node,
      rooms("app|emulator|guest|kernel|test|scripts|tutorials", "images/ imports nothing of ours."),
    ],
    [...tests, "images/recipes/**", "images/testing/**"],
  ),
  walls(
    ["tutorials"],
    [v86, node, rooms("app|emulator|images|guest|kernel|test|scripts", "tutorials/ imports nothing.")],
    tests,
  ),
);
