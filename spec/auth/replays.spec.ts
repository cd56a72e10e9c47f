import { expect } from "chai";
import { createReplays, type Replays } from "../../lib/auth/replays.ts";
import type { HeartbeatToken } from "../../lib/auth/verify-heartbeat.ts";
import { GatewayError } from "../../lib/errors.ts";
import { START_MS, useFakeClock } from "../support/clock.ts";

const nowS = START_MS / 1000;

interface Parts extends Partial<Omit<HeartbeatToken, "payload">> {
  readonly claims?: string;
  readonly address?: string;
  readonly body?: string;
}

describe("what tells a replay", () => {
  const clock = useFakeClock();
  let replays: Replays;
  beforeEach(() => {
    replays = createReplays(clock);
  });

  const send = ({ claims = "{}", address = "http://a.test", body = "1", ...token }: Parts = {}): string =>
    replays.once(
      {
        token: {
          issuedAtS: nowS,
          expiresAtS: nowS + 60,
          id: null,
          issuer: null,
          ...token,
          payload: Buffer.from(claims),
        },
        address,
        body: Buffer.from(body),
      },
      () => "accepted",
    );
  const expectReplayed = (parts: Parts): void => {
    let error: unknown = null;
    try {
      send(parts);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).to.be.instanceOf(GatewayError);
    expect(error).to.include({ code: "replayed", status: 401 });
  };

  it("refuses the same token with the same body", () => {
    expect(send()).to.equal("accepted");
    expectReplayed({});
    expectReplayed({});
  });

  it("takes the same token with another body: a sender may sign once for several", () => {
    for (const body of ["1", "2", "3"]) expect(send({ body })).to.equal("accepted");
    expectReplayed({ body: "2" });
  });

  it("takes another token with the same body", () => {
    for (const claims of ["{}", "{ }", "{1}"]) expect(send({ claims })).to.equal("accepted");
  });

  it("takes no end of the claims for the beginning of a body", () => {
    expect(send({ claims: "ab", body: "c" })).to.equal("accepted");
    expect(send({ claims: "a", body: "bc" })).to.equal("accepted");
  });

  it("takes a jti once, whatever the body, the token and the SFU", () => {
    expect(send({ id: "7" })).to.equal("accepted");
    expectReplayed({ id: "7" });
    expectReplayed({ id: "7", body: "2" });
    expectReplayed({ id: "7", body: "2", claims: "{ }", issuedAtS: nowS + 1, address: "http://b.test" });
    expect(send({ id: "8" })).to.equal("accepted");
  });

  it("takes the same jti of another issuer", () => {
    for (const issuer of [null, "a", "b"]) expect(send({ id: "7", issuer })).to.equal("accepted");
    expectReplayed({ id: "7", issuer: "a" });
  });

  it("refuses what was issued before the last that was accepted, of the same SFU", () => {
    expect(send()).to.equal("accepted");
    expectReplayed({ issuedAtS: nowS - 1, claims: "older" });
    expectReplayed({ issuedAtS: nowS - 0.5, claims: "a little older" });
    expect(send({ issuedAtS: nowS - 1, claims: "older", address: "http://b.test" })).to.equal("accepted");
    expect(send({ issuedAtS: nowS, claims: "as old" })).to.equal("accepted");
    expect(send({ issuedAtS: nowS + 1, claims: "newer" })).to.equal("accepted");
    expectReplayed({ issuedAtS: nowS, claims: "not so new any more" });
  });

  it("takes what does not say when it was issued", () => {
    expect(send()).to.equal("accepted");
    expect(send({ issuedAtS: null, claims: "some time" })).to.equal("accepted");
    expectReplayed({ issuedAtS: nowS - 1, claims: "older" });
  });

  it("remembers nothing of what was not accepted", () => {
    const heartbeat = {
      token: { issuedAtS: nowS, expiresAtS: nowS + 60, id: null, issuer: null, payload: Buffer.from("{}") },
      address: "http://a.test",
      body: Buffer.from("1"),
    };
    const refuse = (): never => {
      throw new Error("no");
    };
    expect(() => replays.once(heartbeat, refuse)).to.throw("no");
    expect(send({ issuedAtS: nowS - 1 })).to.equal("accepted");
    expect(send({ issuedAtS: nowS, claims: "{ }" })).to.equal("accepted");
  });

  it("remembers it for as long as the token is good, and no longer than it must", async () => {
    send({ expiresAtS: nowS + 300 });
    await clock.elapse(299_000);
    expectReplayed({ expiresAtS: nowS + 300 });
    // The wall clock may be set back, and the token be good again.
    await clock.elapse(60_000);
    expectReplayed({ expiresAtS: nowS + 300 });
    await clock.elapse(1001);
    expect(send({ expiresAtS: nowS + 300 })).to.equal("accepted");
  });

  it("forgets a clock that was far ahead, once no token from then is good", async () => {
    send({ issuedAtS: nowS + 86_400 });
    expectReplayed({ claims: "by the corrected clock" });
    await clock.elapse(360_001);
    expect(send({ claims: "by the corrected clock", issuedAtS: nowS + 360, expiresAtS: nowS + 400 })).to.equal(
      "accepted",
    );
  });

  it("holds many times a fleet's heartbeats", () => {
    for (let n = 0; n < 60_000; n++) send({ body: String(n), address: `http://${String(n % 10_000)}.test` });
    expectReplayed({ body: "0", address: "http://0.test" });
  });
});
