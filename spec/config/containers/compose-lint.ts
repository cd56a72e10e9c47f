import * as dclint from "dclint";

/** Its own types do not resolve as a module's. */
interface Linter {
  lintFiles(
    paths: readonly string[],
    isRecursive: boolean,
  ): readonly {
    readonly messages: readonly { readonly line: number; readonly message: string }[];
  }[];
}
const { DCLinter } = dclint as unknown as { readonly DCLinter: new (config: object) => Linter };

/** Off are those of taste: which key comes first, and which service. */
const RULES = {
  "service-dependencies-alphabetical-order": 0,
  "service-keys-order": 0,
  "services-alphabetical-order": 0,
  "top-level-properties-order": 0,
  // It is built here and has a name all the same, for the agent and for a registry.
  "no-build-and-image": 0,
  // It does not look into ${…:-127.0.0.1:8071}; the specs do.
  "no-unbound-port-interfaces": 0,
  "require-quotes-in-ports": [1, { quoteType: "double" }],
};

/** What the specification's schema and the linter have against a compose file. */
export function composeFindings(file: string): readonly string[] {
  const linter = new DCLinter({ rules: RULES, quiet: true, debug: false, exclude: [] });
  return linter
    .lintFiles([file], false)
    .flatMap(({ messages }) => messages.map(({ line, message }) => `${String(line)}: ${message}`));
}
