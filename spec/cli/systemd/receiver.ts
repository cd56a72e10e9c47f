import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathOf } from "../../support/tools.ts";
import { eventually } from "../../support/eventually.ts";

/** One message to the service manager, by its fields. */
export type Message = Readonly<Record<string, string>>;

/** What listens where the service manager would. */
export interface Receiver {
  /** For `NOTIFY_SOCKET`. */
  readonly socket: string;
  /** What has come so far, systemd-notify's own barriers left out. */
  readonly messages: readonly Message[];
  /** The messages that have this field, by its value. */
  values(field: string): readonly string[];
}

/*
 * Node cannot listen on a datagram socket, so another program does. It is not socat, which keeps the file descriptors that
 * come with a barrier open: systemd-notify waits until they are closed.
 */
const PROGRAM = `
  use Socket; $| = 1;
  socket(S, AF_UNIX, SOCK_DGRAM, 0) and bind(S, sockaddr_un($ARGV[0])) or die "$!";
  print "listening\n";
  while (defined recv(S, $m, 65536, 0)) { $m =~ s/\n/\t/g; print "$m\n" }
`;

/** Starts a receiver for each spec of the suite that called this, and ends it afterwards. */
export function useReceiver(): Receiver {
  let folder = "";
  let program: ChildProcess | null = null;
  let output = "";
  const messages = (): Message[] =>
    output
      .split("\n")
      .slice(1, -1)
      .map((line) => Object.fromEntries(line.split("\t").map((field) => splitAt(field, field.indexOf("=")))) as Message)
      .filter((message) => !("BARRIER" in message));

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "sfu-gateway-"));
    output = "";
    program = spawn(pathOf("perl")!, ["-e", PROGRAM, join(folder, "notify")], { stdio: ["ignore", "pipe", "inherit"] });
    program.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
    await eventually("the receiver listens", () => output.startsWith("listening\n"));
  });
  afterEach(async () => {
    if (program !== null) {
      const gone = once(program, "exit");
      program.kill("SIGKILL");
      await gone;
    }
    program = null;
    rmSync(folder, { recursive: true });
  });

  return {
    get socket() {
      return join(folder, "notify");
    },
    get messages() {
      return messages();
    },
    values: (field) => messages().flatMap((message) => message[field] ?? []),
  };
}

function splitAt(text: string, index: number): [string, string] {
  return [text.slice(0, index), text.slice(index + 1)];
}
