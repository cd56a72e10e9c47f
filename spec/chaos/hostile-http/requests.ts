import { claimsOf, token } from "../../support/tokens.ts";

/** Who must never be heard of: the conference of a request that is hidden in another. */
export const FORGED = "forged";

export interface HostileRequest {
  readonly what: string;
  /** As Latin-1. */
  readonly bytes: string;
  /** A status and, of an error, its code, each; interim answers too. */
  readonly answers: readonly string[];
  /** Whether the connection is good for another request; it is where all went well. */
  readonly stays?: boolean;
  /** Of the first answer only the head comes. */
  readonly isHead?: boolean;
}

const OWN = `Authorization: Bearer ${token({ claims: claimsOf("own") })}\r\n`;
const BAD = "400 bad_request";
const LARGE = "431 bad_request";
const LOST = "404 not_found";
const REFUSED = "405 method_not_allowed";
const NO_JWT = "422 missing_token";

/** A good request of somebody else. */
const hidden = `GET /v1/channel HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token({ claims: claimsOf(FORGED) })}\r\n\r\n`;
const length = String(hidden.length);
/** The end of a chunked body. */
const END = "0\r\n\r\n";

const get = (target: string, headers = ""): string => `GET ${target} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`;
const join = (target: string, headers = ""): string => get(target, OWN + headers);
const post = (headers: string, body = ""): string => `POST /v1/disconnect HTTP/1.1\r\nHost: x\r\n${headers}\r\n${body}`;
const chunked = (body: string): string => post("Transfer-Encoding: chunked\r\n", body);
const refused = (what: string, bytes: string): HostileRequest => ({ what, bytes, answers: [BAD], stays: false });
const target = (text: string, ...answers: string[]): HostileRequest => ({
  what: `the target ${JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)}`,
  bytes: join(text),
  answers,
});
const method = (name: string, path: string, answer: string): HostileRequest => ({
  what: `${name} ${path}`,
  bytes: get(path).replace("GET", name),
  answers: [answer],
});

/** A request in a request: who reads it in another way than the gateway does would see the hidden one. */
const smuggling: readonly HostileRequest[] = [
  refused("a length, and chunked", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", END + hidden)),
  refused("chunked, and a length", post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", `5c\r\n${hidden}`)),
  refused("two lengths", post(`Content-Length: 0\r\nContent-Length: ${length}\r\n`, hidden)),
  refused("the same length twice", post(`Content-Length: ${length}\r\nContent-Length: ${length}\r\n`, hidden)),
  ...["+1", "-1", "0x1", "1,1", "1 1", "1e1", "1.0", "", "1_", "\u0661", "18446744073709551616", "9".repeat(40)].map(
    (text) => refused(`the length '${text}'`, post(`Content-Length: ${text}\r\n`, `x${hidden}`)),
  ),
  ...[
    "chunked, identity",
    "identity",
    "gzip, chunked",
    "chunked, chunked",
    "xchunked",
    "chunkedx",
    "\x0bchunked",
    '"chunked"',
    "chunked;q=1",
    "",
    "\r\n chunked",
  ].map((text) =>
    refused(`Transfer-Encoding:${JSON.stringify(text)}`, post(`Transfer-Encoding: ${text}\r\n`, END + hidden)),
  ),
  refused("chunked twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", END + hidden)),
  refused(
    "chunked, then identity",
    post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", END + hidden),
  ),
  refused("chunked in HTTP/1.0", chunked(END + hidden).replace("HTTP/1.1", "HTTP/1.0")),
  refused("a space before the colon of a length", post(`Content-Length : ${length}\r\n`, hidden)),
  refused(
    "a tab before the colon of a coding",
    post("Content-Length: 0\r\nTransfer-Encoding\t: chunked\r\n", END + hidden),
  ),
  refused("a header that is folded", post("X: a\r\n b\r\nContent-Length: 0\r\n")),
  refused("a first header that is folded", get("/noop").replace("Host", " Host")),
  refused("lines that end in LF", join("/v1/channel").replaceAll("\r\n", "\n")),
  refused("one line that ends in LF", get("/noop", "X: y\nContent-Length: 5\r\n")),
  refused("an empty line of LF", get("/noop").replace(/\r\n$/, "\n")),
  refused("one line that ends in CR", get("/noop", "X: y\rContent-Length: 5\r\n")),
  refused("NUL in a value", get("/noop", "X: a\0b\r\n")),
  refused("NUL in a name", get("/noop", "X\0: a\r\n")),
  refused("a control character in a value", get("/noop", "X: a\x01b\r\n")),
  refused("a chunk's size with a sign", chunked(`-1\r\nx\r\n${END}${hidden}`)),
  refused("a chunk's size with 0x", chunked(`0x1\r\nx\r\n${END}${hidden}`)),
  refused("a chunk's size with a space", chunked(`1 \r\nx\r\n${END}${hidden}`)),
  refused("a chunk's size beyond 64 bits", chunked(`fffffffffffffffff\r\nx\r\n${END}${hidden}`)),
  refused("a chunk's size that ends in LF", chunked(`1\nx\n0\n\n${hidden}`)),
  refused("a chunk's extension that ends in LF", chunked(`1;\nx\r\n${END}${hidden}`)),
  refused("a chunk that is longer than it says", chunked(`1\r\nxy\r\n${END}${hidden}`)),
  refused("a length in a trailer", chunked(`1\r\nx\r\n0\r\nContent-Length: ${length}\r\n\r\n${hidden}`)),
  {
    what: "a request in the body of a GET",
    bytes: get("/noop", `Content-Length: ${length}\r\n`) + hidden,
    answers: ["200"],
  },
  {
    what: "a request in the body of a GET that is refused",
    bytes: get("/v1/channel", `Content-Length: ${length}\r\n`) + hidden,
    answers: ["401 missing_token"],
  },
  {
    what: "a request in the chunked body of a GET",
    bytes: `${get("/noop", "Transfer-Encoding: chunked\r\n")}${hidden.length.toString(16)}\r\n${hidden}\r\n${END}`,
    answers: ["200"],
  },
  {
    what: "a request behind 'Connection: close'",
    bytes: get("/noop", "Connection: close\r\n") + hidden,
    answers: ["200"],
    stays: false,
  },
  {
    what: "a request behind an Upgrade",
    bytes: get("/noop", UPGRADE("websocket")) + hidden,
    answers: ["200"],
    stays: false,
  },
  {
    what: "a request behind a CONNECT",
    bytes: `CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n${hidden}`,
    answers: [BAD],
    stays: false,
  },
  {
    what: "a request behind a wrong Host",
    bytes: get("/noop").replace("x", "x/y") + hidden,
    answers: [BAD],
    stays: false,
  },
  { what: "a length of 00", bytes: post("Content-Length: 00\r\n"), answers: [NO_JWT] },
  { what: "CHUNKED, with a tab before it", bytes: chunked(END).replace(" chunked", "\tCHUNKED"), answers: [NO_JWT] },
  { what: "a chunk's extension", bytes: chunked(`1;a=b\r\nx\r\n${END}`), answers: ["422 invalid_token"] },
  { what: "a trailer that would open a door", bytes: chunked(`0\r\n${OWN}\r\n`), answers: [NO_JWT] },
];

function UPGRADE(protocol: string): string {
  return `Connection: Upgrade\r\nUpgrade: ${protocol}\r\n`;
}

const heads: readonly HostileRequest[] = [
  refused("no Host", "GET /noop HTTP/1.1\r\n\r\n"),
  refused("two Hosts", get("/noop", "Host: y\r\n")),
  ...["a b", "<x>", "x/y", "u@x", "x:99999999", "x:y", "[::1", "x\\y", "\xe9", "x?y", "x#y", "x,y:1:2"].map((host) =>
    refused(`the Host ${JSON.stringify(host)}`, get("/noop").replace("x", host)),
  ),
  ...["", "x:", "x:80", "[::1]:8071", "10.0.0.1:8071", "sfu_gateway", "X.Example.COM."].map((host): HostileRequest => ({
    what: `the Host ${JSON.stringify(host)}`,
    bytes: get("/noop").replace("x", host),
    answers: ["200"],
  })),
  refused("two tokens", join("/v1/channel", OWN)),
  refused("a header without a name", get("/noop", ": x\r\n")),
  refused("a header without a colon", get("/noop", "nonsense\r\n")),
  refused("a space first", ` ${get("/noop")}`),
  { what: "empty lines first", bytes: `\r\n\r\n${get("/noop")}`, answers: ["200"] },
  { what: "a header of 17 KB", bytes: get("/noop", `X: ${"x".repeat(17_000)}\r\n`), answers: [LARGE], stays: false },
  { what: "a header of 1 MB", bytes: get("/noop", `X: ${"x".repeat(1_000_000)}\r\n`), answers: [LARGE], stays: false },
  { what: "101 headers", bytes: get("/noop", "X:\r\n".repeat(100)), answers: [LARGE], stays: false },
  { what: "100,000 headers", bytes: get("/noop", "X:\r\n".repeat(100_000)), answers: [LARGE], stays: false },
  {
    what: "a Host behind 2,000 headers",
    bytes: `GET /noop HTTP/1.1\r\n${"X:\r\n".repeat(2000)}Host: x\r\n\r\n`,
    answers: [LARGE],
    stays: false,
  },
  { what: "100 headers", bytes: get("/noop", "X:\r\n".repeat(99)), answers: ["200"] },
  {
    what: "a trailer of 20 KB",
    bytes: chunked(`0\r\nX: ${"x".repeat(20_000)}\r\n\r\n`),
    answers: [LARGE],
    stays: false,
  },
  refused("a chunk's extension of 20 KB", chunked(`1;${"x".repeat(20_000)}\r\nx\r\n${END}`)),
  { what: "a target of 17 KB", bytes: get(`/${"x".repeat(17_000)}`), answers: [LARGE], stays: false },
  refused("a method of 20 KB", get("/noop").replace("GET", "G".repeat(20_000))),
  {
    what: "an X-Forwarded-For of 1,500 addresses",
    bytes: join("/v1/channel", `X-Forwarded-For: ${"10.0.0.1,".repeat(1500)}\r\n`),
    answers: ["200"],
  },
  {
    what: "a Connection that names the token",
    bytes: join("/v1/channel", "Connection: authorization\r\n"),
    answers: ["200"],
  },
  {
    what: "'Expect: 100-continue' without a body",
    bytes: get("/noop", "Expect: 100-Continue\r\n"),
    answers: ["100", "200"],
  },
  {
    what: "'Expect: 100-continue' with its body at once",
    bytes: post("Expect: 100-continue\r\nContent-Length: 1\r\n", "x"),
    answers: ["100", "422 invalid_token"],
  },
  ...["200-ok", "100-continue, x", "x, 100-continue", ""].map((text): HostileRequest => ({
    what: `'Expect: ${text}'`,
    bytes: post(`Expect: ${text}\r\nContent-Length: ${length}\r\n`) + hidden,
    answers: ["417 expectation_failed"],
    stays: false,
  })),
  {
    what: "two Expects",
    bytes: get("/noop", "Expect: 100-continue\r\nExpect: 100-continue\r\n"),
    answers: ["417 expectation_failed"],
    stays: false,
  },
  {
    what: "an Expect in HTTP/1.0",
    bytes: get("/noop", "Expect: x\r\n").replace("/1.1", "/1.0"),
    answers: ["200"],
    stays: false,
  },
  ...["websocket", "h2c", "TLS/1.0"].map((protocol): HostileRequest => ({
    what: `an Upgrade to ${protocol}`,
    bytes: join("/v1/channel", UPGRADE(protocol)),
    answers: ["200"],
    stays: false,
  })),
];

const versions: readonly HostileRequest[] = [
  ...["0.9", "1.2", "2.0", "3.0", "1.1x", "01.1"].map((version) =>
    refused(`HTTP/${version}`, get("/noop").replace("/1.1", `/${version}`)),
  ),
  refused("no version at all", "GET /noop\r\n\r\n"),
  refused("http/1.1", get("/noop").replace("HTTP", "http")),
  refused("HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"),
  refused("TLS's hello", "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"),
  refused("what SSH says", "SSH-2.0-OpenSSH_9.7\r\n"),
  { what: "HTTP/1.0 without a Host", bytes: "GET /noop HTTP/1.0\r\n\r\n", answers: ["200"], stays: false },
  { what: "HTTP/1.0 that stays", bytes: "GET /noop HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", answers: ["200"] },
];

const methods: readonly HostileRequest[] = [
  ...["FOO", "get", "Get", "GET\0", "G E T"].map((name) =>
    refused(`the method ${JSON.stringify(name)}`, get("/noop").replace("GET", name)),
  ),
  method("TRACE", "/noop", REFUSED),
  method("QUERY", "/noop", REFUSED),
  method("DELETE", "/v1/channel", REFUSED),
  method("PUT", "/nowhere", LOST),
  method("OPTIONS", "/v1/channel", "200"),
  method("OPTIONS", "*", LOST),
  method("M-SEARCH", "*", LOST),
  method("CONNECT", "/v1/channel", BAD),
  { ...method("HEAD", "/noop", "200"), isHead: true },
  { ...method("HEAD", "/v1/channel", "405"), isHead: true },
].map((request) => (request.what.startsWith("CONNECT") ? { ...request, stays: false } : request));

const targets: readonly HostileRequest[] = [
  target("/v1/channel", "200"),
  target("http://other/v1/channel", "200"),
  target("HTTPS://other:8071/v1/channel?a=1", "200"),
  target("http://other", LOST),
  target("http://other?/v1/channel", LOST),
  target("http://other//v1/channel", LOST),
  ...[
    "other:80",
    "http://u:p@other/v1/channel",
    "http://other:99999999/v1/channel",
    "http://[::1/v1/channel",
    "http:///v1/channel",
    "http:/v1/channel",
    "http://other\\v1/channel",
    "ftp://other/v1/channel",
    "file:///v1/channel",
    "javascript:/v1/channel",
    "/v1/channel#x",
    "/x#/v1/channel",
    "#",
    "\\v1\\channel",
    "v1/channel",
    "/v1/channel x",
    "/v1/channel\t",
    "/v1/channel\0",
    "/v1/chann\xe9l",
    "/v1\xc0\xafchannel",
  ].map((text) => refused(`the target ${JSON.stringify(text)}`, join(text))),
  ...[
    "*",
    "//v1/channel",
    "///v1/channel",
    "/v1//channel",
    "/v1/channel/",
    "/v1/channel//",
    "/V1/CHANNEL",
    "/v1/%63hannel",
    "/v1%2fchannel",
    "/v1%5cchannel",
    "/v1\\channel",
    "/v1/./channel",
    "/v1/../v1/channel",
    "/x/../v1/channel",
    "/v1/%2e%2e/v1/channel",
    "/v1/channel/..",
    "/v1/channel%00",
    "/v1/channel%20",
    "/v1/channel;x=1",
    "/v1;/channel",
    "/v1%c0%afchannel",
    "/v1/channel%3fa=1",
    "/v1/channel.json",
    "/%",
    "/__proto__",
    "/v1/constructor",
  ].map((text) => target(text, LOST)),
  target("/v1/channel?", "200"),
  target("/v1/channel??", "200"),
  target("/v1/channel?region=%&country=%zz&%=%", "200"),
  target("/v1/channel?__proto__=x&constructor=y&region[]=z", "200"),
  target(`/v1/channel?${"a=1&".repeat(3500)}`, "200"),
  target(`/v1/channel?region=${"x".repeat(14_000)}`, "200"),
];

const bodies: readonly HostileRequest[] = [
  {
    what: "a body over the limit",
    bytes: post("Content-Length: 70000\r\n", "x".repeat(70_000)),
    answers: ["413 body_too_large"],
  },
  {
    what: "chunks over the limit",
    bytes: chunked(("400\r\n" + "x".repeat(1024) + "\r\n").repeat(70) + END),
    answers: ["413 body_too_large"],
  },
  {
    what: "70,000 chunks of one byte",
    bytes: chunked("1\r\nx\r\n".repeat(70_000) + END),
    answers: ["413 body_too_large"],
  },
  {
    what: "20 requests at once, in their order",
    bytes: (get("/noop") + get("/nowhere")).repeat(10),
    answers: Array.from({ length: 10 }, () => ["200", LOST]).flat(),
  },
  {
    what: "a slow request, and nonsense behind it",
    bytes: `${join("/v1/channel")}NONSENSE\r\n\r\n${hidden}`,
    answers: ["200", BAD],
    stays: false,
  },
  {
    what: "a slow request, and a CONNECT behind it",
    bytes: `${join("/v1/channel")}CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n`,
    answers: ["200", BAD],
    stays: false,
  },
  {
    what: "a slow request, and one without a Host behind it",
    bytes: `${join("/v1/channel")}GET /noop HTTP/1.1\r\n\r\n${hidden}`,
    answers: ["200", BAD],
    stays: false,
  },
];

export const HOSTILE_REQUESTS: readonly HostileRequest[] = [
  ...smuggling,
  ...heads,
  ...versions,
  ...methods,
  ...targets,
  ...bodies,
];
