import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { needsTools, pathOf } from "../support/tools.ts";

const FOLDER = new URL("../../config/systemd/", import.meta.url).pathname;
const UNITS = ["sfu-gateway.service", "sfu-gateway@.service", "sfu-gateway-agent.service"];
/** Of 10; systemd says OK up to 4. */
const MOST_EXPOSURE = 2;

/** The units' [Service] settings, in order, by name. */
function settingsOf(unit: string): ReadonlyMap<string, readonly string[]> {
  const settings = new Map<string, string[]>();
  for (const line of readFileSync(join(FOLDER, unit), "utf8").split("\n")) {
    const [, name = "", value = ""] = /^([A-Z]\w*)=(.*)$/i.exec(line) ?? [];
    if (name !== "") settings.set(name, [...(settings.get(name) ?? []), value]);
  }
  return settings;
}

describe("the units for systemd", () => {
  it("are all that there is, so that each is looked at here", () => {
    expect(readdirSync(FOLDER).filter((name) => name.endsWith(".service"))).to.have.members(UNITS);
  });

  it("let the gateway do the same, be it one or several", () => {
    const [one, several] = [settingsOf("sfu-gateway.service"), settingsOf("sfu-gateway@.service")];
    const differing = [...new Set([...one.keys(), ...several.keys()])].filter(
      (name) => one.get(name)?.join("\n") !== several.get(name)?.join("\n"),
    );
    expect(differing).to.deep.equal(["Description", "Environment"]);
    const environment = [...one.get("Environment")!, "SFU_GATEWAY_REUSE_PORT=true"];
    expect(several.get("Environment")).to.have.members(environment);
  });

  for (const unit of UNITS) {
    it(`${unit} has no setting that stops it: V8 writes what it executes, and a helper tells of it`, () => {
      const settings = settingsOf(unit);
      expect(settings.has("MemoryDenyWriteExecute")).to.be.false;
      expect(settings.get("NotifyAccess")).to.deep.equal(["all"]);
      expect(settings.get("RestrictAddressFamilies")?.join()).to.include("AF_UNIX");
      // The agent's figures are in /proc.
      expect(settings.has("ProcSubset")).to.equal(unit !== "sfu-gateway-agent.service");
    });
  }

  describe("as systemd reads them", () => {
    needsTools("systemd-analyze");
    let root: string;

    beforeEach(() => {
      root = mkdtempSync(join(tmpdir(), "sfu-gateway-"));
      const system = join(root, "etc/systemd/system");
      const bin = join(root, "usr/bin");
      for (const folder of [system, bin]) mkdirSync(folder, { recursive: true });
      for (const unit of UNITS) copyFileSync(join(FOLDER, unit), join(system, unit));
      // What the units order themselves by, and what they run.
      for (const target of ["basic", "sysinit", "shutdown", "network-online", "multi-user"]) {
        writeFileSync(join(system, `${target}.target`), "[Unit]\nDefaultDependencies=no\n");
      }
      for (const slice of ["-", "system", "system-sfu\\x2dgateway"]) {
        writeFileSync(join(system, `${slice}.slice`), "[Unit]\nDefaultDependencies=no\n");
      }
      for (const program of ["sfu-gateway", "kill"]) writeFileSync(join(bin, program), "#!/bin/sh\n", { mode: 0o755 });
    });
    afterEach(() => rmSync(root, { recursive: true }));

    const analyze = (...args: string[]): Promise<{ code: number; text: string }> =>
      new Promise((resolve) => {
        const options = { env: { PATH: process.env.PATH, SYSTEMD_COLORS: "0" }, timeout: 15_000 };
        execFile(pathOf("systemd-analyze")!, args, options, (error, stdout, stderr) => {
          resolve({ code: error === null ? 0 : Number(error.code ?? -1), text: stdout + stderr });
        });
      });
    const verify = (unit: string): ReturnType<typeof analyze> =>
      analyze("verify", `--root=${root}`, "--man=no", "--recursive-errors=yes", unit.replace("@.", "@1."));

    for (const unit of UNITS) {
      it(`${unit} has nothing to complain about`, async () => {
        expect(await verify(unit)).to.deep.equal({ code: 0, text: "" });
      });

      it(`${unit} is not exposed more than ${MOST_EXPOSURE} of 10`, async () => {
        const args = ["security", "--offline=true", `--threshold=${MOST_EXPOSURE * 10}`, "--no-pager"];
        const { code, text } = await analyze(...args, join(FOLDER, unit));
        const [, exposure = ""] = /exposure level for \S+: ([\d.]+) /.exec(text) ?? [];
        expect(Number(exposure), text).to.be.within(0.1, MOST_EXPOSURE);
        expect(code).to.equal(0);
      });
    }

    for (const unit of UNITS.slice(0, 2)) {
      it(`${unit} with its keys as credentials has nothing to complain about either`, async () => {
        const folder = join(root, "etc/systemd/system", `${unit}.d`);
        mkdirSync(folder);
        copyFileSync(join(FOLDER, "credentials.conf"), join(folder, "credentials.conf"));
        expect(await verify(unit)).to.deep.equal({ code: 0, text: "" });
      });
    }

    it("sfu-gateway@.service with ports of their own has nothing to complain about either", async () => {
      const folder = join(root, "etc/systemd/system/sfu-gateway@.service.d");
      mkdirSync(folder);
      copyFileSync(join(FOLDER, "ports.conf"), join(folder, "ports.conf"));
      expect(await verify("sfu-gateway@.service")).to.deep.equal({ code: 0, text: "" });
    });

    it("would be complained about where a setting is misspelt, or a program is missing", async () => {
      const path = join(root, "etc/systemd/system", UNITS[0]!);
      const text = readFileSync(path, "utf8");
      writeFileSync(path, text.replace("WatchdogSec=", "WatchDogSecs="));
      expect((await verify(UNITS[0]!)).text).to.match(/Unknown key .*'WatchDogSecs'/);
      writeFileSync(path, text.replace("ExecStart=sfu-gateway", "ExecStart=sfu-gatewya"));
      expect((await verify(UNITS[0]!)).text).to.include("sfu-gatewya");
    });
  });
});
