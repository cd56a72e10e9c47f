import { expect } from "chai";
import { dashboard, type Panel } from "./files.ts";

const DATASOURCE = { type: "prometheus", uid: "${datasource}" };

describe("monitoring: the dashboard", () => {
  const { uid, title, schemaVersion, panels, templating, annotations } = dashboard();
  const shown = panels.filter(({ type }) => type !== "row");

  it("can be imported by Grafana 10 and later ones", () => {
    expect({ uid, title }).to.deep.equal({ uid: "sfu-gateway", title: "SFU Gateway" });
    // The one of Grafana 10.0; later ones bring it up to date by themselves.
    expect(schemaVersion).to.equal(38);
  });

  it("lets its reader choose the data source, the job, and of it gateways, regions and SFUs", () => {
    expect(templating.list.map(({ name, type }) => `${name}: ${type}`)).to.deep.equal([
      "datasource: datasource",
      "job: query",
      "instance: query",
      "region: query",
      "sfu: query",
    ]);
    for (const { name, type, query } of templating.list.filter((variable) => variable.type === "query")) {
      const text = typeof query === "string" ? query : query.query;
      expect(text, `${name} (${type})`).to.match(/^label_values\(\w+(\{.*\})?, (job|instance|region|sfu)\)$/);
    }
  });

  it("asks the data source that was chosen, and no other", () => {
    const asking = [
      ...shown,
      ...shown.flatMap(({ targets = [] }) => targets),
      ...annotations.list,
      ...templating.list.filter(({ type }) => type === "query"),
    ];
    for (const { datasource } of asking) expect(datasource).to.deep.equal(DATASOURCE);
    expect(JSON.stringify(dashboard()).match(/"uid":"[^"]+"/g)).to.satisfy((found: string[]) =>
      found.every((text) => ['"uid":"${datasource}"', '"uid":"sfu-gateway"'].includes(text)),
    );
  });

  it("gives each panel an id of its own", () => {
    const ids = panels.map(({ id }) => id);
    expect(new Set(ids).size).to.equal(ids.length);
  });

  it("says of each panel what it shows, and in what unit", () => {
    for (const { title: name, description = "", fieldConfig } of shown) {
      expect(name).not.to.be.empty;
      expect(description, name).to.match(/^.{20,}\.$/);
      expect(fieldConfig?.defaults.unit, name).to.be.a("string");
    }
    const names = shown.map((panel) => panel.title);
    expect(new Set(names).size).to.equal(names.length);
  });

  it("has a question in each target, and a name for it", () => {
    for (const { title: name, targets = [] } of shown) {
      expect(targets, name).not.to.be.empty;
      for (const { expr, refId } of targets) {
        expect(expr, name).not.to.be.empty;
        expect(refId).to.match(/^[A-Z]$/);
      }
      expect(new Set(targets.map(({ refId }) => refId)).size, name).to.equal(targets.length);
    }
  });

  it("asks of one job only, and heeds the gateways that were chosen", () => {
    for (const { title: name, targets = [] } of shown.filter((panel) => panel.title !== "Alerts")) {
      for (const { expr } of targets) expect(expr, name).to.include('job="$job", instance=~"$instance"');
    }
  });

  it("has no panel on top of another, none beside the page, and no gap in a row", () => {
    const taken = new Map<string, string>();
    for (const { title: name, gridPos } of panels) {
      expect(gridPos.x + gridPos.w, name).to.be.at.most(24);
      for (const cell of cellsOf(gridPos)) {
        expect(taken.get(cell), `${name} is on top of another`).to.equal(undefined);
        taken.set(cell, name);
      }
    }
    const height = Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h));
    expect(taken.size, "cells in use").to.equal(24 * height);
  });
});

function cellsOf({ x, y, w, h }: Panel["gridPos"]): string[] {
  return Array.from({ length: w * h }, (_, index) => `${String(x + (index % w))},${String(y + Math.floor(index / w))}`);
}
