import { expect } from "chai";
import { toBlockList } from "../../lib/config/schema.ts";
import { callerAddress } from "../../lib/http/caller-address.ts";

describe("the caller's address", () => {
  const PROXIES = ["10.0.0.0/8", "127.0.0.1", "2001:db8:ffff::/48", "fe80::/10"];
  const cases: readonly {
    readonly what: string;
    readonly socket: string | undefined;
    readonly forwardedFor?: string;
    readonly trusted?: readonly string[];
    readonly address: string;
  }[] = [
    { what: "the socket's", socket: "203.0.113.7", address: "203.0.113.7" },
    { what: "the socket's, where that is IPv6", socket: "2001:db8::7", address: "2001:db8::7" },
    { what: "the socket's without the prefix of a dual stack", socket: "::ffff:203.0.113.7", address: "203.0.113.7" },
    { what: "nothing where the socket has gone", socket: undefined, forwardedFor: "203.0.113.7", address: "" },
    {
      what: "the socket's whatever the caller claims, where no proxy is trusted",
      socket: "10.0.0.1",
      forwardedFor: "198.51.100.1",
      trusted: [],
      address: "10.0.0.1",
    },
    {
      what: "the socket's whatever the caller claims, where that is no proxy's",
      socket: "203.0.113.7",
      forwardedFor: "198.51.100.1, 10.0.0.1",
      address: "203.0.113.7",
    },
    {
      what: "what a trusted proxy says",
      socket: "10.0.0.1",
      forwardedFor: "203.0.113.7",
      address: "203.0.113.7",
    },
    {
      what: "what a trusted proxy says on a dual stack",
      socket: "::ffff:10.0.0.1",
      forwardedFor: "::ffff:203.0.113.7",
      address: "203.0.113.7",
    },
    {
      what: "what a trusted IPv6 proxy says of an IPv6 caller",
      socket: "2001:db8:ffff::1",
      forwardedFor: "2001:db8::7",
      address: "2001:db8::7",
    },
    {
      what: "what a trusted link-local proxy says",
      socket: "fe80::1%eth0",
      forwardedFor: "203.0.113.7",
      address: "203.0.113.7",
    },
    {
      what: "the last one that is no proxy's, past several proxies",
      socket: "10.0.0.1",
      forwardedFor: "203.0.113.7, 10.1.1.1,10.2.2.2",
      address: "203.0.113.7",
    },
    {
      what: "never what the caller wrote before the proxies did",
      socket: "10.0.0.1",
      forwardedFor: "198.51.100.1, 10.9.9.9, 203.0.113.7, 10.1.1.1",
      address: "203.0.113.7",
    },
    {
      what: "the first proxy's where all are proxies",
      socket: "10.0.0.1",
      forwardedFor: "10.0.0.3, 10.0.0.2",
      address: "10.0.0.3",
    },
    { what: "the proxy's where it says nothing", socket: "10.0.0.1", forwardedFor: "", address: "10.0.0.1" },
    { what: "the proxy's where it says nonsense", socket: "10.0.0.1", forwardedFor: "unknown", address: "10.0.0.1" },
    {
      what: "the last proxy's before nonsense",
      socket: "10.0.0.1",
      forwardedFor: "203.0.113.7, <script>, 10.0.0.2",
      address: "10.0.0.2",
    },
    {
      what: "the proxy's where it leaves a gap",
      socket: "10.0.0.1",
      forwardedFor: "203.0.113.7,",
      address: "10.0.0.1",
    },
  ];
  for (const { what, socket, forwardedFor, trusted = PROXIES, address } of cases) {
    it(`is ${what}`, () => {
      expect(callerAddress(socket, forwardedFor, toBlockList(trusted)!)).to.equal(address);
    });
  }
});
