import { join } from "node:path";
import { type Programs, usePrograms } from "./program.ts";

/** @returns whose `check` and `start` take what belongs into `http { }` */
export function useNginx(): Programs {
  const args = (folder: string): readonly string[] => ["-p", folder, "-c", join(folder, "nginx.conf"), "-e", "stderr"];
  return usePrograms({
    tool: "nginx",
    file: "nginx.conf",
    wrapped,
    run: args,
    check: (folder) => [...args(folder), "-t"],
  });
}

/** What a distribution's nginx.conf has around it, and everything it writes in its own folder. */
function wrapped(conf: string): string {
  const folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${name};`);
  return `
    daemon off;
    ${process.getuid?.() === 0 ? "user root;" : ""}
    worker_processes 1;
    pid nginx.pid;
    error_log stderr;
    events {}
    http {
      access_log off;
      ${folders.join("\n      ")}
      ${conf}
    }
  `;
}
