import js from "@eslint/js";
import tseslint from "typescript-eslint";

const useClock = (what, instead) => `${what} is for lib/clock.ts alone: take ${instead}, so that specs can turn it.`;

// Time and chance come in through lib/clock.ts, nowhere else.
const clockRule = {
  "no-restricted-globals": [
    "error",
    ...["setTimeout", "setInterval", "setImmediate", "clearTimeout", "clearInterval"].map((name) => ({
      name,
      message: useClock(name, "clock.after or clock.every"),
    })),
    { name: "performance", message: useClock("performance", "clock.monotonic") },
  ],
  "no-restricted-properties": [
    "error",
    { object: "Date", property: "now", message: useClock("Date.now", "clock.now") },
    { object: "Math", property: "random", message: useClock("Math.random", "the Random that you were given") },
    ...["setTimeout", "setInterval", "setImmediate", "performance"].map((property) => ({
      object: "globalThis",
      property,
      message: useClock(property, "a Clock"),
    })),
    { object: "AbortSignal", property: "timeout", message: useClock("AbortSignal.timeout", "withDeadline") },
  ],
  "no-restricted-syntax": [
    "error",
    {
      selector: "NewExpression[callee.name='Date'][arguments.length=0]",
      message: useClock("new Date()", "new Date(clock.now())"),
    },
    { selector: "ExportDefaultDeclaration", message: "Named exports only." },
    { selector: "TSEnumDeclaration", message: "A union of literals instead of an enum." },
  ],
  "no-restricted-imports": [
    "error",
    {
      paths: ["timers", "node:timers", "timers/promises", "node:timers/promises", "perf_hooks", "node:perf_hooks"].map(
        (name) => ({ name, message: useClock(name, "a Clock") }),
      ),
    },
  ],
};

export default tseslint.config(
  { ignores: ["dist/", "coverage/", "node_modules/"] },
  js.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      ...clockRule,
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/consistent-type-definitions": ["error", "interface"],
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/explicit-module-boundary-types": "error",
      eqeqeq: "error",
      "no-console": "error",
    },
  },
  {
    files: ["lib/clock.ts"],
    rules: { "no-restricted-globals": "off", "no-restricted-properties": "off", "no-restricted-syntax": "off" },
  },
  {
    // They look after the fake clock from outside.
    files: ["spec/support/eventually.ts", "spec/support/leaks.ts"],
    rules: { "no-restricted-properties": "off" },
  },
  {
    // It fakes it.
    files: ["spec/support/clock.ts"],
    rules: { "no-restricted-globals": "off" },
  },
  {
    // The dashboard's page: one script in one scope, in a browser. What is not defined tsc finds (tsconfig.dashboard.json).
    files: ["lib/http/dashboard/*.js"],
    languageOptions: { sourceType: "script" },
    rules: {
      "no-undef": "off",
      "no-unused-vars": ["error", { vars: "local" }],
      eqeqeq: "error",
      "no-restricted-properties": [
        "error",
        ...["innerHTML", "outerHTML", "insertAdjacentHTML"].map((property) => {
          return { property, message: "What SFUs say is text: setText." };
        }),
      ],
    },
  },
  {
    // Chai's `expect(x).to.be.true` is an expression on purpose.
    files: ["spec/**/*.ts"],
    rules: { "@typescript-eslint/no-unused-expressions": "off", "@typescript-eslint/no-non-null-assertion": "off" },
  },
);
