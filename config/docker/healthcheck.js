// Whether the gateway in this container lives: exit code 0 or 1, as a HEALTHCHECK wants it. It asks where the gateway
// listens by the same variables; the image has no curl.
import { get } from "node:http";
import process from "node:process";

const { SFU_GATEWAY_PORT = "", SFU_GATEWAY_BIND = "" } = process.env;
// What is not a number is Kubernetes' service link, which the gateway ignores too.
const port = /^\d+$/.test(SFU_GATEWAY_PORT.trim()) ? Number(SFU_GATEWAY_PORT) : 8071;
const bind = SFU_GATEWAY_BIND.trim() || "0.0.0.0";
// Who listens everywhere listens here too.
const host = { "0.0.0.0": "127.0.0.1", "::": "::1" }[bind] ?? bind;

function end(problem) {
  if (problem !== "") process.stderr.write(`${problem}\n`);
  process.exit(problem === "" ? 0 : 1);
}

get({ host, port, path: "/healthz", timeout: 2000 }, ({ statusCode }) => {
  end(statusCode === 200 ? "" : `/healthz answers ${statusCode}`);
})
  .on("timeout", () => end("no answer within 2 s"))
  .on("error", ({ code, message }) => end(code ?? message));
