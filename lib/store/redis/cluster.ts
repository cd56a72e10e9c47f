import type { Host } from "../../config/config.ts";
import { StoreError } from "../../errors.ts";
import type { Connection } from "./connection.ts";
import type { Dial, Endpoint, Visit } from "./endpoint.ts";
import { SLOTS, slotOf } from "./slot.ts";

/** How often one command is sent on to where it is said to belong. */
const MAX_REDIRECTIONS = 3;

/** Connections of one kind, by `host:port`. */
type Pool = Map<string, Promise<Connection>>;

/**
 * Asks the nodes for the map of slots, and connects to all masters: where one of them is out of reach, some conferences
 * would be, so the store is away as a whole until the cluster has mended itself. Slots that move are followed.
 */
export async function openCluster(nodes: readonly Host[], visit: Visit, dial: Dial): Promise<Endpoint> {
  const owners = await Promise.any(
    nodes.map((node) => visit(node, async (to) => toOwners(await to.send(["CLUSTER", "SLOTS"]), node))),
  );
  const commands: Pool = new Map();
  const waiting: Pool = new Map();

  const connectionTo = (pool: Pool, address: string): Promise<Connection> => {
    const connection = pool.get(address) ?? dial(toHost(address));
    pool.set(address, connection);
    return connection;
  };

  const send = async (pool: Pool, key: string, args: readonly string[]): Promise<unknown> => {
    const slot = slotOf(key);
    let address = owners[slot] ?? "";
    let isAsking = false;
    for (let redirections = 0; ; redirections++) {
      const connection = await connectionTo(pool, address);
      // Both are sent at once: the word holds for the one command that follows it.
      if (isAsking) connection.send(["ASKING"]).catch(() => null);
      try {
        return await connection.send(args);
      } catch (error) {
        const redirection = parseRedirection(error, address);
        if (redirection === null || redirections === MAX_REDIRECTIONS) throw error;
        ({ address, isAsking } = redirection);
        if (!isAsking) owners[slot] = address;
      }
    }
  };

  await Promise.all([...new Set(owners)].map((address) => connectionTo(commands, address)));
  return {
    send: (key, args) => send(commands, key, args),
    wait: (key, args) => send(waiting, key, args),
    // A node that has lost its slots says so.
    check: () => Promise.resolve(),
  };
}

/** By slot: the address of its master. */
function toOwners(reply: unknown, node: Host): string[] {
  const owners = new Array<string>(SLOTS).fill("");
  for (const [from, to, [host, port]] of reply as readonly (readonly [
    number,
    number,
    readonly [string | null, number],
  ])[]) {
    // A node that does not know its own name leaves it out.
    const isNamed = host !== null && host !== "" && host !== "?";
    owners.fill(toAddress(isNamed ? host : node.host, port), from, to + 1);
  }
  if (owners.includes("")) throw new StoreError("is a cluster with slots that nobody serves");
  return owners;
}

function parseRedirection(
  error: unknown,
  from: string,
): { readonly address: string; readonly isAsking: boolean } | null {
  const [, kind, host, port] = /^(MOVED|ASK) \d+ (.*):(\d+)$/.exec(error instanceof Error ? error.message : "") ?? [];
  if (kind === undefined) return null;
  return { address: toAddress(host === "" ? toHost(from).host : (host ?? ""), Number(port)), isAsking: kind === "ASK" };
}

function toAddress(host: string, port: number): string {
  return `${host}:${String(port)}`;
}

function toHost(address: string): Host {
  const colon = address.lastIndexOf(":");
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}
