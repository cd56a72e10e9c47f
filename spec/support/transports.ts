import { sendByGot } from "../../lib/sfu/transport/got.ts";
import { sendByHttp } from "../../lib/sfu/transport/http.ts";
import type { Transport } from "../../lib/sfu/transport/transport.ts";

/** All that an exchange may go by: whatever one of them keeps to, the other has to. */
export const TRANSPORTS: readonly (readonly [name: string, transport: Transport])[] = [
  ["node:http", sendByHttp],
  ["got", sendByGot],
];
