import { execFileSync } from "node:child_process";
import { expect } from "chai";
import type { Configuration } from "../../lib/config/changes.ts";
import { type ConfigError, type Fault, formatFault } from "../../lib/config/fault.ts";
import { createReload } from "../../lib/config/reload.ts";
import { type EventMap, Events } from "../../lib/events.ts";
import { sfuKey } from "../support/tokens.ts";
import { type Given, useFiles } from "./harness.ts";

const SFU = `[[sfu]]\naddress = "http://sfu1"\nkey = "${sfuKey(1)}"\n`;

describe("a reload", () => {
  const files = useFiles();
  let given: Given;
  let applied: Configuration[];
  let warned: string[];
  let told: EventMap["configReload"][];
  let unexpected: string[];
  let apply: (next: Configuration) => void;
  const paths: string[] = [];
  let reload: () => void;

  beforeEach(() => {
    given = { secrets: SFU };
    applied = [];
    warned = [];
    told = [];
    unexpected = [];
    apply = (next) => applied.push(next);
    const events = new Events();
    events.on("configReload", (event) => told.push(event));
    events.on("unexpected", ({ where, error }) => unexpected.push(`${where}: ${error.message}`));
    paths.splice(0);
    reload = createReload({
      files: paths,
      load: () => files.load(given),
      apply: (next) => apply(next),
      events,
      initial: files.load(given),
      warn: (warnings: readonly Fault[]) => warned.push(...warnings.map(formatFault)),
    });
  });

  it("puts what is there now in force, and tells what has changed", () => {
    given = { secrets: SFU, config: "[failover]\nmax_retries = 5" };
    reload();
    expect(applied.map(({ config }) => config.failover.maxRetries)).to.deep.equal([5]);
    expect(told).to.deep.equal([{ changes: ["[failover] max_retries: 3 → 5"], error: null }]);
  });

  it("compares with what was put in force last", () => {
    given = { secrets: SFU, config: "[failover]\nmax_retries = 5" };
    reload();
    reload();
    given = { secrets: SFU, config: "[failover]\nmax_retries = 6" };
    reload();
    expect(told.map(({ changes }) => changes)).to.deep.equal([
      ["[failover] max_retries: 3 → 5"],
      [],
      ["[failover] max_retries: 5 → 6"],
    ]);
  });

  it("changes nothing where anything is wrong, and tells all of it", () => {
    given = { secrets: SFU, config: "[failover]\nmax_retries = 0\nmax_retrys = 2" };
    reload();
    expect(applied).to.deep.equal([]);
    const [event] = told;
    expect(event?.changes).to.deep.equal([]);
    expect((event?.error as ConfigError).faults).to.have.lengthOf(2);
    expect(unexpected).to.deep.equal([]);

    given = { secrets: SFU, config: "[failover]\nmax_retries = 4" };
    reload();
    expect(told.at(-1)).to.deep.equal({ changes: ["[failover] max_retries: 3 → 4"], error: null });
  });

  it("takes a secrets file that has become empty for a mishap, and not for an empty fleet", () => {
    given = { secrets: "\n", env: { SFU_GATEWAY_REGISTRATION_KEY: sfuKey(3) } };
    reload();
    expect(applied).to.deep.equal([]);
    expect(told[0]?.error?.message).to.include("the file is empty");
    given = { secrets: "# none\n", env: { SFU_GATEWAY_REGISTRATION_KEY: sfuKey(3) } };
    reload();
    expect(applied.map(({ config }) => config.sfus)).to.deep.equal([[]]);
  });

  it("does not read a pipe, which would hold everything up", () => {
    const pipe = files.missing("pipe");
    execFileSync("mkfifo", [pipe]);
    paths.push(pipe);
    reload();
    expect(applied).to.deep.equal([]);
    expect(told[0]?.error?.message).to.include("pipe: a pipe, which can be read only once");
  });

  it("tells of warnings that are new, and not again of those that were there", () => {
    given = { secrets: SFU, config: "[failover]\nretry_timeout_ms = 4000" };
    reload();
    expect(warned).to.have.lengthOf(1);
    expect(warned[0]).to.contain("Odoo gives up at 3000 ms");
    reload();
    expect(warned).to.have.lengthOf(1);
  });

  it("warns of a store other than the one at the start, once, for it takes a restart", () => {
    const withStore = (url: string): Given => ({ secrets: SFU, config: `[store]\nurl = "redis://${url}"` });
    const restart = (what: string): string =>
      `configuration: ${what}: takes a restart: this gateway goes on with the store that it was started with`;
    given = withStore("127.0.0.1");
    reload();
    expect(told.at(-1)?.changes).to.deep.equal(["[store] url: changed", '[store] prefix: unset → "sfu-gateway"']);
    expect(warned.splice(0)).to.deep.equal([restart("[store] url"), restart("[store] prefix")]);
    given = withStore("127.0.0.2");
    reload();
    expect(told.at(-1)?.changes).to.deep.equal(["[store] url: changed"]);
    expect(warned).to.deep.equal([]);
    given = { secrets: SFU };
    reload();
    expect(warned).to.deep.equal([]);
    given = withStore("127.0.0.1");
    reload();
    expect(warned).to.deep.equal([restart("[store] url"), restart("[store] prefix")]);
  });

  it("goes on from what was in force where putting the next in force fails", () => {
    apply = () => {
      throw new Error("out of order");
    };
    given = { secrets: SFU, config: "[failover]\nmax_retries = 5" };
    reload();
    expect(unexpected).to.deep.equal(["a reload: out of order"]);
    expect(told.map(({ error }) => error?.message)).to.deep.equal(["out of order"]);
    apply = (next) => applied.push(next);
    reload();
    expect(told.at(-1)?.changes).to.deep.equal(["[failover] max_retries: 3 → 5"]);
  });
});
