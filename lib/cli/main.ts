import { crashSafely } from "./crash.ts";
import { screenOf, wantsColor } from "./terminal.ts";

// The process itself: its arguments, streams and signals. Everything else is given these.
const [command = "serve"] = process.argv.slice(2);
const isServing = command === "serve" || command.startsWith("-");
crashSafely(isServing || command === "agent" ? "log" : "person");

const controller = new AbortController();
for (const name of ["SIGTERM", "SIGINT"] as const) {
  process.on(name, () => {
    // Whoever asks twice means it.
    if (controller.signal.aborted) process.exit(1);
    controller.abort();
  });
}
// A reader that goes away, like `| head` or a log collector, takes no call with it: what it does not read is lost. It
// ends what was there for it alone.
const unread = new AbortController();
process.stdout.on("error", () => unread.abort());
process.stderr.on("error", () => undefined);

// A signal to read the configuration anew must not end a gateway that is still about to read it, nor one that is about
// to end. It is there before all else is loaded, which takes a while; other commands end by it, as by a closed terminal.
let onHangup = (): void => undefined;
if (isServing) process.on("SIGHUP", () => onHangup());

const { run } = await import("./program.ts");
process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  color: wantsColor(process.stdout, process.env),
  screen: () => screenOf(process.stdout, process.env),
  unread: unread.signal,
  signal: controller.signal,
  onHangup(run) {
    onHangup = run;
    return () => {
      onHangup = () => undefined;
    };
  },
});
