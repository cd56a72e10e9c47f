import { writeFileSync } from "node:fs";
import { LIST, thirdPartyList } from "./third-party.ts";

writeFileSync(LIST, thirdPartyList());
