import { createSocket } from "node:dgram";
import { once } from "node:events";

/** A nameserver to which every name is 127.0.0.1, but for those of which it says nothing. */
export interface Nameserver {
  /** Says no word of these names from now on, in place of those of before. */
  ignore(names: readonly string[]): void;
  close(): void;
}

const A = 1;
const HEADER_BYTES = 12;
/** A pointer to the name in the question, type A, class IN, 5 s, and four bytes: 127.0.0.1. */
const TO_LOOPBACK = Buffer.from("c00c00010001000000050004" + "7f000001", "hex");

/** On 127.0.0.1:53, where the C library asks: for namespaces of one's own. */
export async function startNameserver(): Promise<Nameserver> {
  let ignored: readonly string[] = [];
  const socket = createSocket("udp4", (query, { port, address }) => {
    const { name, end } = nameIn(query);
    if (ignored.includes(name)) return;
    const isForA = query.readUInt16BE(end) === A;
    const answer = Buffer.from(query.subarray(0, end + 4));
    // A response, to a recursive question; with one answer or none, and nothing else.
    answer.writeUInt16BE(0x8180, 2);
    answer.writeUInt16BE(isForA ? 1 : 0, 6);
    answer.writeUInt32BE(0, 8);
    socket.send(isForA ? Buffer.concat([answer, TO_LOOPBACK]) : answer, port, address);
  });
  socket.bind(53, "127.0.0.1");
  await once(socket, "listening");
  return { ignore: (names) => (ignored = names), close: () => socket.close() };
}

/** The name that is asked for, and where it ends. */
function nameIn(query: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = query[at++] ?? 0; length > 0; length = query[at++] ?? 0) {
    labels.push(query.toString("latin1", at, at + length));
    at += length;
  }
  return { name: labels.join("."), end: at };
}
