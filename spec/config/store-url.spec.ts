import { expect } from "chai";
import { parseStoreUrl, type StoreUrl } from "../../lib/config/store-url.ts";

type Parts = Partial<StoreUrl>;

const single = (host: string, port = 6379, database = 0): Parts => {
  return { at: { kind: "single", host: { host, port }, database } };
};
const NOBODY = { isTls: false, username: null, password: null, sentinelPassword: null };

describe("the URL of a store", () => {
  const urls: Readonly<Record<string, Parts>> = {
    "redis://localhost": single("localhost"),
    "redis://localhost/": single("localhost"),
    "redis://10.0.0.1:7000/3": single("10.0.0.1", 7000, 3),
    "redis://store_1.internal.example": single("store_1.internal.example"),
    "redis://Bücher.Example": single("xn--bcher-kva.example"),
    "redis://[::1]": single("::1"),
    "redis://[2001:DB8::5]:7000/1": single("2001:db8::5", 7000, 1),
    "REDIS://localhost": single("localhost"),
    " redis://localhost\n": single("localhost"),
    "rediss://redis.example": { ...single("redis.example"), isTls: true },
    "redis://:p@localhost": { ...single("localhost"), password: "p" },
    "redis://gateway:p@localhost:1/2": { ...single("localhost", 1, 2), username: "gateway", password: "p" },
    "redis://gateway@localhost": { ...single("localhost"), username: "gateway" },
    "redis://gateway:@localhost": { ...single("localhost"), username: "gateway" },
    "redis://a%40b:%2f%3f%23%25%3A:%20@localhost": { ...single("localhost"), username: "a@b", password: "/?#%:: " },
    "redis://:a+b=c,d[e]@localhost": { ...single("localhost"), password: "a+b=c,d[e]" },
    "redis+sentinel://s1,s2:7000,[::1]/mymaster": {
      at: {
        kind: "sentinel",
        sentinels: [
          { host: "s1", port: 26379 },
          { host: "s2", port: 7000 },
          { host: "::1", port: 26379 },
        ],
        master: "mymaster",
        database: 0,
      },
    },
    "rediss+sentinel://u:p@s1/my.master-1_a/4?sentinel_password=a%26b=c+": {
      at: { kind: "sentinel", sentinels: [{ host: "s1", port: 26379 }], master: "my.master-1_a", database: 4 },
      isTls: true,
      username: "u",
      password: "p",
      sentinelPassword: "a&b=c+",
    },
    "redis+sentinel://s1/m?sentinel_password=": {
      at: { kind: "sentinel", sentinels: [{ host: "s1", port: 26379 }], master: "m", database: 0 },
    },
    "rediss+cluster://:p@a,b:7000/0": {
      at: {
        kind: "cluster",
        nodes: [
          { host: "a", port: 6379 },
          { host: "b", port: 7000 },
        ],
      },
      isTls: true,
      password: "p",
    },
  };
  for (const [url, expected] of Object.entries(urls)) {
    it(`is read: ${JSON.stringify(url)}`, () => {
      expect(parseStoreUrl(url)).to.deep.equal({ ...NOBODY, ...expected });
    });
  }

  const refused: Readonly<Record<string, RegExp>> = {
    "": /^not the URL of a Redis/,
    localhost: /^not the URL of a Redis/,
    "localhost:6379": /^not the URL of a Redis/,
    "redis:localhost": /^not the URL of a Redis/,
    "http://localhost": /^not the URL of a Redis/,
    "redis+unix:///run/redis.sock": /^not the URL of a Redis/,
    "redis-sentinel://s1/m": /^not the URL of a Redis/,
    "redis://": /^a host is missing/,
    "redis://:p@": /^a host is missing/,
    "redis:///0": /^a host is missing/,
    "redis://a b": /^a host is missing or is none/,
    "redis://::1": /^a host is none/,
    "redis://[::1": /^a host is none/,
    "redis://[::1]x": /^a host is none/,
    "redis://[localhost]": /^what stands in brackets/,
    "redis://[fe80::1%eth0]": /^what stands in brackets/,
    "redis://localhost:": /^a port/,
    "redis://localhost:0": /^a port/,
    "redis://localhost:65536": /^a port/,
    "redis://localhost:-1": /^a host is none/,
    "redis://localhost/one": /^the database/,
    "redis://localhost/1/2": /^the database/,
    "redis://localhost/-1": /^the database/,
    "redis://localhost?timeout=1": /^no \?/,
    "redis://localhost#1": /^in a user or password/,
    "redis://a,b": /^several hosts/,
    "redis://:p%@localhost": /^a % has to be written %25/,
    "redis://:p%ff@localhost": /^a % has to be written %25/,
    "redis+sentinel://s1": /^the name that the sentinels/,
    "redis+sentinel://s1/": /^the name that the sentinels/,
    "redis+sentinel://s1/my%20master": /^the name that the sentinels/,
    "redis+sentinel://s1,/m": /^a host is missing/,
    "redis+sentinel://s1/m?password=p": /^behind the \?/,
    "redis+cluster://a,b/1": /^a cluster has no databases/,
    "redis+cluster://a?x": /^no \?/,
  };
  for (const [url, problem] of Object.entries(refused)) {
    it(`is refused: ${JSON.stringify(url)}`, () => {
      expect(parseStoreUrl(url))
        .to.match(problem)
        .and.to.match(/, expected redis:\/\/.* for TLS$/);
    });
  }

  // Each would else be read as another host, master or database, with a part of the password in it.
  for (const password of ["1/2", "1?2", "1#2", "1@2", "/1", "1/", "@", "a/b@c"]) {
    for (const url of [
      `redis://user:${password}@host/0`,
      `redis://:${password}@host`,
      `redis+sentinel://user:${password}@host/master`,
      `redis+sentinel://user:${password}@host`,
      `redis+cluster://user:${password}@host`,
    ]) {
      it(`is refused with a password that was not encoded: ${url}`, () => {
        expect(parseStoreUrl(url)).to.match(/^in a user or password the characters/);
      });
    }
  }
});
