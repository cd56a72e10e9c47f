import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { StoreSettings } from "../../../lib/config/config.ts";
import { makeAuthority, makeCertificate } from "../../support/certificate.ts";
import { freePort } from "../../support/ports.ts";
import { useRedis } from "../../support/redis.ts";
import { assign } from "../stores.ts";
import { useInstances } from "./harness.ts";

describe("the Redis store over TLS", () => {
  const authority = makeAuthority();
  const stranger = makeAuthority({ subject: "A stranger" });
  let folder = "";
  let port = 0;
  before(async () => {
    const { cert, key } = makeCertificate({ hosts: ["localhost"], by: authority });
    folder = mkdtempSync(join(tmpdir(), "redis-tls-"));
    port = await freePort();
    for (const [name, text] of Object.entries({ cert, key, ca: authority.cert })) {
      writeFileSync(join(folder, `${name}.pem`), text);
    }
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  const redis = useRedis(() => [
    `tls-port ${port}`,
    `tls-cert-file ${join(folder, "cert.pem")}`,
    `tls-key-file ${join(folder, "key.pem")}`,
    `tls-ca-cert-file ${join(folder, "ca.pem")}`,
    "tls-auth-clients no",
  ]);
  const open = useInstances();

  const at = (host: string, tlsPort: number): StoreSettings["at"] => {
    return { kind: "single", host: { host, port: tlsPort }, database: 0 };
  };

  it("is used where its certificate is of a configured authority", async () => {
    const one = await open({ at: at("localhost", port), ca: authority.cert });
    const other = await open({ at: at("localhost", port), ca: authority.cert });
    await assign(one, "room", "http://a.example.com");
    expect(await other.assignments.find("room")).to.equal("http://a.example.com");
    expect([...one.told.store, ...other.told.store]).to.deep.equal([]);
  });

  it("is away where it is of nobody that is known, and says so", async () => {
    const store = await open({ at: at("localhost", port), ca: stranger.cert });
    expect(store.isAway()).to.equal(true);
    expect(store.told.store[0]?.error?.message).to.match(/certificate/i);
  });

  it("is away where it is for another name, and says so", async () => {
    const store = await open({ at: at("127.0.0.1", port), ca: authority.cert });
    expect(store.isAway()).to.equal(true);
    expect(store.told.store[0]?.error?.message).to.match(/certificate/i);
  });

  it("is away where the port has none, and waits for nothing", async () => {
    const store = await open({ at: at("localhost", redis.port), ca: authority.cert });
    expect(store.isAway()).to.equal(true);
    expect(store.told.store).to.have.length(1);
  });
});
