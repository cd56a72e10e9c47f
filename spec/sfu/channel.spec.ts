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
