import { expect } from "chai";
import { nearest } from "../../lib/config/nearest.ts";

describe("nearest", () => {
  const known = ["max_retries", "retry_timeout_ms", "ttl_ms", "SFU_GATEWAY_PORT", "SFU_GATEWAY_KEY"];
  const pairs: readonly (readonly [typed: string, meant: string | null])[] = [
    ["max_retrys", "max_retries"],
    ["MAX_RETRIES", "max_retries"],
    ["maxRetries", "max_retries"],
    ["ttl", "ttl_ms"],
    ["SFU_GATEWAY_PROT", "SFU_GATEWAY_PORT"],
    ["sfu_gateway_port", "SFU_GATEWAY_PORT"],
    ["xyzzy", null],
    ["", null],
  ];
  for (const [typed, meant] of pairs) {
    it(`finds ${String(meant)} for '${typed}'`, () => {
      expect(nearest(typed, known)).to.equal(meant);
    });
  }

  it("finds nothing among nothing", () => {
    expect(nearest("anything", [])).to.equal(null);
  });
});
