/** Who does the job of the gateway: itself, what people would use in its place, and the floor. */
export interface Peer {
  /** As it stands in the tables. */
  readonly name: string;
  /** What it can be asked for beyond a steady load: a floor has no failover. */
  readonly survivesFaults: boolean;
  /** What is installed, null where the machine has none of it. */
  version(): string | null;
  /** Resolves when it serves. */
  start(fleet: PeerFleet): Promise<RunningPeer>;
}

export interface PeerFleet {
  /** What callers sign with, base64 of printable ASCII: HAProxy takes a key as it is spelled. */
  readonly gatewayKey: string;
  readonly sfus: readonly PeerSfu[];
  /** How many of it share the port; 1 unless it says so. */
  readonly processes?: number;
}

export interface PeerSfu {
  /** An http origin on loopback. */
  readonly address: string;
  /** Base64. The same for all where peers are compared: neither nginx nor HAProxy can sign again for the next server. */
  readonly key: string;
}

export interface RunningPeer {
  /** Of loopback. */
  readonly port: number;
  /** Of all processes that serve calls: their processor time and memory are what a peer costs. */
  readonly pids: () => readonly number[];
  /** Resolves when all of it is gone. */
  close(): Promise<void>;
}
