import { isDeepStrictEqual } from "node:util";
import { parseKey } from "../../../lib/auth/keys.ts";
import { createDisconnectVerifier } from "../../../lib/auth/verify-disconnect.ts";
import { Events } from "../../../lib/events.ts";
import { partBySfu } from "../../../lib/http/disconnect-parts.ts";
import { parseJson } from "../../../lib/json.ts";
import { createChannelHomes } from "../../../lib/sfu/channel-homes.ts";
import { createRegistry } from "../../../lib/sfu/registry.ts";
import { sfuOf } from "../../support/fleet.ts";
import { GATEWAY_KEY } from "../../support/tokens.ts";
import { input, isSigned, NOW_S, standingClock, tokenFrom } from "../jwt.ts";
import { CANARY, must, outcomeOf, type Target } from "../target.ts";

const HEADER = '{"alg":"HS256","typ":"JWT"}';
const claims = (sessionIdsByChannel: unknown): string =>
  JSON.stringify({ sessionIdsByChannel, exp: NOW_S + 20, secret: CANARY });

const verify = createDisconnectVerifier([parseKey(GATEWAY_KEY)], standingClock);
const registry = createRegistry(standingClock, new Events());
const homes = createChannelHomes(registry, standingClock);
for (const number of [1, 2, 3]) registry.put(sfuOf(number));
homes.learn("uuid-1", sfuOf(1));
homes.learn("uuid-2", sfuOf(2));

/** The body of `POST /v1/disconnect`. */
export const disconnects: Target = {
  name: "disconnects",
  seeds: [
    input("signed", HEADER, claims({ "uuid-1": [1, 2], "uuid-2": ["3"], unknown: [] })),
    input("signed, standard alphabet", HEADER, claims({ "uuid-1": [1.5, 2e300, { a: null }] })),
    input("signed", HEADER, claims({})),
    input("signed", HEADER, claims([])),
    input("as it is", CANARY),
    input("as it is", ""),
  ],
  words: [
    ...["sessionIdsByChannel", "uuid-1", "uuid-2", "unknown", "exp", "__proto__", "constructor", "toString", "1e400"],
    ...['"', "{", "}", "[", "]", ":", ",", "\n", "null", "{}", "[]", "\\u0000", "9007199254740993", String(NOW_S)],
  ],
  reaches: ["accepted", "missing_token", "invalid_token", "invalid_claims"],
  show: (bytes) => tokenFrom(bytes).replace("Bearer ", ""),
  run(bytes) {
    const token = tokenFrom(bytes).replace("Bearer ", "");
    return outcomeOf(() => {
      const order = verify(token);
      must(isSigned(token.trim()), "obeys what nobody has signed");
      const { parts, ...counts } = partBySfu(order.channels, { homes, registry });
      for (const { channels } of parts) {
        const { sessionIdsByChannel } = parseJson(order.claimsFor(channels)) as {
          readonly sessionIdsByChannel: object;
        };
        const told = new Map(Object.entries(sessionIdsByChannel));
        must(told.size === channels.length, "tells an SFU of other channels than its own");
        for (const [uuid, ids] of channels) {
          must(isDeepStrictEqual(told.get(uuid), JSON.parse(JSON.stringify(ids))), "tells an SFU of other sessions");
        }
      }
      return JSON.stringify([parts.length, counts.unknown > 0]);
    });
  },
};
