import { expect } from "chai";
import { SfuError } from "../../lib/errors.ts";
import { parseChannel } from "../../lib/sfu/channel.ts";

const read = (text: string): unknown => parseChannel(Buffer.from(text));

describe("the body of a join's answer", () => {
  it("is read where it holds a uuid and a URL", () => {
    expect(read('{"uuid":"u-1","url":"https://sfu1.example.com"}')).to.deep.equal({
      uuid: "u-1",
      url: "https://sfu1.example.com",
    });
  });

  it("is stripped of every further field", () => {
    expect(read('{"uuid":"u","url":"http://x:8070/a","key":"c2VjcmV0","__proto__":{"a":1}}')).to.deep.equal({
      uuid: "u",
      url: "http://x:8070/a",
    });
  });

  for (const uuid of [
    "31dcc5dc-4d26-453e-9bca-ab1f5d268303",
    "a b",
    "\u00e9\u4e2d\ud83d\ude00",
    "<u>",
    "u".repeat(256),
  ]) {
    it(`may call it ${uuid.slice(0, 40)}`, () => {
      expect(read(JSON.stringify({ uuid, url: "http://x" }))).to.deep.equal({ uuid, url: "http://x" });
    });
  }

  for (const url of [
    "http://x",
    "HTTPS://X:8443/",
    "http://10.0.0.5:8070",
    "https://[2001:db8::1]:1/a/b",
    "https://s\u00fc.example/@a",
  ]) {
    it(`may be at ${url}`, () => {
      expect(read(JSON.stringify({ uuid: "u", url }))).to.deep.equal({ uuid: "u", url });
    });
  }

  const garbage: Readonly<Record<string, string | Buffer>> = {
    nothing: "",
    "a web page": "<!doctype html><title>It works!</title>",
    "half a body": '{"uuid":"u","url":"htt',
    null: "null",
    "a number": "7",
    "a string": '"uuid"',
    "a list": '[{"uuid":"u","url":"http://x"}]',
    "an empty object": "{}",
    "no uuid": '{"url":"http://x"}',
    "an empty uuid": '{"uuid":"","url":"http://x"}',
    "a uuid that is a number": '{"uuid":1,"url":"http://x"}',
    "a uuid that is null": '{"uuid":null,"url":"http://x"}',
    "a uuid longer than anybody stores": JSON.stringify({ uuid: "u".repeat(257), url: "http://x" }),
    "no url": '{"uuid":"u"}',
    "an empty url": '{"uuid":"u","url":""}',
    "a url that is a path": '{"uuid":"u","url":"/v1"}',
    "a url without a scheme": '{"uuid":"u","url":"sfu1.example.com"}',
    "a url of another scheme": '{"uuid":"u","url":"ftp://x"}',
    "a url that is a script": '{"uuid":"u","url":"javascript:alert(1)"}',
    "a url with credentials": '{"uuid":"u","url":"http://me:secret@x"}',
    "a url with empty credentials": '{"uuid":"u","url":"http://@x"}',
    "a url with a query": '{"uuid":"u","url":"http://x?a"}',
    "a url with a fragment": '{"uuid":"u","url":"http://x/#"}',
    "a url without a host": '{"uuid":"u","url":"http:///v1"}',
    "a url of port 0": '{"uuid":"u","url":"http://x:0"}',
    "a url of a port beyond all": '{"uuid":"u","url":"http://x:65536"}',
    "a url with a blank": '{"uuid":"u","url":"http://x/a b"}',
    "a url with markup": '{"uuid":"u","url":"http://x/<b>"}',
    "a url with a control character": '{"uuid":"u","url":"http://x/\\u0000"}',
    "a uuid with a line's end": '{"uuid":"u\\n","url":"http://x"}',
    "a uuid with half a character": '{"uuid":"\\ud800","url":"http://x"}',
    "a uuid that is turned around": '{"uuid":"\\u202eu","url":"http://x"}',
    "a url that is a list": '{"uuid":"u","url":["http://x"]}',
    "a url longer than anybody stores": JSON.stringify({ uuid: "u", url: `http://x/${"y".repeat(2048)}` }),
    "bytes that are not UTF-8": Buffer.from('{"uuid":"\xff","url":"http://x"}', "latin1"),
    "brackets without an end": "[".repeat(60_000),
  };
  for (const [what, body] of Object.entries(garbage)) {
    it(`is garbage where it is ${what}`, () => {
      expect(() => parseChannel(Buffer.from(body)))
        .to.throw(SfuError)
        .that.includes({ failure: "garbage", status: 200 });
    });
  }

  it("is never quoted in the error", () => {
    expect(() => read('{"uuid":"","url":"http://the-secret"}'))
      .to.throw(SfuError)
      .with.property("stack")
      .that.not.contains("the-secret");
  });
});
