import type { AddressInfo } from "node:net";
import type { App } from "../app.ts";
import type { Config } from "../config/config.ts";
import { describeSystemError } from "../errors.ts";
import { CliError, EXIT_FAILED } from "./io.ts";

/** @throws {CliError} where the gateway cannot listen; it is closed then */
export async function listen(app: App, { bind, port }: Config["listen"]): Promise<AddressInfo> {
  try {
    return await app.listen();
  } catch (error) {
    await app.close();
    throw new CliError(`cannot listen on ${bind}:${String(port)}: ${describeSystemError(error)}`, EXIT_FAILED);
  }
}
