import { expect } from "chai";

/** What an operator edits. Each of these must be there to be edited, or the spec is about another file. */
export function edited(text: string, edits: Readonly<Record<string, string>>): string {
  return Object.entries(edits).reduce((result, [from, to]) => {
    expect(result, "the file").to.contain(from);
    return result.replaceAll(from, to);
  }, text);
}
