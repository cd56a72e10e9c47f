import type { Peer } from "../peer.ts";
import { direct } from "./direct.ts";
import { floor } from "./floor.ts";
import { gateway } from "./gateway.ts";
import { haproxy } from "./haproxy.ts";
import { nginx } from "./nginx.ts";

/** In the order of the tables. */
export const allPeers: readonly Peer[] = [gateway, nginx, haproxy, floor, direct];
