import type { AddressInfo } from "node:net";
import type { Cancel, Clock } from "../../clock.ts";
import type { Environment } from "../../config/env.ts";
import type { Events } from "../../events.ts";
import type { Logger } from "../../logger.ts";
import { createServiceManager } from "./notify.ts";
import { createSelfRequest } from "./self-request.ts";
import { startWatchdog } from "./watchdog.ts";

/** The gateway as the service manager sees it; without one there is nobody to tell. */
export interface Service {
  /** It listens: now it has started, and from now on it is watched. */
  started(url: string, address: AddressInfo): void;
  /** Runs a reload. During the start it is part of that, or the manager would hear of readiness too early. */
  reload(run: () => void): void;
  /** The end has begun; it is not watched any more. Resolves when that has been said. */
  stopping(): Promise<void>;
}

export interface ServiceParts {
  readonly env: Environment;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: Events;
}

export function createService({ env, clock, logger, events }: ServiceParts): Service {
  const manager = createServiceManager({ env, clock, logger });
  let status: string | null = null;
  let stopWatchdog: Cancel = () => undefined;
  let isRefused = false;
  events.on("configReload", ({ error }) => (isRefused = error !== null));

  return {
    started(url, address) {
      status = `listening on ${url}`;
      void manager.ready(status);
      const check = createSelfRequest({ clock, address });
      stopWatchdog = startWatchdog({ env, clock, logger, manager, check });
    },
    reload(run) {
      if (status === null) {
        run();
        return;
      }
      void manager.reloading();
      run();
      // It goes on as before, which whoever looks at the service alone would not guess.
      void manager.ready(isRefused ? `${status}; the last reload was refused, the log says why` : status);
    },
    stopping() {
      stopWatchdog();
      return manager.stopping();
    },
  };
}
