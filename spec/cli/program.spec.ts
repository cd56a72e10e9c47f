import { expect } from "chai";
import { VERSION } from "../../lib/version.ts";
import { nodesOf, runCli } from "./harness.ts";

describe("the command line", () => {
  for (const args of [["--help"], ["-h"], ["help"], ["help", "check"], ["check", "--help"], ["serve", "-h"]]) {
    it(`answers '${args.join(" ")}' on stdout, with 0`, async () => {
      const { exitCode, stdout, stderr } = await runCli(args);
      expect(exitCode).to.equal(0);
      expect(stdout).to.match(/^Usage: sfu-gateway/);
      expect(stderr).to.equal("");
    });
  }

  it("lists every command and what the exit codes mean in its help", async () => {
    const { stdout } = await runCli(["--help"]);
    for (const name of ["serve", "check", "token", "demo"]) expect(stdout).to.match(new RegExp(`^  ${name} `, "m"));
    expect(stdout).to.include("Exit codes: 0 fine, 1 failed, 2 bad usage or configuration.");
  });

  for (const flag of ["--version", "-V"]) {
    it(`answers ${flag} with its version alone`, async () => {
      expect(await runCli([flag])).to.deep.equal({ exitCode: 0, stdout: `${VERSION}\n`, stderr: "" });
    });
  }

  const unknown: readonly (readonly [typed: string, hint: string])[] = [
    ["chek", "did you mean check?"],
    ["Serve", "did you mean serve?"],
    ["tokne", "did you mean token?"],
    ["frobnicate", "sfu-gateway --help shows what there is"],
    ["__proto__", "sfu-gateway --help shows what there is"],
    ["", "sfu-gateway --help shows what there is"],
  ];
  for (const [typed, hint] of unknown) {
    it(`knows no command '${typed}' and says: ${hint}`, async () => {
      expect(await runCli([typed])).to.deep.equal({
        exitCode: 2,
        stdout: "",
        stderr: `sfu-gateway: there is no command '${typed}', ${hint}\n`,
      });
    });
  }

  const misused: readonly (readonly [args: readonly string[], message: RegExp])[] = [
    [["--frobnicate"], /unknown option '--frobnicate'/],
    [["check", "--liev"], /unknown option '--liev'[^]*--live/],
    [["check", "more"], /too many arguments/],
    [["serve", "more"], /too many arguments/],
    [["--secrets"], /argument missing/],
    [["--secrets", "a.toml", "check"], /too many arguments/],
    [["token"], /required option '--iss <conference>'/],
    [["token", "--iss", ""], /expected a name/],
    [["token", "--iss", "room", "--ttl", "0"], /whole seconds from 1 to 86400/],
    [["token", "--iss", "room", "--ttl", "1.5"], /whole seconds/],
    [["token", "--iss", "room", "--ttl", "soon"], /whole seconds/],
    [["token", "--iss", "room", "--ttl", "86401"], /whole seconds/],
  ];
  for (const [args, message] of misused) {
    it(`refuses '${args.join(" ")}' with 2 and a way to the help`, async () => {
      const { exitCode, stdout, stderr } = await runCli(args);
      expect(exitCode).to.equal(2);
      expect(stdout).to.equal("");
      expect(stderr).to.match(message).and.include("sfu-gateway --help shows what there is");
    });
  }

  it("takes options without a command for those of serve", async () => {
    const { exitCode, stderr } = await runCli(["--secrets", "/nowhere/secrets.toml"]);
    expect(exitCode).to.equal(2);
    expect(stderr).to.include("/nowhere/secrets.toml: cannot be read: no such file (ENOENT)");
  });

  it("has nothing in common with the command line before it", async () => {
    const env = { SFU_GATEWAY_NODES: nodesOf("http://a") };
    expect(await runCli(["check", "--json"], env)).to.have.property("exitCode", 0);
    expect((await runCli(["check"], env)).stdout).to.match(/^the configuration is fine/);
    expect(await runCli(["chek"], env)).to.have.property("exitCode", 2);
    expect(await runCli(["check"], env)).to.have.property("exitCode", 0);
  });
});
