import { expect } from "chai";
import {
  matches,
  OriginError,
  originOf,
  parseOrigin,
  parseOriginPattern,
} from "../../../lib/sfu/registration/origin.ts";

describe("an SFU's origin", () => {
  const spellings: Readonly<Record<string, string>> = {
    "http://sfu1.example.com": "http://sfu1.example.com",
    "http://sfu1.example.com/": "http://sfu1.example.com",
    "HTTPS://SFU1.Example.COM": "https://sfu1.example.com",
    "http://sfu1.example.com:80": "http://sfu1.example.com",
    "https://sfu1.example.com:443/": "https://sfu1.example.com",
    "https://sfu1.example.com:80": "https://sfu1.example.com:80",
    "http://sfu1.example.com:08070": "http://sfu1.example.com:8070",
    "http://sfu1.example.com.": "http://sfu1.example.com",
    "http://sfu_1": "http://sfu_1",
    "http://müller.example": "http://xn--mller-kva.example",
    "http://10.0.0.5:8070": "http://10.0.0.5:8070",
    "http://10.0.0.5.:8070": "http://10.0.0.5:8070",
    "http://10.5": "http://10.0.0.5",
    "http://0x0a.0.0.5": "http://10.0.0.5",
    "http://012.0.0.5": "http://10.0.0.5",
    "http://167772165": "http://10.0.0.5",
    "http://[::ffff:10.0.0.5]": "http://10.0.0.5",
    "http://[2001:DB8:0:0::1]:8070": "http://[2001:db8::1]:8070",
  };
  for (const [text, origin] of Object.entries(spellings)) {
    it(`is ${origin} where it is spelt ${text}`, () => {
      expect(parseOrigin(text)).to.equal(origin);
    });
  }

  const faulty: Readonly<Record<string, RegExp>> = {
    "": /not a URL/,
    "sfu1.example.com": /not a URL/,
    "http://": /not a URL/,
    "http://a b": /not a URL/,
    "http://1.2.3.256": /not a URL/,
    "http://a:99999": /not a URL/,
    "http://[fe80::1%25eth0]": /not a URL/,
    "ftp://sfu1.example.com": /http or https/,
    "ws://sfu1.example.com": /http or https/,
    "javascript:alert(1)": /http or https/,
    "file:///etc/passwd": /http or https/,
    "http://user@sfu1.example.com": /no user or password/,
    "http://user:secret@sfu1.example.com": /no user or password/,
    "http://:secret@sfu1.example.com": /no user or password/,
    "http://sfu1.example.com/path": /no path/,
    "http://sfu1.example.com//": /no path/,
    "http://sfu1.example.com/v1/channel": /no path/,
    "http://sfu1.example.com\\path": /no path/,
    "http://sfu1.example.com?q=secret": /no query/,
    "http://sfu1.example.com/#secret": /no fragment/,
    "http://sfu1.example.com?": /nothing may stand/,
    "http://sfu1.example.com#": /nothing may stand/,
    "http://@sfu1.example.com": /nothing may stand/,
    "http://sfu1.example.com/.": /nothing may stand/,
    "http://sfu1.example.com/a/..": /nothing may stand/,
    "http:sfu1.example.com": /nothing may stand/,
    "http:\\\\sfu1.example.com": /nothing may stand/,
    " http://sfu1.example.com": /nothing may stand/,
    "http://sfu1.example.com\n": /nothing may stand/,
    "http://sfu1\t.example.com": /nothing may stand/,
    "http://sfu1.example.com:0": /port 0/,
    "http://*.example.com": /neither a name nor/,
    "http://a..b": /neither a name nor/,
    "http://.": /neither a name nor|not a URL/,
    "http://a$b": /neither a name nor/,
    [`http://${"a".repeat(64)}.example`]: /neither a name nor/,
    [`http://${"abcdefg.".repeat(40)}example`]: /neither a name nor/,
  };
  for (const [text, message] of Object.entries(faulty)) {
    it(`is not ${JSON.stringify(text.slice(0, 40))}, and the error shows nothing of it`, () => {
      expect(() => parseOrigin(text))
        .to.throw(OriginError, message)
        .with.property("message")
        .that.does.not.match(/secret|path\/|example\.com[\\?#]/);
    });
  }
});

describe("a pattern of origins", () => {
  const cases: Readonly<Record<string, readonly [matching: readonly string[], others: readonly string[]]>> = {
    "https://*.sfu.example.com": [
      ["https://a.sfu.example.com", "https://a.sfu.example.com:8443", "https://A.SFU.example.com."],
      [
        "http://a.sfu.example.com",
        "https://sfu.example.com",
        "https://a.b.sfu.example.com",
        "https://a.sfu.example.com.evil.example",
        "https://evilsfu.example.com",
        "https://a.sfu.example.org",
        "https://a.sfuxexample.com",
      ],
    ],
    "http://127.0.0.1": [
      ["http://127.0.0.1", "http://127.0.0.1:8070", "http://127.1", "http://[::ffff:127.0.0.1]:8070"],
      ["https://127.0.0.1", "http://127.0.0.2", "http://localhost", "http://127.0.0.1.example"],
    ],
    "http://sfu1.example.com:8070": [
      ["http://sfu1.example.com:8070"],
      ["http://sfu1.example.com", "http://sfu1.example.com:8071", "http://sfu2.example.com:8070"],
    ],
    "https://sfu1.example.com:443/": [["https://sfu1.example.com"], ["https://sfu1.example.com:8443"]],
    "HTTPS://*.Müller.example": [["https://a.xn--mller-kva.example"], ["https://a.muller.example"]],
    "http://*.*.example.com": [["http://a.b.example.com"], ["http://a.example.com", "http://a.b.c.example.com"]],
    "http://a.*.example.com": [["http://a.b.example.com"], ["http://b.b.example.com"]],
    "http://*": [["http://sfu1:8070"], ["http://a.b", "http://[::1]", "http://127.0.0.1"]],
    "http://[::1]:8070": [["http://[0:0::1]:8070"], ["http://[::1]", "http://[::2]:8070"]],
  };
  for (const [text, [matching, others]] of Object.entries(cases)) {
    const isMatch = (url: string): boolean => matches(parseOriginPattern(text)!, originOf(new URL(url)));
    for (const url of matching) it(`${text} matches ${url}`, () => expect(isMatch(url)).to.be.true);
    for (const url of others) it(`${text} does not match ${url}`, () => expect(isMatch(url)).to.be.false);
  }

  for (const text of [
    "",
    "*",
    "10.0.0.0/8",
    "sfu.example.com",
    "*.sfu.example.com",
    "ftp://sfu.example.com",
    "*://sfu.example.com",
    "https://sfu*.example.com",
    "https://**.example.com",
    "https://sfu.example.com:*",
    "https://sfu.example.com:0",
    "https://sfu.example.com:99999",
    "https://sfu.example.com/path",
    "https://sfu.example.com?q",
    "https://sfu.example.com#f",
    "https://user@sfu.example.com",
    "https://10.0.0.*",
    "https://10.0.*.1",
    "https://*.1",
    "https://[::*]",
    "https://a..b",
    " https://sfu.example.com",
    "https://",
  ]) {
    it(`is not ${JSON.stringify(text)}`, () => expect(parseOriginPattern(text)).to.equal(null));
  }
});
