import { expect } from "chai";
import fc from "fast-check";
import { createReplays, type Replays, type SignedHeartbeat } from "../../../lib/auth/replays.ts";
import { MAX_TOKEN_LIFE_S } from "../../../lib/auth/verify-heartbeat.ts";
import { GatewayError } from "../../../lib/errors.ts";
import { useFakeClock } from "../../support/clock.ts";
import { holds, upTo } from "../property.ts";

const few = fc.nat(2);

/** A heartbeat that is sent, of a few alike, and how long after the one before it. */
const sending = fc.record({
  afterS: fc.nat(100),
  id: fc.option(few.map(String)),
  issuer: fc.option(few.map(String)),
  address: few.map((number) => `http://sfu${String(number)}.test`),
  body: few.map((number) => `body ${String(number)}`),
  /** How long before it arrives it was signed, and how long it stays good; null for a token without `iat`. */
  signedBeforeS: fc.option(fc.nat(60)),
  livesS: fc.integer({ min: 1, max: MAX_TOKEN_LIFE_S }),
  isRefused: fc.boolean(),
});

describe("heartbeats that are sent again", () => {
  const clock = useFakeClock();
  /** One for all runs, for it is made for a large fleet; what a run sends has its number in it. */
  let replays: Replays;
  let run = 0;
  beforeEach(() => {
    replays = createReplays(clock);
  });

  /** What makes two of them the same use of a token: rules 1 and 2 of `Replays`. */
  const useOf = ({ token: { id, issuer, payload }, body }: SignedHeartbeat): string =>
    id === null ? `${String(Buffer.from(payload))} ${String(Buffer.from(body))}` : JSON.stringify([issuer, id]);

  holds(
    "are taken once while their token is good, and new ones always",
    300,
    fc.asyncProperty(upTo(25, sending), async (sendings) => {
      run++;
      /** By use: until when its token is good, in seconds. */
      const taken = new Map<string, number>();
      /** By address: when the last one that was taken had been signed, and when it came. */
      const latest = new Map<string, { readonly issuedAtS: number; readonly atS: number }>();
      for (const { afterS, id, issuer, address: host, body, signedBeforeS, livesS, isRefused } of sendings) {
        await clock.elapse(afterS * 1000);
        const nowS = clock.now() / 1000;
        const issuedAtS = signedBeforeS === null ? null : nowS - signedBeforeS;
        const expiresAtS = nowS + livesS;
        const address = `${host}/${String(run)}`;
        const payload = Buffer.from(JSON.stringify({ run, iat: issuedAtS, exp: expiresAtS, jti: id, iss: issuer }));
        const token = { issuedAtS, expiresAtS, id: id === null ? null : `${String(run)} ${id}`, issuer, payload };
        const heartbeat = { token, address, body: Buffer.from(body) };
        const use = useOf(heartbeat);
        const isReplay = (taken.get(use) ?? -Infinity) > nowS;
        const last = latest.get(address);
        const isOvertaken = issuedAtS !== null && last !== undefined && issuedAtS < last.issuedAtS;
        const isNew = !taken.has(use) && !isOvertaken;

        let accepted = false;
        let error: unknown = null;
        try {
          accepted = replays.once(heartbeat, () => {
            if (isRefused) throw new Error("the fleet is full");
            return true;
          });
        } catch (thrown) {
          error = thrown;
        }
        // What was overtaken so long ago has no good token any more.
        const isStale = isOvertaken && nowS - last.atS < MAX_TOKEN_LIFE_S;
        if (isReplay || isStale) expect(error).to.be.instanceOf(GatewayError).with.property("code", "replayed");
        if (isNew) expect(accepted).to.equal(!isRefused);
        if (!accepted) continue;
        taken.set(use, expiresAtS);
        if (issuedAtS !== null) latest.set(address, { issuedAtS, atS: nowS });
      }
    }),
  );
});
