import { expect } from "chai";
import type { ChannelSessions } from "../../lib/auth/verify-disconnect.ts";
import { systemClock } from "../../lib/clock.ts";
import { Events } from "../../lib/events.ts";
import { type DisconnectParts, partBySfu } from "../../lib/http/disconnect-parts.ts";
import { type ChannelHomes, createChannelHomes } from "../../lib/sfu/channel-homes.ts";
import { createRegistry, type Registry } from "../../lib/sfu/registry.ts";
import type { Health } from "../../lib/sfu/sfu.ts";
import { sfuOf } from "../support/fleet.ts";

describe("the parts of a disconnect", () => {
  const sfus = [1, 2, 3, 4].map((number) => sfuOf(number));
  const [one, two, three, four] = sfus as [(typeof sfus)[0], (typeof sfus)[0], (typeof sfus)[0], (typeof sfus)[0]];
  let registry: Registry;
  let homes: ChannelHomes;
  beforeEach(() => {
    registry = createRegistry(systemClock, new Events());
    for (const sfu of sfus) registry.put(sfu);
    homes = createChannelHomes(registry, systemClock);
    homes.learn("a1", one);
    homes.learn("b1", one);
    homes.learn("a3", three);
  });

  const part = (...uuids: string[]): DisconnectParts =>
    partBySfu(
      uuids.map((uuid): ChannelSessions => [uuid, [1]]),
      { homes, registry },
    );
  /** Who is told of which channels. */
  const shown = ({ parts }: DisconnectParts): unknown =>
    parts.map(({ sfu, channels }) => [sfu.address, channels.map(([uuid]) => uuid).join(" ")]);

  it("are none where there are no channels", () => {
    expect(part()).to.deep.equal({ parts: [], channels: 0, unknown: 0, silent: 0 });
  });

  it("go to the SFUs that made the channels, and to no other", () => {
    const parted = part("a1", "a3", "b1");
    expect(shown(parted)).to.deep.equal([
      [one.address, "a1 b1"],
      [three.address, "a3"],
    ]);
    expect(parted).to.include({ channels: 3, unknown: 0 });
  });

  it("go to all SFUs where nobody knows who made a channel, together with their own", () => {
    const parted = part("x", "a3", "y");
    expect(shown(parted)).to.deep.equal([
      [three.address, "a3 x y"],
      [one.address, "x y"],
      [two.address, "x y"],
      [four.address, "x y"],
    ]);
    expect(parted).to.include({ channels: 3, unknown: 2, silent: 0 });
    expect(parted.parts.map(({ isHome }) => isHome)).to.deep.equal([true, false, false, false]);
  });

  it("go to none of those that are silent where nobody knows, and to everybody else whatever is wrong with him", () => {
    const [sinceMs, reason] = [0, "is so"];
    const states: readonly Health[] = [
      { state: "down", sinceMs, reason },
      { state: "misconfigured", sinceMs, reason },
      { state: "expired", sinceMs, reason },
      { state: "failing", sinceMs, reason },
    ];
    sfus.forEach((sfu, index) => registry.setHealth(sfu, states[index]!));
    registry.setDraining(four, true);
    const parted = part("x");
    expect(parted.parts.map(({ sfu }) => sfu)).to.deep.equal([two, four]);
    expect(parted).to.include({ unknown: 1, silent: 2 });
  });

  it("go to one that made a channel, however silent it is", () => {
    for (const state of ["down", "expired"] as const) {
      registry.setHealth(one, { state, sinceMs: 0, reason: "is so" });
      expect(shown(part("a1"))).to.deep.equal([[one.address, "a1"]]);
      const parted = part("x", "a1");
      expect(parted.parts.map(({ sfu }) => sfu)).to.deep.equal([one, two, three, four]);
      expect(parted.silent).to.equal(0);
    }
  });

  it("go to nobody where all are silent", () => {
    for (const sfu of sfus) registry.setHealth(sfu, { state: "down", sinceMs: 0, reason: "is so" });
    expect(part("x")).to.deep.equal({ parts: [], channels: 1, unknown: 1, silent: 4 });
  });

  it("go to nobody where there is no SFU", () => {
    for (const { address } of sfus) registry.remove(address, "static");
    expect(part("x", "a1")).to.deep.equal({ parts: [], channels: 2, unknown: 2, silent: 0 });
  });
});
