import { gateway } from "./gateway.ts";
import type { PolicyFactory } from "./policy.ts";
import * as rules from "./rules.ts";

export interface Contestant {
  readonly name: string;
  readonly policy: PolicyFactory;
  /** Whether a conference stays where it is: true of the gateway and of all whose rules these are. */
  readonly hasAffinity: boolean;
  /** Whether ours is measured against it. */
  readonly counts: boolean;
}

const ours = gateway({ strategy: "load" });

function against(name: string, policy: PolicyFactory): Contestant {
  return { name, policy, hasAffinity: true, counts: true };
}

/** Ours first. */
export const contestants: readonly Contestant[] = [
  { name: "ours", policy: ours, hasAffinity: true, counts: false },
  { name: "ours, without affinity", policy: ours, hasAffinity: false, counts: false },
  against("ours, on raw reports", gateway({ strategy: "load", corrects: false })),
  against("round-robin", gateway({ strategy: "round-robin" })),
  against("round-robin by capacity", gateway({ strategy: "round-robin", weighs: true })),
  against("random", rules.random),
  against("two choices", rules.twoChoices),
  against("Jicofo", rules.jicofo),
  against("Jicofo, cost told", rules.jicofoTold),
  against("LiveKit", rules.livekit),
  against("LiveKit, two choices", rules.livekitTwoChoice),
  against("Scalelite 1.4, meetings", rules.scaleliteMeetings),
  against("Scalelite 1.5, users", rules.scaleliteUsers),
];
