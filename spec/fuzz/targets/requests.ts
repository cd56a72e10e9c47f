import { isIP } from "node:net";
import { createGeo } from "../../../lib/balancing/geo.ts";
import { toBlockList } from "../../../lib/config/schema.ts";
import { callerAddress } from "../../../lib/http/caller-address.ts";
import { placementOf } from "../../../lib/http/placement.ts";
import { partQuery } from "../../../lib/http/query.ts";
import { must, outcomeOf, type Target } from "../target.ts";

const trusted = toBlockList(["10.0.0.0/8", "2001:db8:ffff::/48"])!;
const PROXY = "10.0.0.1";

/** X-Forwarded-For, from a trusted proxy. */
export const forwardedFor: Target = {
  name: "forwarded-for",
  seeds: ["203.0.113.7", "203.0.113.7, 10.0.0.2", "[2001:db8::7]:5678,::ffff:10.0.0.3", "unknown, _hidden", ""].map(
    (text) => Buffer.from(text),
  ),
  words: [
    "10.0.0.2",
    "203.0.113.7",
    "2001:db8:ffff::1",
    "::ffff:",
    "[",
    "]",
    ":80",
    ",",
    " ",
    "%eth0",
    "127.1",
    "0x7f",
    "...",
  ],
  reaches: ["accepted"],
  run: (input) =>
    outcomeOf(() => {
      const header = input.toString("latin1");
      const address = callerAddress(PROXY, header, trusted);
      must(isIP(address) !== 0, "is no address");
      must(address === PROXY || header.includes(address), "is an address that nobody has named");
      return `${String(isIP(address))} ${String(address === PROXY)} ${String(Math.min(4, header.split(",").length))}`;
    }),
};

const geo = createGeo({});

/** The query of a request for a channel. */
export const queries: Target = {
  name: "queries",
  seeds: [
    "region=eu-west-3&country=BE&webRTC=false",
    "recordingAddress=https%3A%2F%2Fx&a=1&a=2",
    "%72egion=EU&&=&",
    "",
  ].map((text) => Buffer.from(text)),
  words: [
    "region",
    "country",
    "=",
    "&",
    "%",
    "%00",
    "%72",
    "%C3%A9",
    "+",
    "eu-west-3",
    "be",
    "__proto__",
    "constructor",
    "?",
    "#",
  ],
  reaches: ["accepted"],
  run: (input) =>
    outcomeOf(() => {
      const query = input.toString("latin1");
      const parted = partQuery(query);
      const place = placementOf(parted, geo).place;
      must(place === null || Number.isFinite(place.latitude + place.longitude), "is nowhere on the Earth");
      must(partQuery(parted.forwarded).forwarded === parted.forwarded, "hands on what is the gateway's");
      // What is handed on is made of what came, in its order.
      let at = 0;
      for (const parameter of parted.forwarded === "" ? [] : parted.forwarded.split("&")) {
        at = query.indexOf(parameter, at);
        must(at >= 0, "hands on what nobody has sent");
        at += parameter.length;
      }
      must(URL.canParse(`http://sfu.test/v1/channel?${parted.forwarded}`), "makes a URL that is none");
      return [parted.region !== null, parted.country !== null, place !== null].join();
    }),
};
