// SPDX-License-Identifier: ISC
// eslint.config.mjs: what is looked for in JavaScript: mistakes, and lines that
// are too long to read. Its modules stand in tests/tools/node_modules.
import { createRequire } from "node:module";

const load = createRequire(new URL("../tests/tools/", import.meta.url));
const js = load("@eslint/js");
const globals = load("globals");

const rules = {
	...js.configs.recommended.rules,
	"eqeqeq": "error",
	"no-var": "error",
	"prefer-const": "error",
	"no-shadow": "error",
	"no-eval": "error",
	"no-implied-eval": "error",
	"no-self-compare": "error",
	"no-template-curly-in-string": "error",
	"array-callback-return": "error",
	"max-len": ["error", { code: 110, tabWidth: 4, ignoreStrings: true,
		ignoreTemplateLiterals: true, ignoreRegExpLiterals: true }],
};

export default [
	{
		files: ["web/*.js"],
		languageOptions: { sourceType: "module", globals: globals.browser },
		rules,
	},
	{
		files: ["web/worker.js"],
		languageOptions: { globals: globals.worker },
	},
	{ // for browsers that are too old for the rest
		files: ["web/early.js"],
		languageOptions: { sourceType: "script", ecmaVersion: 5 },
		rules: { "no-var": "off" },
	},
	{
		files: ["tests/**/*.mjs", "tools/*.mjs"],
		ignores: ["**/node_modules/**"],
		languageOptions: {
			sourceType: "module",
			globals: { ...globals.node, ...globals.browser },
		},
		rules: { ...rules, "no-shadow": "off", "max-len": "off" },
	},
];
