import { Command, CommanderError, InvalidArgumentError } from "commander";
import { ConfigError } from "../config/fault.ts";
import { nearest } from "../config/nearest.ts";
import { VERSION } from "../version.ts";
import { agent } from "./agent/agent.ts";
import { check, type CheckOptions } from "./check.ts";
import { demo, type DemoOptions } from "./demo/demo.ts";
import { drain, type DrainOptions, undrain, type UndrainOptions } from "./drain.ts";
import { CliError, EXIT_OK, EXIT_USAGE, type FileOptions, type Io } from "./io.ts";
import { serve } from "./serve.ts";
import { status, type StatusOptions } from "./status/status.ts";
import { token, type TokenOptions } from "./token.ts";

/**
 * Runs one command line.
 *
 * @param args without the program's name
 * @returns the exit code: 0 fine, 1 failed, 2 bad usage or configuration
 */
export async function run(args: readonly string[], io: Io): Promise<number> {
  let exitCode: number = EXIT_OK;
  const does =
    <Options>(command: (options: Options, io: Io) => Promise<number>) =>
    async (options: Options): Promise<void> => {
      exitCode = await command(options, io);
    };

  const program = new Command("sfu-gateway")
    .description("One address in front of a fleet of SFUs for Odoo's video calls.")
    .version(VERSION)
    .exitOverride()
    .configureOutput({ writeOut: io.stdout, writeErr: io.stderr })
    .showHelpAfterError("(sfu-gateway --help shows what there is)");

  withFiles(program.command("serve", { isDefault: true }))
    .description("run the gateway (the default)")
    .action(does<FileOptions>(serve));

  withFiles(program.command("check"))
    .description("read the configuration as serve would, and say what is wrong with it")
    .option("--live", "also ask every SFU whether it is there and accepts its key")
    .option("--json", "print JSON")
    .action(does<CheckOptions>(check));

  withUrl(program.command("status"))
    .description("show the fleet of a gateway that is running")
    .option("--watch [seconds]", "show it again and again, every 2 s if nothing else is said", seconds)
    .option("--json", "print JSON")
    .action(does<StatusOptions>(status));

  withUrl(program.command("drain"))
    .description("have a running gateway give an SFU no new conferences")
    .argument("<address>", "the SFU's URL, as status shows it")
    .option("--wait", "until no session is left there")
    .option("--json", "print JSON")
    .action((address: string, options: Omit<DrainOptions, "address">) =>
      does<DrainOptions>(drain)({ ...options, address }),
    );

  withUrl(program.command("undrain"))
    .description("have it give that SFU conferences again")
    .argument("<address>", "the SFU's URL, as status shows it")
    .option("--json", "print JSON")
    .action((address: string, options: Omit<UndrainOptions, "address">) =>
      does<UndrainOptions>(undrain)({ ...options, address }),
    );

  program
    .command("token")
    .description("print a token as Odoo would sign it, with SFU_GATEWAY_KEY")
    .requiredOption("--iss <conference>", "the conference, like https://odoo.example.com:channel:7", conference)
    .option("--ttl <seconds>", "how long it is valid", seconds, 30)
    .option("--json", "print JSON")
    .action(does<TokenOptions>(token));

  program
    .command("agent")
    .description("run beside an SFU and tell the gateway how it is; all settings are in the environment")
    .action(does<object>(agent));

  program
    .command("demo")
    .description("three simulated SFUs, the gateway, and two outages in under 30 s")
    .option("--stay", "leave all of them up, to be tried with curl, until the process is told to end")
    .option("--json", "print the summary as JSON")
    .action(does<DemoOptions>(demo));

  program.addHelpText(
    "after",
    `
Exit codes: 0 fine, 1 failed, 2 bad usage or configuration.
  check --live  1 where an SFU is not fine
  status        1 where no SFU is available or the gateway cannot be reached
  drain --wait  1 where it was ended before the SFU was empty
The environment needs SFU_GATEWAY_KEY for serve, check and token, SFU_GATEWAY_ADMIN_TOKEN for drain and undrain;
README.md explains every variable and setting.`,
  );

  try {
    refuseUnknownCommand(args, program);
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
    if (!(error instanceof CliError || error instanceof ConfigError)) throw error;
    io.stderr(`sfu-gateway: ${error.message}\n`);
    return error instanceof CliError ? error.exitCode : EXIT_USAGE;
  }
}

/** commander would take it for an argument of `serve`. */
function refuseUnknownCommand([first]: readonly string[], program: Command): void {
  const names = ["help", ...program.commands.map((command) => command.name())];
  if (first === undefined || first.startsWith("-") || names.includes(first)) return;
  const meant = nearest(first, names);
  const hint = meant === null ? "sfu-gateway --help shows what there is" : `did you mean ${meant}?`;
  throw new CliError(`there is no command '${first}', ${hint}`, EXIT_USAGE);
}

function withFiles(command: Command): Command {
  return command
    .option("--secrets <file>", "TOML with the SFUs and their keys")
    .option("--config <file>", "TOML with everything else");
}

function withUrl(command: Command): Command {
  return command.option(
    "--url <url>",
    "the gateway's (default: SFU_GATEWAY_URL, else this machine's SFU_GATEWAY_PORT)",
  );
}

function conference(text: string): string {
  if (text === "") throw new InvalidArgumentError("expected a name, no SFU takes an empty one");
  return text;
}

function seconds(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 86_400) {
    throw new InvalidArgumentError("expected whole seconds from 1 to 86400");
  }
  return value;
}
