import { useNginx } from "../support/nginx.ts";
import { needsTools } from "../support/tools.ts";
import { textOf } from "./containers/files.ts";
import { edited } from "./edited.ts";
import { type FrontParts, itIsAFront } from "./front.contract.ts";

const conf = ({ gateways, port, folder, european }: FrontParts): string =>
  edited(textOf("config/nginx/gateway.conf"), {
    "listen 443 ssl;": `listen 127.0.0.1:${String(port)} ssl;`,
    "listen [::]:443 ssl;": "",
    "/etc/ssl/sfu-gateway.example.com/": `${folder}/`,
    "10.0.0.10:8071": gateways[0],
    "10.0.0.11:8071": gateways[1],
    ...(european === undefined ? {} : { "#203.0.113.0/24  eu-west-3;": `${european} eu-west-3;` }),
  });

describe("config/nginx/gateway.conf", () => {
  needsTools("nginx");
  const nginx = useNginx();
  itIsAFront(nginx, conf);
});
