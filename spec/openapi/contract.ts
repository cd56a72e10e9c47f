import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { openApiDocument } from "../../lib/openapi/document.ts";
import { isJson, type Json } from "../../lib/openapi/json.ts";

/** An answer as it came. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** What the document promises, and whether it is kept. */
export interface Contract {
  /** Everything that it says may come, like `GET /v1/channel 401 missing_token`. */
  readonly promises: readonly string[];
  /** What is wrong with an answer of an operation, like `GET /v1/channel`; empty where nothing is. */
  faults(operation: string, reply: Reply): string[];
  /** The same of one that any path may give, by its name in `components.responses`. */
  commonFaults(name: string, reply: Reply): string[];
  /** What is wrong with the body of a request. */
  requestFaults(operation: string, body: unknown): string[];
  /** The message that an error is shown with. */
  exampleOf(operation: string, status: number, code: string): string;
}

/** Of the document as it stands, but stricter: a field that it does not know is a fault. */
export function readContract(): Contract {
  const document = sealed(openApiDocument()) as Json;
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema(document, "openapi");

  const faultsOf = (pointer: string, value: unknown): string[] => {
    const validate: ValidateFunction = ajv.compile({ $ref: `openapi#${pointer}` });
    if (validate(value)) return [];
    return (validate.errors ?? []).map(({ instancePath, message = "", params }) => {
      return `${instancePath} ${message} ${JSON.stringify(params)}`;
    });
  };

  const replyFaults = (pointer: string, { status, headers, text }: Reply): string[] => {
    const place = follow(document, pointer);
    if (place === null) return [`status ${String(status)} is not documented`];
    const type = (headers.get("content-type") ?? "").split(";")[0] ?? "";
    const { content = {}, headers: promised = {} } = at(document, place) as { content?: Json; headers?: Json };
    const headerFaults = Object.keys(promised).flatMap((name) => {
      const value = headers.get(name);
      if (value === null) return [`the header ${name} is missing`];
      const schema = `${follow(document, `${place}/headers/${name}`) ?? ""}/schema`;
      return faultsOf(schema, name === "Retry-After" ? Number(value) : value);
    });
    // A browser's or a proxy's business; the document says it once.
    const undocumented = ["retry-after", "location", "www-authenticate", "set-cookie"].filter((name) => {
      return headers.has(name) && !Object.keys(promised).some((known) => known.toLowerCase() === name);
    });
    const strangeHeaders = undocumented.map((name) => `the header ${name} is not documented`);
    if (Object.keys(content).length === 0 && text === "") return [...headerFaults, ...strangeHeaders];
    if (!(type in content)) return [...headerFaults, ...strangeHeaders, `the type ${type} is not documented`];
    const value: unknown = type === "application/json" ? JSON.parse(text) : text;
    const schema = `${place}/content/${escaped(type)}/schema`;
    return [...headerFaults, ...strangeHeaders, ...faultsOf(schema, value)];
  };

  return {
    promises: promisesOf(document),
    faults: (operation, reply) => replyFaults(`${placeOf(operation)}/responses/${String(reply.status)}`, reply),
    commonFaults: (name, reply) => replyFaults(`/components/responses/${name}`, reply),
    requestFaults: (operation, body) =>
      faultsOf(`${placeOf(operation)}/requestBody/content/application~1json/schema`, body),
    exampleOf(operation, status, code) {
      const example = `${placeOf(operation)}/responses/${String(status)}/content/application~1json/examples/${code}`;
      return (at(document, example) as { value: { message: string } }).value.message;
    },
  };
}

/** Where an operation stands, like `GET /v1/channel`. */
function placeOf(operation: string): string {
  const [method = "", path = ""] = operation.split(" ");
  return `/paths/${escaped(path)}/${method.toLowerCase()}`;
}

function escaped(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}

function at(document: Json, pointer: string): unknown {
  const keys = pointer.split("/").slice(1);
  return keys.reduce<unknown>((value, key) => {
    return isJson(value) ? value[key.replaceAll("~1", "/").replaceAll("~0", "~")] : undefined;
  }, document);
}

/** @returns where it stands when references have been followed; null where it is not in the document */
function follow(document: Json, pointer: string): string | null {
  const value = at(document, pointer);
  if (!isJson(value)) return null;
  return typeof value.$ref === "string" ? follow(document, value.$ref.slice(1)) : pointer;
}

/** Left out is what every operation lists alike. */
function promisesOf(document: Json): string[] {
  return Object.entries(document.paths as Record<string, Json>).flatMap(([path, item]) =>
    Object.entries(item).flatMap(([method, operation]) => {
      const { responses } = operation as { responses: Record<string, Json> };
      return Object.entries(responses)
        .filter(([, response]) => !("$ref" in response))
        .flatMap(([status, response]) => {
          const name = `${method.toUpperCase()} ${path} ${status}`;
          const codes = codesOf(response);
          return codes.length === 0 ? [name] : codes.map((code) => `${name} ${code}`);
        });
    }),
  );
}

function codesOf(response: Json): readonly string[] {
  return (at(response, "/content/application~1json/schema/properties/error/enum") ?? []) as readonly string[];
}

/** With no room for fields that no schema names. */
function sealed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sealed);
  if (!isJson(value)) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([key, part]) => [key, sealed(part)]));
  const isObject = copy.type === "object" || (Array.isArray(copy.type) && copy.type.includes("object"));
  return isObject && isJson(copy.properties) ? { additionalProperties: false, ...copy } : copy;
}
