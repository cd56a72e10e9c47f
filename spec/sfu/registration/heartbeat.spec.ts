import { expect } from "chai";
import { GatewayError } from "../../../lib/errors.ts";
import { addressIn, type Heartbeat, parseBody, toHeartbeat } from "../../../lib/sfu/registration/heartbeat.ts";
import { sfuKey } from "../../support/tokens.ts";

const FIELDS = {
  status: "up",
  address: "http://sfu1.example.com:8070",
  region: "eu-west-3",
  key: sfuKey(1),
  channels: 2,
  sessions: 7,
  cpuUsage: 0.25,
  memoryUsage: 0.5,
};

function read(json: unknown): Heartbeat {
  return toHeartbeat(parseBody(Buffer.from(typeof json === "string" ? json : JSON.stringify(json))));
}

function refusal(json: unknown): string {
  try {
    read(json);
  } catch (error) {
    expect(error).to.be.instanceOf(GatewayError);
    expect(error).to.include({ code: "invalid_heartbeat", status: 400 });
    return (error as GatewayError).message;
  }
  expect.fail(`it was accepted: ${JSON.stringify(json)}`);
}

function without(field: string): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(FIELDS).filter(([name]) => name !== field));
}

/** As JSON text, with one field written as it stands here. */
function withRaw(field: string, text: string): string {
  return `${JSON.stringify(without(field)).slice(0, -1)},${JSON.stringify(field)}:${text}}`;
}

describe("a heartbeat", () => {
  it("is read", () => {
    const { key, ...rest } = read(FIELDS) as Extract<Heartbeat, { status: "up" }>;
    expect(rest).to.deep.equal({ ...without("key"), maxSessions: null });
    expect(key.length).to.equal(Buffer.from(sfuKey(1), "base64").length);
  });

  it("may say how many sessions fill the SFU", () => {
    expect(read({ ...FIELDS, maxSessions: 300 })).to.have.property("maxSessions", 300);
  });

  it("is told in the one spelling of address and region", () => {
    const given = { ...FIELDS, address: "HTTP://SFU1.example.com.:8070/", region: "EU-West-3" };
    expect(read(given)).to.include({ address: FIELDS.address, region: FIELDS.region });
  });

  it("takes the least and the most of everything", () => {
    const least = { region: "a", channels: 0, sessions: 0, cpuUsage: 0, memoryUsage: 0, maxSessions: 1 };
    const most = {
      region: "a".repeat(64),
      channels: 1e6,
      sessions: 1e6,
      cpuUsage: 1,
      memoryUsage: 1,
      maxSessions: 1e6,
    };
    expect(read({ ...FIELDS, ...least })).to.include(least);
    expect(read({ ...FIELDS, ...most })).to.include(most);
  });

  it("that is a sign-off needs nothing but an address", () => {
    const signOff = { status: "down", address: FIELDS.address };
    expect(read(signOff)).to.deep.equal(signOff);
    expect(read({ ...FIELDS, ...signOff })).to.deep.equal(signOff);
  });

  const count = /expected a whole number from 0 to 1000000/;
  const share = /expected a share from 0 to 1, like 0.5 for 50 %/;
  const numbers = ["null", '"1"', '""', "true", "[]", "{}", "-1", "1e400", "-1e400", '"NaN"', '"Infinity"'];
  const texts = ["null", '""', "7", "true", "[]", "{}", '["a"]'];
  const wrong: readonly (readonly [field: string, expected: RegExp, values: readonly string[]])[] = [
    ["status", /expected "up" or "down"/, [...texts, '"UP"', '"Down"', '" up"', '"expired"']],
    ["address", /expected/, [...texts, '"sfu1"', '"ftp://a.test"', '"http://a:b@c.test"', '"http://a.test/b"']],
    ["region", /expected a region's name/, [...texts, `"${"a".repeat(65)}"`, '"a\\u0000"', '"a\\nb"', '" "', '"a "']],
    ["region", /expected a region's name/, ['"a\\u202eb"', '"\\ud800"', '"a\\u2028"', '"\\u007f"', '"\\u0085"']],
    ["key", /expected/, [...texts, '"not base64!"', '"A"', '"===="', '"AA=A"', '"\\u0000AAA"']],
    ["channels", count, [...numbers, "0.5", "1000001", "1e21", "9007199254740993"]],
    ["sessions", count, [...numbers, "0.5", "1000001", "1e21", "9007199254740993"]],
    ["cpuUsage", share, [...numbers, "1.01", "97", "1e21"]],
    ["memoryUsage", share, [...numbers, "1.01", "97", "1e21"]],
    ["maxSessions", /expected a whole number from 1 to 1000000/, [...numbers, "0", "0.5", "1000001"]],
  ];
  for (const [field, expected, values] of wrong) {
    for (const value of values) {
      it(`is refused where ${field} is ${value.slice(0, 24)}`, () => {
        const message = refusal(withRaw(field, value));
        expect(message).to.match(expected).and.include(`${field}: `);
        expect(message.split(";")).to.have.length(1);
      });
      if (field === "status" || field === "address") continue;
      it(`is refused where it is a sign-off and ${field} is ${value.slice(0, 24)}`, () => {
        expect(refusal(withRaw(field, value).replace('"up"', '"down"'))).to.match(expected);
      });
    }
  }

  for (const field of Object.keys(FIELDS)) {
    it(`is refused without ${field}`, () => {
      expect(refusal(without(field))).to.match(new RegExp(`: ${field}: missing, expected`));
    });
  }

  for (const field of ["__proto__", "constructor", "toString", "prototype", "Sessions", "source", "weight"]) {
    for (const value of ["1", '{"sessions":1}', "null"]) {
      it(`is refused with a field of the name ${field} that is ${value}`, () => {
        expect(refusal(withRaw(field, value))).to.match(/no such field/);
        expect(Object.prototype).not.to.have.property("sessions");
      });
    }
  }

  it("is refused with the name that was meant", () => {
    expect(refusal({ ...FIELDS, cpu_usage: 1 })).to.include("cpu_usage: no such field, did you mean cpuUsage?");
  });

  it("is refused with the first few of many names that do not exist", () => {
    const many = Object.fromEntries(
      Array.from({ length: 500 }, (_, index) => ["x".repeat((index % 20) + 1) + "_" + "y".repeat(index / 100), 1]),
    );
    expect(refusal({ ...FIELDS, ...many }))
      .to.match(/and \d+ more$/)
      .with.length.below(600);
  });

  it("is refused with all that is wrong of it", () => {
    const message = refusal({ status: "up", sessions: -1, cpuUsage: 50, stray: 1 });
    for (const field of ["address", "region", "key", "channels", "sessions", "cpuUsage", "memoryUsage", "stray"]) {
      expect(message).to.include(`${field}: `);
    }
  });

  for (const json of ["null", "[]", '"up"', "7", "true", `[${JSON.stringify(FIELDS)}]`]) {
    it(`is refused where it is ${json.slice(0, 12)}`, () => expect(refusal(json)).to.match(/expected a JSON object/));
  }
  for (const text of ["", " ", "{", "up", "status=up", "{}{}", "NaN", "{'status':'up'}", '{"a":1,}', "\u0000"]) {
    it(`is refused where it is the text ${JSON.stringify(text)}`, () =>
      expect(refusal(text)).to.match(/this is not JSON/));
  }
  it("is refused where it is not UTF-8", () => {
    expect(() => parseBody(Buffer.from([0x22, 0xff, 0xfe, 0x22]))).to.throw(GatewayError, /not JSON/);
  });

  it("is refused without a word of what was given", () => {
    const secret = "VGhlU2VjcmV0S2V5VGhhdE5vYm9keVNlZXM";
    for (const field of [...Object.keys(FIELDS), "maxSessions"]) {
      expect(refusal({ ...FIELDS, [field]: `${secret}!\n` })).not.to.include("VGhl");
    }
    expect(refusal({ ...FIELDS, [secret]: 1 })).not.to.include("VGhl");
    expect(refusal(`{"key":"${secret}"`)).not.to.include("VGhl");
  });

  it("tells its address where anything else is wrong", () => {
    expect(addressIn({ ...FIELDS, status: 7, key: "" })).to.equal(FIELDS.address);
    for (const json of [null, [], {}, { address: 7 }, { address: "http://a.test/secret" }]) {
      expect(addressIn(json)).to.equal(null);
    }
  });
});
