// Keys: what a service and a program may do with theirs, and what becomes of a service whose key counts no longer.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "../gleitzeit.js";
import { gate, LIMIT, task, until, withServer } from "./house.mjs";

async function keyFor(server, more = {}) {
  const body = { user: "admin", name: "for a test", role: "service", services: ["press"], ...more };
  const answer = await server.rest("POST", "/keys", body);
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return answer.body;
}

const pressed = () => "pressed";
const capability = "custom_processing";

test("a service key serves its service and nothing else", LIMIT, () =>
  withServer({ keys: true }, async ({ server, client, node }) => {
    const { secret } = await keyFor(server, { capabilities: [capability] });
    await node("press", { token: secret }).handler(capability, pressed).start();
    const { results } = await client.run({ name: "Keyed", tasks: [task("work")] });
    assert.deepEqual(results, { work: "pressed" });
    for (const [name, offered] of [["mill", capability], ["press", "ml_training"]]) {
      const other = node(name, { token: secret, capabilities: [offered] }).handler(offered, pressed);
      await assert.rejects(other.start(), { kind: "refused", code: "GZ4021" });
    }
    await assert.rejects(new Client(server.url, { token: secret }).stats(), { kind: "refused", code: "GZ4021", status: 403 });
  }));

test("what is wrong with a key is told apart", LIMIT, () =>
  withServer({ keys: true }, async ({ server, node }) => {
    const [revoked, expired] = [await keyFor(server), await keyFor(server, { expires_in_seconds: 1 })];
    assert.equal((await server.rest("DELETE", `/keys/${revoked.id}`)).status, 200);
    const asExpired = { headers: { authorization: `Bearer ${expired.secret}` } };
    await until(async () => (await fetch(`${server.url}/api/v1/whoami`, asExpired)).status === 401, "the key has expired");
    for (const [token, code] of [["", "GZ4001"], ["gzt_wrong", "GZ4010"], [revoked.secret, "GZ4010"], [expired.secret, "GZ4002"]]) {
      await assert.rejects(node("press", { token }).handler(capability, pressed).start(), { kind: "refused", code, message: /GLEITZEIT_TOKEN/ });
      await assert.rejects(new Client(server.url, { token }).stats(), { kind: "refused", code, status: 401 });
    }
  }));

test("a service whose key is revoked says so and keeps what it has", LIMIT, () =>
  withServer({ keys: true }, async ({ server, client, node }) => {
    const key = await keyFor(server);
    const release = gate();
    const said = [];
    const log = (level, message) => said.push([level, message]);
    const press = node("press", { token: key.secret, log }).handler(capability, () => release.opened);
    await press.start();
    await client.submit({ name: "Held", tasks: [task("work")] });
    await until(() => press.status().running === 1, "it runs");
    assert.equal((await server.rest("DELETE", `/keys/${key.id}`)).status, 200);
    await until(() => press.status().lastError?.message.includes("refused the key"), "it has tried again");
    assert.match(press.status().lastError.message, /was revoked/);
    assert.equal(press.status().lastError.code, "GZ4010");
    const about = said.filter(([, message]) => message.includes("was revoked")).map(([, message]) => message);
    assert.match(about[0], /the server has ended the connection/);
    assert.equal(press.status().running, 1);
    assert.notEqual(press.status().phase, "stopped");
    release.open("pressed");
    await until(() => press.status().unacknowledged === 1, "the result is kept");
  }));

test("a service is back when its user has the role again", LIMIT, () =>
  withServer({ keys: true }, async ({ server, client, node }) => {
    await server.rest("POST", "/users", { name: "anna", role: "operator" });
    const key = await keyFor(server, { user: "anna", role: "operator", services: [] });
    const press = node("press", { token: key.secret }).handler(capability, pressed);
    await press.start();
    const role = async (name) => assert.equal((await server.rest("PATCH", "/users/anna", { role: name })).status, 200);
    await role("readonly");
    await until(() => press.status().lastError?.code === "GZ4021", "it may not register");
    await role("operator");
    await until(() => press.status().phase === "registered", "it is registered again");
    const { results } = await client.run({ name: "Back", tasks: [task("work")] });
    assert.deepEqual(results, { work: "pressed" });
  }));
