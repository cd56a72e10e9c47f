import { spawnSync } from "node:child_process";
import { portForGood } from "../../../spec/chaos/processes/port.ts";
import { pathOf } from "../../../spec/support/tools.ts";
import type { Peer, PeerFleet } from "../peer.ts";
import { answers, startProgram } from "./program.ts";

/**
 * HAProxy with the same job, as its documentation has it: `jwt_verify` with the check of `exp` beside it, the signature made
 * anew with `hmac`, a conference at its SFU by consistent hashing, everything tried again that can be, at another server each
 * time, active checks with the intervals of the gateway's probes, and passive ones beside them.
 */
export const haproxy: Peer = {
  name: "HAProxy",
  survivesFaults: true,
  version() {
    const program = pathOf("haproxy");
    if (program === null) return null;
    return /version (\S+)/.exec(spawnSync(program, ["-v"], { encoding: "utf8" }).stdout)?.[1] ?? null;
  },
  async start(fleet) {
    const port = await portForGood();
    const program = startProgram("haproxy", {
      command: pathOf("haproxy") ?? "haproxy",
      files: { "haproxy.cfg": configurationOf(fleet, port) },
      args: () => ["-f", "haproxy.cfg", "-db"],
    });
    try {
      await program.until("serves", () => answers(port));
    } catch (error) {
      await program.close();
      throw error;
    }
    return { port, pids: () => [program.pid], close: () => program.close() };
  },
};

function configurationOf({ gatewayKey, sfus, processes = 1 }: PeerFleet, port: number): string {
  const servers = sfus.map(({ address }, index) => `server sfu${String(index + 1)} ${new URL(address).host}`);
  // `hmac` takes a key as base64, and `jwt_verify` as it is.
  return `
global
  nbthread ${String(processes)}
  maxconn 4000
  log stdout format raw local0 info
  set-var proc.key str(${gatewayKey}),b64dec

defaults
  mode http
  log global
  option httplog
  option forwardfor
  option redispatch 1
  retry-on all-retryable-errors
  retries 2
  timeout connect 1s
  timeout server 1s
  timeout client 10s
  timeout http-request 10s
  timeout http-keep-alive 75s
  http-reuse always

frontend odoo
  bind 127.0.0.1:${String(port)} backlog 4096
  http-request set-var(txn.bearer) http_auth_bearer
  http-request deny deny_status 401 unless { var(txn.bearer),jwt_header_query('$.alg') -m str HS256 }
  http-request deny deny_status 401 unless { var(txn.bearer),jwt_verify("HS256",proc.key) 1 }
  http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless { var(txn.exp) -m found }
  http-request deny deny_status 401 if { var(txn.exp),sub(txn.now) -m int lt 0 }
  http-request set-var(txn.iss) var(txn.bearer),jwt_payload_query('$.iss')
  http-request deny deny_status 403 unless { var(txn.iss) -m len gt 0 }
  http-request set-var(txn.text) var(txn.bearer),word(1,.,2)
  http-request set-header Authorization "Bearer %[var(txn.text)].%[var(txn.text),hmac(sha256,${sfus[0]?.key ?? ""}),ub64enc]"
  default_backend sfus

backend sfus
  balance hash var(txn.iss)
  hash-type consistent
  option httpchk
  http-check send meth GET uri /v1/noop
  timeout check 1s
  default-server check inter 2s fall 2 rise 1 observe layer7 error-limit 5 on-error mark-down
  ${servers.join("\n  ")}
`;
}
