import { systemClock } from "../../lib/clock.ts";
import { GATEWAY_KEY } from "../../spec/support/tokens.ts";
import { type AssignmentGrowth, type AssignmentPace, measureAssignments } from "./growth/assignments.ts";
import { type FleetGrowth, type FleetPace, measureFleet } from "./growth/fleet.ts";
import { measureSharing, type Shared, type SharingPace } from "./growth/sharing.ts";
import type { Peer } from "./peer.ts";
import { removeFolder, temporaryFolder } from "./peers/program.ts";
import { ownProcessors } from "./processes.ts";
import { writeTokens } from "./tokens.ts";
import { wrkVersion } from "./wrk.ts";

/** What grows with the fleet, with the processes and with the conferences; plain JSON. */
export interface GrowthResult {
  readonly processors: number;
  readonly tookS: number;
  readonly fleets: readonly FleetGrowth[];
  /** Empty where wrk is missing. */
  readonly sharing: readonly Shared[];
  readonly assignments: readonly AssignmentGrowth[];
}

interface Plan {
  readonly fleets: readonly (FleetPace & { readonly sfus: number })[];
  readonly sharing: SharingPace;
  readonly assignments: AssignmentPace;
}

/** Three thousand SFUs are gone round in 25 s: what is measured sooner is not what an idle fleet costs. */
const FULL: Plan = {
  fleets: [
    { sfus: 3, compares: true, settleS: 1, idleS: 5, warmUpS: 2, callsS: 2, looks: 5 },
    { sfus: 30, compares: false, settleS: 1, idleS: 5, warmUpS: 2, callsS: 2, looks: 5 },
    { sfus: 300, compares: true, settleS: 4, idleS: 6, warmUpS: 2, callsS: 2, looks: 5 },
    { sfus: 3000, compares: true, settleS: 15, idleS: 12, warmUpS: 2, callsS: 2, looks: 5 },
  ],
  sharing: { processes: [1, 2], warmUpS: 1, seconds: 2 },
  assignments: { counts: [10, 1000, 100_000], fillS: 25, callsS: 2, looks: 5 },
};

/** Does everything work? */
const BRIEF: Plan = {
  fleets: [{ sfus: 3, compares: true, settleS: 0, idleS: 1, warmUpS: 0, callsS: 1, looks: 1 }],
  sharing: { processes: [2], warmUpS: 0, seconds: 1 },
  assignments: { counts: [10], fillS: 1, callsS: 1, looks: 1 },
};

/** Without wrk: everything but the calls. */
export async function measureGrowth(options: {
  readonly peers: readonly Peer[];
  readonly brief: boolean;
  readonly say: (line: string) => void;
}): Promise<GrowthResult> {
  const { peers, brief, say } = options;
  const plan = brief ? BRIEF : FULL;
  const startedMs = systemClock.monotonic();
  const folder = temporaryFolder("growth");
  try {
    const most = Math.max(...plan.assignments.counts, 1000);
    const tokens = wrkVersion() === null ? null : writeTokens(folder, GATEWAY_KEY, most);
    const fleets: FleetGrowth[] = [];
    for (const { sfus, ...pace } of plan.fleets) {
      fleets.push(await measureFleet(sfus, peers, pace, tokens));
      say(`growth: ${String(sfus)} SFUs are done`);
    }
    const range = { first: 0, count: most };
    const sharing = tokens === null ? [] : await measureSharing(peers, plan.sharing, tokens, range);
    if (tokens !== null) say("growth: processes on one port are done");
    const assignments = tokens === null ? [] : await measureAssignments(plan.assignments, tokens);
    const tookS = (systemClock.monotonic() - startedMs) / 1000;
    return { processors: ownProcessors().length, tookS, fleets, sharing, assignments };
  } finally {
    removeFolder(folder);
  }
}
