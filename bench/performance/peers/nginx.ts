import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { portForGood } from "../../../spec/chaos/processes/port.ts";
import { pathOf } from "../../../spec/support/tools.ts";
import type { Peer, PeerFleet } from "../peer.ts";
import { childrenOf } from "../processes.ts";
import { answers, startProgram } from "./program.ts";

/** Where the distributions have the module. */
const MODULES = ["/usr/lib", "/usr/lib64", "/etc", "/usr/share", "/usr/local/lib"].map(
  (folder) => `${folder}/nginx/modules/ngx_http_js_module.so`,
);

/**
 * nginx with the same job: njs verifies the token and signs it anew, a conference is at its SFU by consistent hashing, and
 * `proxy_next_upstream` with `max_fails` does what the open source nginx can do about SFUs that fail: it has no active checks.
 */
export const nginx: Peer = {
  name: "nginx + njs",
  survivesFaults: true,
  version() {
    const [program, module] = [pathOf("nginx"), moduleFile()];
    if (program === null || module === null) return null;
    const version = /nginx\/(\S+)/.exec(spawnSync(program, ["-v"], { encoding: "utf8" }).stderr)?.[1] ?? "?";
    return `${version}, njs ${njsVersion()}`;
  },
  async start(fleet) {
    const port = await portForGood();
    const program = startProgram("nginx", {
      command: pathOf("nginx") ?? "nginx",
      files: { "nginx.conf": configurationOf(fleet, port), "sfu.js": scriptOf(fleet) },
      args: (folder) => ["-p", folder, "-c", "nginx.conf", "-e", "stderr"],
    });
    try {
      await program.until("serves", () => answers(port));
    } catch (error) {
      await program.close();
      throw error;
    }
    return { port, pids: () => [program.pid, ...childrenOf(program.pid)], close: () => program.close() };
  },
};

function moduleFile(): string | null {
  return MODULES.find((file) => existsSync(file)) ?? null;
}

/** nginx does not tell; Debian does. */
function njsVersion(): string {
  const asked = spawnSync("dpkg-query", ["-W", "-f", "${Version}", "libnginx-mod-http-js"], { encoding: "utf8" });
  return asked.status === 0 ? asked.stdout : "of an unknown version";
}

function configurationOf({ sfus, processes = 1 }: PeerFleet, port: number): string {
  const servers = sfus.map(({ address }) => `server ${new URL(address).host} max_fails=3 fail_timeout=5s;`);
  const folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${name};`);
  return `
load_module ${moduleFile() ?? ""};
daemon off;
${process.getuid?.() === 0 ? "user root;" : ""}
worker_processes ${String(processes)};
pid nginx.pid;
error_log stderr error;
events { worker_connections 8192; }
http {
  ${folders.join("\n  ")}
  access_log access.log combined buffer=64k flush=1s;
  js_import sfu from sfu.js;
  js_set $authorization sfu.authorization;
  keepalive_requests 1000000;

  upstream sfus {
    hash $conference consistent;
    ${servers.join("\n    ")}
    keepalive 64;
    keepalive_timeout 4s;
    keepalive_requests 1000000;
  }

  server {
    listen 127.0.0.1:${String(port)} backlog=4096${processes > 1 ? " reuseport" : ""};
    location / {
      set $conference "";
      if ($authorization = "") { return 401; }
      proxy_pass http://sfus;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Authorization $authorization;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_next_upstream error timeout invalid_header http_500 http_502 http_503 http_504;
      proxy_next_upstream_tries 3;
      proxy_next_upstream_timeout 2500ms;
      proxy_connect_timeout 1s;
      proxy_send_timeout 1s;
      proxy_read_timeout 1s;
    }
  }
}
`;
}

function scriptOf({ gatewayKey, sfus }: PeerFleet): string {
  return `
const crypto = require("crypto");

const gatewayKey = Buffer.from(${JSON.stringify(gatewayKey)}, "base64");
const sfuKey = Buffer.from(${JSON.stringify(sfus[0]?.key ?? "")}, "base64");

function signature(text, key) {
  return crypto.createHmac("sha256", key).update(text).digest("base64url");
}

function parsed(part) {
  return JSON.parse(Buffer.from(part, "base64url").toString());
}

/* Empty for a token that is not to be relied on. */
function authorization(r) {
  const header = r.headersIn.Authorization || "";
  if (!header.startsWith("Bearer ")) return "";
  const token = header.slice(7);
  const dot = token.lastIndexOf(".");
  const text = token.slice(0, dot);
  if (token.slice(dot + 1) !== signature(text, gatewayKey)) return "";
  const parts = text.split(".");
  if (parts.length !== 2 || parsed(parts[0]).alg !== "HS256") return "";
  const claims = parsed(parts[1]);
  if (typeof claims.iss !== "string" || claims.iss === "" || !(claims.exp > Date.now() / 1000)) return "";
  r.variables.conference = claims.iss;
  return "Bearer " + text + "." + signature(text, sfuKey);
}

export default { authorization };
`;
}
