import { expect } from "chai";
import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { GatewayError } from "../../lib/errors.ts";
import { readBody } from "../../lib/http/read-body.ts";

describe("a request's body", () => {
  const sent = (headers: Readonly<Record<string, string>> = {}): IncomingMessage => {
    const request = new IncomingMessage(new Socket());
    Object.assign(request.headers, headers);
    return request;
  };
  const refusal = async (body: Promise<Buffer>): Promise<GatewayError> => {
    const error: unknown = await body.then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).to.be.instanceOf(GatewayError);
    return error as GatewayError;
  };

  it("is read to its end, up to the limit", async () => {
    const request = sent();
    const body = readBody(request, 10);
    for (const part of ["01234", "56789", null]) request.push(part);
    expect((await body).toString()).to.equal("0123456789");
  });

  it("may be empty", async () => {
    const request = sent();
    const body = readBody(request, 10);
    request.push(null);
    expect(await body).to.have.length(0);
  });

  it("is refused with the first byte beyond the limit, and let go by from there", async () => {
    const request = sent();
    const body = refusal(readBody(request, 10));
    request.push("01234");
    request.push("567890");
    expect(await body).to.include({ code: "body_too_large", status: 413 });
    request.push("x".repeat(100_000));
    request.push(null);
    await new Promise<void>((resolve) => request.once("end", () => resolve()));
  });

  it("is refused before it has come where it is announced to be too large", async () => {
    expect(await refusal(readBody(sent({ "content-length": "11" }), 10))).to.include({ code: "body_too_large" });
  });

  it("is nobody's where the caller hangs up amid it, or had hung up before", async () => {
    const request = sent();
    const body = refusal(readBody(request, 10));
    request.push("0");
    request.destroy();
    expect(await body).to.include({ code: "caller_gone", status: 499 });
    expect(await refusal(readBody(request, 10))).to.include({ code: "caller_gone" });
  });
});
