import { expect } from "chai";
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type FileWatch, filesOf, watchFiles } from "../../lib/config/watch.ts";
import { useFakeClock } from "../support/clock.ts";
import { useFiles } from "./harness.ts";

const SETTLED_MS = 2000;

describe("the watch over the files", () => {
  const clock = useFakeClock();
  const files = useFiles();
  let watch: FileWatch | null = null;
  let seen: number;
  const begin = (...paths: readonly string[]): void => {
    seen = 0;
    watch = watchFiles(() => paths, { clock, onChange: () => seen++ });
  };
  afterEach(() => {
    watch?.stop();
    watch = null;
    expect(clock.timers()).to.equal(0);
  });

  it("says nothing while nothing changes", async () => {
    begin(files.write("a", "1"), files.write("b", "1"), files.missing("c"));
    await clock.elapse(60_000);
    expect(seen).to.equal(0);
  });

  const changes: Readonly<Record<string, (path: string) => void>> = {
    "is written": (path) => writeFileSync(path, "22"),
    "is written with text of the same length": (path) => writeFileSync(path, "2"),
    "is replaced, as editors do": (path) => {
      writeFileSync(`${path}.new`, "1");
      renameSync(`${path}.new`, path);
    },
    "is gone": (path) => rmSync(path),
  };
  for (const [how, change] of Object.entries(changes)) {
    it(`tells once of a file that ${how}`, async () => {
      const path = files.write("a", "1");
      begin(files.write("b", "1"), path);
      change(path);
      await clock.elapse(SETTLED_MS);
      expect(seen).to.equal(1);
      await clock.elapse(60_000);
      expect(seen).to.equal(1);
    });
  }

  it("looks at another file from the moment on that it is named, and takes it as it is then", async () => {
    const [first, second] = [files.write("a", "1"), files.write("b", "1")];
    const named = [first];
    seen = 0;
    watch = watchFiles(() => named, {
      clock,
      onChange: () => {
        seen++;
        if (named.length === 1) named.push(second);
      },
    });
    writeFileSync(second, "22");
    await clock.elapse(60_000);
    expect(seen).to.equal(0);
    writeFileSync(first, "22");
    await clock.elapse(60_000);
    expect(seen).to.equal(1);
    writeFileSync(second, "333");
    await clock.elapse(SETTLED_MS);
    expect(seen).to.equal(2);
  });

  it("tells of a file that comes", async () => {
    const path = files.missing("a");
    begin(path);
    writeFileSync(path, "1");
    await clock.elapse(SETTLED_MS);
    expect(seen).to.equal(1);
  });

  it("tells of a mounted file that Kubernetes changes by turning a link over", async () => {
    const folder = dirname(files.write("a", ""));
    for (const version of ["v1", "v2"]) {
      mkdirSync(join(folder, version));
      writeFileSync(join(folder, version, "gateway.toml"), version);
    }
    const [data, path] = [join(folder, "..data"), join(folder, "gateway.toml")];
    symlinkSync("v1", data);
    symlinkSync("..data/gateway.toml", path);
    begin(path);
    symlinkSync("v2", `${data}_tmp`);
    renameSync(`${data}_tmp`, data);
    await clock.elapse(SETTLED_MS);
    expect(seen).to.equal(1);
  });

  it("waits until nothing more has changed for a second", async () => {
    const path = files.write("a", "1");
    begin(path);
    for (let step = 0; step < 4; step++) {
      writeFileSync(path, "x".repeat(step + 2));
      await clock.elapse(1000);
    }
    expect(seen).to.equal(0);
    await clock.elapse(1000);
    expect(seen).to.equal(1);
  });

  it("tells of several files that change together once", async () => {
    const paths = ["a", "b", "c"].map((name) => files.write(name, "1"));
    begin(...paths);
    for (const path of paths) writeFileSync(path, "22");
    await clock.elapse(SETTLED_MS);
    expect(seen).to.equal(1);
  });

  it("does not tell again of what somebody has it look at now", async () => {
    const path = files.write("a", "1");
    begin(path);
    writeFileSync(path, "22");
    await clock.elapse(1000);
    watch?.now();
    expect(seen).to.equal(1);
    await clock.elapse(60_000);
    expect(seen).to.equal(1);
  });

  it("tells each time that somebody has it look now, whatever there is to see, and of a storm of them twice a second", async () => {
    begin(files.write("a", "1"));
    watch?.now();
    expect(seen).to.equal(1);
    for (let call = 0; call < 100; call++) {
      watch?.now();
      await clock.elapse(10);
    }
    await clock.elapse(60_000);
    expect(seen).to.equal(3);
  });

  it("does not wait for ever for somebody who goes on writing", async () => {
    const path = files.write("a", "1");
    begin(path);
    for (let step = 0; step < 8; step++) {
      writeFileSync(path, "x".repeat(step + 2));
      await clock.elapse(1000);
    }
    expect(seen).to.equal(1);
  });

  it("says nothing any more once it is stopped", async () => {
    const path = files.write("a", "1");
    begin(path);
    writeFileSync(path, "22");
    await clock.elapse(1000);
    watch?.stop();
    await clock.elapse(60_000);
    expect(seen).to.equal(0);
  });
});

describe("the files of a configuration", () => {
  it("are those of the options and those that variables name", () => {
    const env = { SFU_GATEWAY_KEY_FILE: " /run/key ", SFU_GATEWAY_ADMIN_TOKEN_FILE: "", SFU_GATEWAY_KEY: "none" };
    expect(filesOf({ secrets: "s.toml", config: "c.toml" }, env)).to.deep.equal(["s.toml", "c.toml", "/run/key"]);
    expect(filesOf({}, {})).to.deep.equal([]);
  });
});
