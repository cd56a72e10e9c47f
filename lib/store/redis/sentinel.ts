import type { Host } from "../../config/config.ts";
import { StoreError } from "../../errors.ts";
import { type Dial, type Endpoint, openSingle, type Visit } from "./endpoint.ts";

export interface Sentinels {
  readonly sentinels: readonly Host[];
  /** The name that they know the servers by. */
  readonly master: string;
  readonly visitSentinel: Visit;
  readonly visit: Visit;
  readonly dial: Dial;
}

/**
 * Asks the sentinels for the master, as their documentation tells clients to do, each time that a connection is made. A
 * master that is replaced closes its connections, or says at the next write that it is a replica; one that hangs or dies is
 * away until the sentinels name another. One that the sentinels cannot reach, but the gateway can, is found by asking again.
 */
export async function openSentinel(tools: Sentinels): Promise<Endpoint> {
  const { sentinels, visit, dial } = tools;
  const { candidates, reason } = await askAll(tools);
  let failure = reason;
  for (const { host } of candidates) {
    try {
      await visit(host, async (to) => checkRole(await to.send(["ROLE"])));
      const endpoint = await openSingle(host, dial);
      const check = async (): Promise<void> => {
        const [first] = (await askAll(tools)).candidates;
        if (first === undefined || isSame(first.host, host) || first.votes * 2 <= sentinels.length) return;
        throw new StoreError("has another master by now");
      };
      return { ...endpoint, check };
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

interface Candidate {
  readonly host: Host;
  readonly votes: number;
}

/** Whom the sentinels name, and why one of them has not; the most often named first. */
async function askAll({
  sentinels,
  master,
  visitSentinel,
}: Sentinels): Promise<{ readonly candidates: readonly Candidate[]; readonly reason: unknown }> {
  // All at once: one that hangs must not use up the time of the others.
  const answers = await Promise.allSettled(
    sentinels.map((sentinel) => visitSentinel(sentinel, async (to) => toHost(await to.send(question(master))))),
  );
  const named = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
  // Most of them know it first: one that was cut off for a while may name a former master.
  const candidates = named
    .filter((host, index) => named.findIndex((other) => isSame(other, host)) === index)
    .map((host) => ({ host, votes: named.filter((other) => isSame(other, host)).length }))
    .toSorted((one, other) => other.votes - one.votes);
  return { candidates, reason: answers.find((answer) => answer.status === "rejected")?.reason };
}

function isSame(one: Host, other: Host): boolean {
  return one.host === other.host && one.port === other.port;
}

function question(master: string): readonly string[] {
  return ["SENTINEL", "get-master-addr-by-name", master];
}

function toHost(reply: unknown): Host {
  if (!Array.isArray(reply)) throw new StoreError("has sentinels that know no master of the configured name");
  return { host: String(reply[0]), port: Number(reply[1]) };
}

/** A former master may be there again, as a replica, before all sentinels have heard. */
function checkRole(reply: unknown): void {
  if (!Array.isArray(reply) || reply[0] !== "master") throw new StoreError("has no master at present");
}
