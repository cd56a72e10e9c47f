import type { Target } from "../target.ts";
import { configuration } from "./configuration.ts";
import { disconnects } from "./disconnects.ts";
import { heartbeats, lists } from "./registration.ts";
import { forwardedFor, queries } from "./requests.ts";
import { channels, stats } from "./sfu-answers.ts";
import { tokens } from "./tokens.ts";

/** Everything that reads what strangers write. */
export const targets: readonly Target[] = [
  tokens,
  disconnects,
  configuration,
  heartbeats,
  lists,
  channels,
  stats,
  forwardedFor,
  queries,
];
