import { expect } from "chai";
import fc from "fast-check";
import { parseKey } from "../../../lib/auth/keys.ts";
import { GatewayError } from "../../../lib/errors.ts";
import { addressIn, type Heartbeat, parseBody, toHeartbeat } from "../../../lib/sfu/registration/heartbeat.ts";
import { holds } from "../property.ts";

const share = fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true }));
const count = fc.nat(1_000_000);

/** Everything that an SFU may say of itself. */
const valid = fc.record(
  {
    status: fc.constant("up"),
    address: fc.nat(999).map((number) => `https://sfu${String(number)}.example.com`),
    region: fc.stringMatching(/^[A-Za-z0-9-]{1,64}$/),
    key: fc.uint8Array({ minLength: 1, maxLength: 64 }).map((bytes) => Buffer.from(bytes).toString("base64")),
    channels: count,
    sessions: count,
    cpuUsage: share,
    memoryUsage: share,
    maxSessions: fc.integer({ min: 1, max: 1_000_000 }),
  },
  { requiredKeys: ["status", "address", "region", "key", "channels", "sessions", "cpuUsage", "memoryUsage"] },
);

const FIELDS = ["status", "address", "region", "key", "channels", "sessions", "cpuUsage", "memoryUsage"] as const;

const read = (json: unknown): Heartbeat => toHeartbeat(parseBody(Buffer.from(JSON.stringify(json))));

const refusal = (act: () => unknown): GatewayError => {
  try {
    act();
  } catch (error) {
    expect(error).to.be.instanceOf(GatewayError);
    expect(error).to.include({ code: "invalid_heartbeat", status: 400 });
    return error as GatewayError;
  }
  return expect.fail("it was accepted");
};

describe("heartbeats, whatever they say", () => {
  holds(
    "are taken as they are where they are valid",
    1000,
    fc.property(valid, (json) => {
      const { key: text, region, maxSessions = null, ...rest } = json;
      const heartbeat = read(json);
      if (heartbeat.status !== "up") return expect.fail("it was up");
      const { key, ...told } = heartbeat;
      expect(told).to.deep.equal({ ...rest, region: region.toLowerCase(), maxSessions });
      expect(key.equals(parseKey(text))).to.equal(true);
      expect(addressIn(json)).to.equal(json.address);
    }),
  );

  holds(
    "are refused for one field that is missing or something else, which is named, and nothing given is repeated",
    1000,
    fc.property(
      valid,
      fc.constantFrom(...FIELDS),
      fc.oneof(
        fc.constant(undefined),
        fc.constantFrom<unknown>(null, true, -1, 0.5, 1e300, "", " ", [], {}, "a\u0000secret value"),
        fc.constant("not/such=secret-value"),
      ),
      (json, field, value) => {
        const faulty = { ...json, [field]: value };
        // Some of these are fine where they stand.
        if (typeof value === "number" && field.endsWith("Usage") && value === 0.5) return;
        if (field === "region" && value === "not/such=secret-value") return;
        const { message } = refusal(() => read(faulty));
        expect(message).to.include(`${field}: `);
        expect(message).not.to.include("secret");
        expect(message).not.to.include(json.key.length > 8 ? json.key : "\n");
      },
    ),
  );

  holds(
    "are a heartbeat or a refusal, whatever the JSON, and a sign-off needs an address alone",
    2000,
    fc.property(
      fc.oneof(
        fc.json(),
        fc
          .tuple(valid, fc.dictionary(fc.string(), fc.jsonValue()))
          .map(([json, more]) => JSON.stringify({ ...more, ...json })),
        fc.tuple(valid, fc.jsonValue()).map(([{ address }, more]) => JSON.stringify({ status: "down", address, more })),
        valid.map(({ address }) => JSON.stringify({ status: "down", address })),
      ),
      (text) => {
        const json = parseBody(Buffer.from(text));
        const { more, ...own } = Object.fromEntries(Object.entries(Object(json) as object)) as Readonly<
          Record<string, unknown>
        >;
        if (own.status === "down" && more === undefined) {
          expect(toHeartbeat(json)).to.deep.equal({ status: "down", address: own.address });
        } else if (
          Object.keys(own).every((name) => [...FIELDS, "maxSessions"].includes(name as "key")) &&
          own.status === "up"
        ) {
          expect(toHeartbeat(json).address).to.equal(own.address);
        } else refusal(() => toHeartbeat(json));
      },
    ),
  );
});
