import { expect } from "chai";
import nock from "nock";

// Importing nock patches the whole process; it is let go until a suite wants it.
nock.restore();

/**
 * SFUs made of nock for one suite. After each spec every interceptor must have been used and nothing may have asked
 * for what was not there: nock answers that with a 501, which would look like a sick SFU. Their `/v1/noop` and
 * `/v1/stats` are always fine.
 *
 * @param origins where the SFUs are
 */
export function useNock(...origins: string[]): typeof nock {
  const strangers: string[] = [];
  const note = ({ url }: Request): void => {
    if (new URL(url).hostname !== "127.0.0.1") strangers.push(url);
  };
  beforeEach(() => {
    nock.activate();
    nock.disableNetConnect();
    nock.enableNetConnect("127.0.0.1");
    nock.emitter.on("no match", note);
    // Probes come at moments that no spec waits for.
    for (const origin of origins) {
      nock(origin).get("/v1/noop").optionally().reply(200, { result: "ok" }).persist();
      nock(origin).get("/v1/stats").optionally().reply(200, []).persist();
    }
  });
  afterEach(() => {
    const pending = nock.pendingMocks();
    const unmatched = strangers.splice(0);
    nock.emitter.off("no match", note);
    nock.cleanAll();
    nock.enableNetConnect();
    nock.restore();
    expect(unmatched, "requests that no interceptor expected").to.deep.equal([]);
    expect(pending, "interceptors that nothing asked").to.deep.equal([]);
  });
  return nock;
}
