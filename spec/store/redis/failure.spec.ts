import { expect } from "chai";
import { describeError } from "../../../lib/describe-error.ts";
import { StoreError } from "../../../lib/errors.ts";
import { ReplyError, toStoreError } from "../../../lib/store/redis/failure.ts";

const SECRET = "hunter2";

const system = (code: string): Error => Object.assign(new Error(`connect ${SECRET}`), { code });

const CASES: readonly (readonly [thrown: unknown, message: RegExp])[] = [
  [system("ECONNREFUSED"), /^refuses the connection \(ECONNREFUSED\)$/],
  [system("ENOTFOUND"), /could not be resolved/],
  [system("ECONNRESET"), /has closed the connection/],
  [system("SELF_SIGNED_CERT_IN_CHAIN"), /TLS/],
  [system("EWHATEVER"), /^cannot be reached \(EWHATEVER\)$/],
  [new AggregateError([system("ECONNREFUSED")], SECRET), /refuses the connection/],
  [new ReplyError("READONLY You can't write against a read only replica."), /it is a replica \(READONLY\)/],
  [new ReplyError("UNBLOCKED force unblock from blocking operation, instance state changed"), /it is a replica/],
  [new ReplyError(`WRONGPASS invalid username-password pair ${SECRET}`), /does not accept the password/],
  [new ReplyError(`ERR AUTH <password> called without any password configured ${SECRET}`), /has no password/],
  [new ReplyError(`ERR invalid password ${SECRET}`), /does not accept the password/],
  [new ReplyError(`NOPERM this user has no permissions ${SECRET}`), /does not permit its user/],
  [new ReplyError(`ERR unknown command 'EVALSHA', with args beginning with: '${SECRET}'`), /does not know a command/],
  [new ReplyError(`ERR something else ${SECRET}`), /^answered ERR$/],
  [new ReplyError(`${SECRET} in lower case`), /^answered ERR$/],
  [new TypeError(SECRET), /not Redis's protocol/],
  [new Error(SECRET), /^cannot be reached$/],
  [SECRET, /^cannot be reached$/],
];

describe("why the store cannot be used", () => {
  for (const [thrown, message] of CASES) {
    it(`is told as ${String(message)}, and quotes nothing`, () => {
      const error = toStoreError(thrown);
      expect(error).to.be.instanceOf(StoreError);
      expect(error.message).to.match(message);
      expect(JSON.stringify(describeError(error))).not.to.include(SECRET);
      expect(describeError(error)).to.have.property("message", error.message);
    });
  }

  it("stays as it is where the gateway says so itself", () => {
    const error = new StoreError("is away", { isTimeout: true });
    expect(toStoreError(error)).to.equal(error);
  });
});
