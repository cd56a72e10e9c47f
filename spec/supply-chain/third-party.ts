import { type LockedPackage, lockedPackages } from "./lockfile.ts";

/** Where the list is kept. */
export const LIST = new URL("../../docs/third-party.md", import.meta.url);

/** What runs in a gateway beside its own code, as a page of Markdown. */
export function thirdPartyList(): string {
  const packages = lockedPackages().filter(({ isRuntime }) => isRuntime);
  const licences = Map.groupBy(packages, ({ license }) => license ?? "none");
  const counts = [...licences].sort(([, one], [, other]) => other.length - one.length);
  return `# Third-party packages

What a gateway runs with beside its own code and Node.js: ${String(packages.length)} packages, pinned by version and hash in
package-lock.json, none with an install script. Written by \`npm run third-party\`; a spec holds it to the lockfile and to
the licences that are accepted (spec/supply-chain).

${counts.map(([license, some]) => `- ${license}: ${String(some.length)}`).join("\n")}

${table(packages)}`;
}

function table(packages: readonly LockedPackage[]): string {
  const rows = packages.map(({ name, version, license }) => [name, version, license ?? "none"]);
  const all = [["package", "version", "licence"], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return `${[line(all[0] ?? []), rule, ...rows.map(line)].join("\n")}\n`;
}
