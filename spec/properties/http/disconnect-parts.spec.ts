import { expect } from "chai";
import fc from "fast-check";
import type { ChannelSessions } from "../../../lib/auth/verify-disconnect.ts";
import { systemClock } from "../../../lib/clock.ts";
import { Events } from "../../../lib/events.ts";
import { partBySfu } from "../../../lib/http/disconnect-parts.ts";
import { createRegistry } from "../../../lib/sfu/registry.ts";
import type { Health } from "../../../lib/sfu/sfu.ts";
import { sfuOf } from "../../support/fleet.ts";
import { holds, upTo } from "../property.ts";

const states = ["unknown", "healthy", "failing", "down", "misconfigured", "expired"] as const;
const fleetOfStates = fc.array(fc.constantFrom<Health["state"]>(...states), { maxLength: 8 });
/** By channel: the number of its SFU, -1 where nobody knows it. */
const homesOfChannels = upTo(12, fc.integer({ min: -1, max: 7 }));

describe("the parts of a disconnect, whatever the fleet", () => {
  holds(
    "go to the SFU of each channel, and where that is not known to all that may have it",
    1000,
    fc.property(fleetOfStates, homesOfChannels, (fleet, homes) => {
      const registry = createRegistry(systemClock, new Events());
      const sfus = fleet.map((_, index) => sfuOf(index));
      sfus.forEach((sfu, index) => {
        registry.put(sfu);
        registry.setHealth(sfu, { state: fleet[index]!, sinceMs: 0, reason: "is so" });
      });
      const channels = homes.map((_, index): ChannelSessions => [`uuid ${String(index)}`, [index]]);
      const homeOf = (uuid: string): number => homes[Number(uuid.split(" ")[1])] ?? -1;
      const { parts, ...counts } = partBySfu(channels, {
        homes: { of: (uuid) => sfus[homeOf(uuid)] ?? null },
        registry,
      });

      const isKnown = (home: number): boolean => home in sfus;
      const unknown = homes.filter((home) => !isKnown(home)).length;
      const isHome = (index: number): boolean => homes.includes(index);
      const isSilent = (index: number): boolean => ["down", "expired"].includes(fleet[index]!);
      sfus.forEach((sfu, index) => {
        const mayHave = (home: number): boolean =>
          home === index || (!isKnown(home) && (isHome(index) || !isSilent(index)));
        const expected = channels.filter(([uuid]) => mayHave(homeOf(uuid)));
        const told = parts.filter((part) => part.sfu === sfu);
        expect(told.length, sfu.address).to.equal(expected.length === 0 ? 0 : 1);
        expect(told[0]?.channels ?? [], sfu.address).to.have.members(expected);
        expect(told[0]?.isHome ?? isHome(index)).to.equal(isHome(index));
      });
      const silent = sfus.filter((_, index) => isSilent(index) && !isHome(index)).length;
      expect(counts).to.deep.equal({ channels: homes.length, unknown, silent: unknown === 0 ? 0 : silent });
    }),
  );
});
