import { expect } from "chai";
import { changesBetween } from "../../lib/config/changes.ts";
import { GATEWAY_KEY, sfuKey } from "../support/tokens.ts";
import { type Given, useFiles } from "./harness.ts";

const OTHER_KEY = sfuKey(9);
const SFU_1 = `[[sfu]]\naddress = "http://sfu1"\nkey = "${sfuKey(1)}"\n`;
const SFU_2 = `[[sfu]]\naddress = "http://sfu2"\nkey = "${sfuKey(2)}"\n`;
const PASSWORD = "a-password-in-a-url";
const TOKEN = "a-token-that-nobody-guesses";

describe("the changes between two configurations", () => {
  const files = useFiles();
  const changes = (from: Given, to: Given): readonly string[] =>
    changesBetween(files.load({ secrets: SFU_1, ...from }), files.load({ secrets: SFU_1, ...to }));

  const cases: readonly (readonly [what: string, from: Given, to: Given, expected: readonly string[]])[] = [
    ["nothing", {}, {}, []],
    ["another order of the fleet", { secrets: SFU_1 + SFU_2 }, { secrets: SFU_2 + SFU_1 }, []],
    ["a default that is written down", {}, { config: "[failover]\nmax_retries = 3" }, []],
    [
      "a number",
      { config: "[failover]\nmax_retries = 2" },
      { config: "[failover]\nmax_retries = 5" },
      ["[failover] max_retries: 2 → 5"],
    ],
    [
      "settings of several tables",
      {},
      { config: '[balancing]\nstrategy = "round-robin"\nweights.cpu = 0.5\n[health]\nhealthy_after = 2' },
      [
        '[balancing] strategy: "load" → "round-robin"',
        "[balancing.weights] cpu: 0.3 → 0.5",
        "[health] healthy_after: 1 → 2",
      ],
    ],
    [
      "a list that was not there",
      { env: { SFU_GATEWAY_REGISTRATION_KEY: OTHER_KEY } },
      { env: { SFU_GATEWAY_REGISTRATION_KEY: OTHER_KEY }, config: '[registration]\nallow = ["10.0.0.0/8"]' },
      ['[registration] allow: unset → ["10.0.0.0/8"]'],
    ],
    [
      "a region",
      {},
      { config: "[regions.attic]\nlatitude = 1\nlongitude = 2" },
      ["[regions.attic] latitude: unset → 1", "[regions.attic] longitude: unset → 2"],
    ],
    ["an SFU that joins", {}, { secrets: SFU_1 + SFU_2 }, ["[[sfu]] http://sfu2: added"]],
    ["an SFU that leaves", { secrets: SFU_1 + SFU_2 }, { secrets: SFU_2 }, ["[[sfu]] http://sfu1: removed"]],
    [
      "limits, of which the files have one table and the code two",
      {},
      { config: "[rate_limit]\nrequests = 7\nauth_failures = 8\nauth_window_ms = 9000" },
      [
        "[rate_limit] auth_failures: 20 → 8",
        "[rate_limit] auth_window_ms: 60000 → 9000",
        "[rate_limit] requests: unset → 7",
        "[rate_limit] window_ms: unset → 60000",
      ],
    ],
    [
      "an SFU's settings",
      {},
      { secrets: `${SFU_1}weight = 2\nregion = "eu"\npublic_url = "https://sfu1.example"\nmax_sessions = 7` },
      [
        '[[sfu]] http://sfu1: region unset → "eu", public_url unset → "https://sfu1.example", weight 1 → 2, max_sessions 1000 → 7',
      ],
    ],
    [
      "an SFU's key and token",
      {},
      { secrets: `${SFU_1.replace(sfuKey(1), OTHER_KEY)}stats_token = "${TOKEN}"` },
      ["[[sfu]] http://sfu1: key changed, stats_token changed"],
    ],
    [
      "the gateway's keys",
      {},
      { env: { SFU_GATEWAY_KEY: `${GATEWAY_KEY},${OTHER_KEY}` } },
      ["SFU_GATEWAY_KEY: changed, 2 keys (1 key before)"],
    ],
    [
      "a gateway key in the place of another",
      {},
      { env: { SFU_GATEWAY_KEY: OTHER_KEY } },
      ["SFU_GATEWAY_KEY: changed, 1 key (1 key before)"],
    ],
    [
      "what opens routes",
      {},
      { env: { SFU_GATEWAY_REGISTRATION_KEY: OTHER_KEY, SFU_GATEWAY_ADMIN_TOKEN: TOKEN } },
      ["SFU_GATEWAY_REGISTRATION_KEY: changed", "SFU_GATEWAY_ADMIN_TOKEN: changed"],
    ],
    [
      "the external list",
      {},
      { config: `[registry]\nurl = "https://list.example/?password=${PASSWORD}"\ntoken = "${TOKEN}"` },
      ["[registry] url: changed", "[registry] interval_ms: unset → 10000", "[registry] token: changed"],
    ],
    [
      "a store",
      {},
      { config: `[store]\nurl = "redis://gateway:${PASSWORD}@redis.example"` },
      ["[store] url: changed", '[store] prefix: unset → "sfu-gateway"'],
    ],
    ...[
      ["the store's host", `redis://:${PASSWORD}@other.example`],
      ["the store's user", `redis://${TOKEN}:${PASSWORD}@redis.example`],
      ["the store's password", `redis://:${TOKEN}@redis.example`],
    ].map(([what, url]): (typeof cases)[number] => [
      what!,
      { config: `[store]\nurl = "redis://:${PASSWORD}@redis.example"` },
      { config: `[store]\nurl = "${url!}"` },
      ["[store] url: changed"],
    ]),
    [
      "the sentinels' password",
      { config: '[store]\nurl = "redis+sentinel://s1/m"' },
      { config: `[store]\nurl = "redis+sentinel://s1/m?sentinel_password=${PASSWORD}"` },
      ["[store] url: changed"],
    ],
    [
      "another spelling of the same store",
      { config: '[store]\nurl = "redis://redis.example"' },
      { config: '[store]\nurl = "redis://REDIS.example:6379/0"\nprefix = "sfu-gateway"' },
      [],
    ],
  ];
  for (const [what, from, to, expected] of cases) {
    it(`tell of ${what}, and of nothing that is secret`, () => {
      const told = changes(from, to);
      expect(told).to.deep.equal(expected);
      for (const secret of [GATEWAY_KEY, OTHER_KEY, sfuKey(1), PASSWORD, TOKEN]) {
        expect(told.join("\n")).not.to.contain(secret);
      }
    });
  }
});
