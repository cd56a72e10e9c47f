import { join } from "node:path";
import { type Programs, usePrograms } from "./program.ts";

/** @returns whose `check` and `start` take a whole file */
export function useHaproxy(): Programs {
  const file = "haproxy.cfg";
  const args = (folder: string): readonly string[] => ["-f", join(folder, file)];
  return usePrograms({
    tool: "haproxy",
    file,
    // Only root can become somebody else.
    wrapped: (conf) => (process.getuid?.() === 0 ? conf : conf.replaceAll(/^ +(user|group) haproxy$/gm, "")),
    run: (folder) => [...args(folder), "-db"],
    check: (folder) => [...args(folder), "-c"],
  });
}
