import { expect } from "chai";
import { useBox } from "../cli/systemd/box.ts";
import { eventually } from "../support/eventually.ts";
import { GATEWAY_KEY, OTHER_KEY, sfuKey } from "../support/tokens.ts";

/** The units as they are delivered, and the set-up of docs/systemd.md, but with a quicker watchdog. */
const SET_UP = `
  set -e
  systemd-sysusers /opt/sfu-gateway/config/systemd/sysusers.conf
  install -d -m 2750 -g sfu-gateway-config /etc/sfu-gateway
  install -d -m 0700 /etc/sfu-gateway-agent
  umask 027
  echo '${GATEWAY_KEY}' > /etc/sfu-gateway/gateway-key
  printf '[[sfu]]\\naddress = "http://127.0.0.1:1"\\nkey = "${sfuKey(1)}"\\n' > /etc/sfu-gateway/secrets.toml
  cp /opt/sfu-gateway/config/gateway.example.toml /etc/sfu-gateway/gateway.toml
  umask 077
  echo '${sfuKey(2)}' > /etc/sfu-gateway-agent/auth-key
  echo '${OTHER_KEY}' > /etc/sfu-gateway-agent/registration-key
  cat > /etc/sfu-gateway-agent/agent.env <<-END
    SFU_GATEWAY_URL=http://127.0.0.1:8071
    SFU_ADDRESS=http://127.0.0.1:2
    SFU_REGION=eu-west-3
END
  for unit in sfu-gateway sfu-gateway@ sfu-gateway-agent; do
    mkdir /etc/systemd/system/$unit.service.d
    printf '[Service]\\nWatchdogSec=3\\nStandardOutput=append:/box/log\\nStandardError=inherit\\n' \\
      > /etc/systemd/system/$unit.service.d/spec.conf
  done
  systemctl daemon-reload
`;

/** A watchdog's three seconds, and another start of the process, are more than a socket needs. */
function inTime(what: string, holds: () => Promise<boolean>): Promise<void> {
  const wait = (): Promise<void> => eventually(what, holds);
  return wait().catch(wait).catch(wait);
}

describe("scenario: under a real systemd (needs root, and a Linux that lets it boot one)", function () {
  this.timeout(60_000);
  const box = useBox();
  before(async () => {
    expect(await box.run(SET_UP)).to.match(/^(Creating group .*)?$/);
  });
  beforeEach(() => box.run("truncate --size 0 /box/log"));
  afterEach(() => box.run("systemctl stop 'sfu-gateway*'"));

  const curl = (path: string, port = 8071): Promise<string> =>
    box.run(
      `node -e 'fetch("http://127.0.0.1:${String(port)}${path}").then((answer) => console.log(answer.status), () => console.log("refused"))'`,
    );
  const hasReloaded = (): Promise<void> =>
    inTime("it has reloaded", async () =>
      (await box.run("tail -n 3 /box/log")).includes('"msg":"reloaded: nothing has changed"'),
    );
  const restarts = async (unit: string): Promise<number> => Number(await box.show(unit, "NRestarts"));

  it("starts when it listens, with next to no rights, and stops", async () => {
    expect(await box.run("systemctl start sfu-gateway")).to.equal("");
    expect(await curl("/healthz")).to.equal("200");
    expect(await box.show("sfu-gateway", "StatusText")).to.equal("listening on http://0.0.0.0:8071");
    const pid = await box.show("sfu-gateway", "MainPID");
    const process = await box.run(`grep -E '^(Uid|CapBnd|NoNewPrivs|Seccomp):' /proc/${pid}/status`);
    expect(process).to.match(/Uid:\t6\d{4}\t.*\nCapBnd:\t0+\nNoNewPrivs:\t1\nSeccomp:\t2/);
    expect(await box.run("systemctl stop sfu-gateway")).to.equal("");
    expect(await box.show("sfu-gateway", "Result")).to.equal("success");
    expect(await curl("/healthz")).to.equal("refused");
  });

  it("takes another configuration with systemctl reload, which fails where that is faulty", async () => {
    await box.run("systemctl start sfu-gateway");
    const pid = await box.show("sfu-gateway", "MainPID");
    const secrets = "/etc/sfu-gateway/secrets.toml";
    expect(await box.run(`sed -i 's/^key = "/&%/' ${secrets}; systemctl reload sfu-gateway`)).to.match(
      /failed.*exit 1$/s,
    );
    expect(await box.show("sfu-gateway", "ActiveState")).to.equal("active");

    expect(await box.run(`sed -i 's/^key = "%/key = "/' ${secrets}; systemctl reload sfu-gateway`)).to.equal("");
    await hasReloaded();
    expect(await box.show("sfu-gateway", "StatusText")).to.equal("listening on http://0.0.0.0:8071");
    expect(await box.show("sfu-gateway", "MainPID")).to.equal(pid);
  });

  it("is given its keys as credentials, by the drop-in, and they may be root's alone", async () => {
    const dropIn = "/etc/systemd/system/sfu-gateway.service.d/credentials.conf";
    const keys = "/etc/sfu-gateway/gateway-key /etc/sfu-gateway/secrets.toml";
    const turnOn = `cp /opt/sfu-gateway/config/systemd/credentials.conf ${dropIn}; chmod 600 ${keys}; systemctl daemon-reload`;
    const turnOff = `rm ${dropIn}; chmod 640 ${keys}; systemctl daemon-reload`;
    try {
      expect(await box.run(`${turnOn}; systemctl start sfu-gateway`)).to.equal("");
      expect(await curl("/healthz")).to.equal("200");
      expect(await box.run("systemctl reload sfu-gateway")).to.equal("");
      await hasReloaded();
    } finally {
      await box.run(`systemctl stop sfu-gateway; ${turnOff}`);
    }
  });

  it("is started again when it hangs", async () => {
    await box.run("systemctl start sfu-gateway");
    await box.run("systemctl kill --signal=STOP --kill-whom=main sfu-gateway");
    await inTime("systemd has ended it", async () => (await restarts("sfu-gateway")) === 1);
    await inTime("it answers again", async () => (await curl("/healthz")) === "200");
  });

  it("is not started again for a configuration that is faulty", async () => {
    const broken =
      "mv /etc/sfu-gateway/gateway-key /tmp; systemctl start sfu-gateway; mv /tmp/gateway-key /etc/sfu-gateway";
    expect(await box.run(broken)).to.include("failed");
    expect(await box.show("sfu-gateway", "ExecMainStatus")).to.equal("2");
    expect(await box.show("sfu-gateway", "ActiveState")).to.equal("failed");
    expect(await restarts("sfu-gateway")).to.equal(0);
    await box.run("systemctl reset-failed sfu-gateway");
  });

  it("shares its port with others of its template, of which one that hangs is started again alone", async () => {
    expect(await box.run("systemctl start sfu-gateway@1 sfu-gateway@2")).to.equal("");
    await box.run("systemctl kill --signal=STOP --kill-whom=main sfu-gateway@1");
    await inTime("systemd has ended it", async () => (await restarts("sfu-gateway@1")) === 1);
    await inTime("it has started", async () => (await box.show("sfu-gateway@1", "SubState")) === "running");
    expect(await restarts("sfu-gateway@2")).to.equal(0);
    await box.run("systemctl stop sfu-gateway@1");
    expect(await curl("/healthz")).to.equal("200");
  });

  it("gives each of its template a port of its own by the drop-in, so that each is looked at by itself", async () => {
    const dropIn = "/etc/systemd/system/sfu-gateway@.service.d/ports.conf";
    try {
      await box.run(`cp /opt/sfu-gateway/config/systemd/ports.conf ${dropIn}; systemctl daemon-reload`);
      expect(await box.run("systemctl start sfu-gateway@8071 sfu-gateway@8072")).to.equal("");
      for (const port of [8071, 8072]) {
        const status = await box.show(`sfu-gateway@${String(port)}`, "StatusText");
        expect(status).to.equal(`listening on http://0.0.0.0:${String(port)}`);
      }
      await box.run("systemctl stop sfu-gateway@8071");
      expect([await curl("/healthz"), await curl("/healthz", 8072)]).to.deep.equal(["refused", "200"]);
    } finally {
      await box.run(`systemctl stop 'sfu-gateway@*'; rm ${dropIn}; systemctl daemon-reload`);
    }
  });

  it("has the agent read its keys from credentials, and watches it", async () => {
    expect(await box.run("systemctl start sfu-gateway-agent")).to.equal("");
    const status = await box.show("sfu-gateway-agent", "StatusText");
    expect(status).to.equal("tells http://127.0.0.1:8071 of http://127.0.0.1:2");
    await box.run("systemctl kill --signal=STOP --kill-whom=main sfu-gateway-agent");
    await inTime("systemd has ended it", async () => (await restarts("sfu-gateway-agent")) === 1);
  });
});
