import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { openApiDocument } from "./document.ts";
import { toYaml } from "./yaml.ts";

const FILE = fileURLToPath(new URL("../../config/openapi.yaml", import.meta.url));

await writeFile(FILE, await toYaml(openApiDocument(), FILE));
