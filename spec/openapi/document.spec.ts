import { readFileSync } from "node:fs";
import { Validator } from "@seriousme/openapi-schema-validator";
import { expect } from "chai";
import { parse } from "yaml";
import { drainedSchema, fleetSchema, refusalSchema } from "../../lib/cli/gateway-answers.ts";
import { openApiDocument } from "../../lib/openapi/document.ts";
import { examples } from "../../lib/openapi/examples.ts";
import { isJson, type Json } from "../../lib/openapi/json.ts";
import { toYaml } from "../../lib/openapi/yaml.ts";
import { startGateway } from "../support/gateway.ts";
import { OTHER_KEY } from "../support/tokens.ts";
import { readContract, type Reply } from "./contract.ts";

const FILE = new URL("../../config/openapi.yaml", import.meta.url).pathname;

describe("config/openapi.yaml", () => {
  it("is what `npm run openapi` writes", async () => {
    expect(readFileSync(FILE, "utf8")).to.equal(await toYaml(openApiDocument(), FILE));
  });

  it("is a valid OpenAPI 3.1 document", async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(parse(readFileSync(FILE, "utf8")) as Record<string, unknown>);
    expect(errors ?? []).to.deep.equal([]);
    expect(valid).to.be.true;
    expect(validator.version).to.equal("3.1");
  });

  it("refers to nothing that is not there, and gives each operation a name of its own", () => {
    const document = openApiDocument();
    const components = document.components as Readonly<Record<string, Json>>;
    const names = textsOf(document, "operationId");
    const references = textsOf(document, "$ref");
    expect(references).to.not.be.empty;
    for (const reference of references) {
      const [, , kind = "", name = ""] = reference.split("/");
      expect(components[kind], reference).to.have.property(name);
    }
    const items = Object.values(document.paths as Readonly<Record<string, Json>>);
    expect(names).to.have.length(items.flatMap((item) => Object.keys(item)).length);
    expect(new Set(names)).to.have.property("size", names.length);
  });

  it("has every route of the gateway, and no other", async () => {
    const gateway = await startGateway({
      sfus: [],
      env: { SFU_GATEWAY_REGISTRATION_KEY: OTHER_KEY, SFU_GATEWAY_ADMIN_TOKEN: "a token of the admins" },
    });
    const routes = gateway.app.routes();
    await gateway.close();
    const paths = Object.entries(openApiDocument().paths as Readonly<Record<string, Json>>);
    const documented = paths.flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(documented).to.have.members([...routes]);
  });

  it("shows examples that it would accept itself", () => {
    const contract = readContract();
    let shown = 0;
    for (const [path, item] of Object.entries(openApiDocument().paths as Readonly<Record<string, Json>>)) {
      for (const [method, operation] of Object.entries(item)) {
        const name = `${method.toUpperCase()} ${path}`;
        const { requestBody = {}, responses } = operation as { requestBody?: Json; responses: Record<string, Json> };
        for (const value of examplesIn(requestBody))
          expect(contract.requestFaults(name, value), name).to.deep.equal([]);
        for (const [status, response] of Object.entries(responses)) {
          for (const value of examplesIn(response)) {
            shown++;
            expect(contract.faults(name, replyOf(Number(status), value)), `${name} ${status}`).to.deep.equal([]);
          }
        }
      }
    }
    expect(shown).to.be.above(30);
  });

  it("tells what the commands expect", () => {
    expect(fleetSchema.safeParse(examples.fleet).success).to.be.true;
    expect(fleetSchema.safeParse(examples.deadFleet).success).to.be.true;
    expect(drainedSchema.safeParse(examples.drained).success).to.be.true;
    const [refusal] = examplesIn(
      (openApiDocument().components as Readonly<Record<string, Record<string, Json>>>).responses!.Internal!,
    );
    expect(refusalSchema.safeParse(refusal).success).to.be.true;
  });

  it("is stricter, for the specs, than it is for those who read answers of later versions", () => {
    const more = replyOf(200, { status: "ok", novelty: 1 });
    expect(readContract().faults("GET /healthz", more).join()).to.contain("additional properties");
    const { schemas } = openApiDocument().components as { schemas: Readonly<Record<string, Json>> };
    for (const name of ["Fleet", "Sfu", "Channel", "Error"]) {
      expect(schemas[name], name).not.to.have.property("additionalProperties");
    }
  });
});

/** Every text under this key, wherever it stands. */
function textsOf(value: unknown, key: string): string[] {
  if (Array.isArray(value)) return value.flatMap((part) => textsOf(part, key));
  if (!isJson(value)) return [];
  return Object.entries(value).flatMap(([name, part]) => {
    return name === key && typeof part === "string" ? [part] : textsOf(part, key);
  });
}

function examplesIn({ content = {} }: Json): unknown[] {
  return Object.values(content as Record<string, Json>).flatMap(({ examples: named = {} }) => {
    return Object.values(named as Record<string, Json>).map(({ value }) => value);
  });
}

function replyOf(status: number, value: unknown): Reply {
  const headers = new Headers({ "content-type": "application/json", "x-request-id": "1", "retry-after": "1" });
  if (status !== 503 || !isJson(value) || !("error" in value)) headers.delete("retry-after");
  return { status, headers, text: JSON.stringify(value) };
}
