/** One answer, as it stood in what a connection brought. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/**
 * Reads answers one after the other, as strictly as a proxy in front would: what is left over or cut off is an error.
 *
 * @param withoutBody how many of the first ones, interim ones left out, have a length and no body: those to HEAD
 */
export function readAnswers(received: string, withoutBody = 0): readonly RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = received;
  for (let bodiless = withoutBody; rest !== "";) {
    const end = rest.indexOf("\r\n\r\n");
    const [first = "", ...lines] = rest.slice(0, end).split("\r\n");
    const [, code = ""] = /^HTTP\/1\.1 (\d{3}) /.exec(first) ?? [];
    if (end < 0 || code === "") throw new Error(`not an answer: ${JSON.stringify(rest.slice(0, 80))}`);
    const headers = new Map(lines.map((line): [string, string] => headerOf(line)));
    const status = Number(code);
    const hasBody = status >= 200 && bodiless-- <= 0;
    const length = hasBody ? Number(headers.get("content-length") ?? NaN) : 0;
    const body = rest.slice(end + 4, end + 4 + length);
    if (body.length !== length) throw new Error(`an answer with ${String(body.length)} of ${String(length)} bytes`);
    answers.push({ status, headers, body });
    rest = rest.slice(end + 4 + length);
  }
  return answers;
}

function headerOf(line: string): [string, string] {
  const [, name = "", value = ""] = /^([^\s:]+): (.*)$/.exec(line) ?? [];
  if (name === "") throw new Error(`not a header: ${JSON.stringify(line)}`);
  return [name.toLowerCase(), value];
}
