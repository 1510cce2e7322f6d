// Services as processes, and the signals that processes get.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { LIMIT, statusOf, task, until, withServer } from "./house.mjs";

const SCRIPT = fileURLToPath(new URL("processes/service.mjs", import.meta.url));

async function start(server, ...args) {
  const env = { ...process.env, GLEITZEIT_URL: server.url };
  const child = spawn(process.execPath, [SCRIPT, ...args], { env, stdio: ["ignore", "pipe", "inherit"] });
  const said = [];
  createInterface({ input: child.stdout }).on("line", (line) => said.push(line));
  // By then it has been heard out.
  const exit = once(child, "close");
  await until(() => said.includes("registered") || child.exitCode !== null, "it is registered");
  return { child, said, end: async (signal) => (child.kill(signal), (await exit)[0]), exit };
}

/** Only what is handed back in order comes back at all. */
const PATIENT = { settings: "[limits]\ndisconnect_grace_seconds = 86400\nliveness_seconds = 86400\n" };

test("SIGTERM lets running tasks end, and takes no more", LIMIT, () =>
  withServer(PATIENT, async ({ server }) => {
    const file = join(server.folder, "go");
    const service = await start(server, "one");
    const workflow = await server.submit([task("a", { input: { file } })]);
    await statusOf(server, workflow, "a", "processing");
    service.child.kill("SIGTERM");
    await until(async () => (await server.rest("GET", "/services/one")).body.status === "draining", "it drains");
    writeFileSync(file, "");
    assert.equal((await service.exit)[0], 0);
    assert.ok(service.said.includes("ended in order"));
    const { results } = await server.ended(workflow);
    assert.deepEqual(results.a, { pid: service.child.pid, attempt: 1 });
  }));

for (const [how, drainMs, signals] of [["a second signal", "3600000", 2], ["the end of the time to drain", "50", 1]]) {
  test(`${how} hands running tasks back`, LIMIT, () =>
    withServer(PATIENT, async ({ server }) => {
      const file = join(server.folder, "go");
      const service = await start(server, "one", drainMs);
      const workflow = await server.submit([task("a", { input: { file } })]);
      await statusOf(server, workflow, "a", "processing");
      const next = await start(server, "two");
      service.child.kill("SIGTERM");
      if (signals === 2) {
        await until(async () => (await server.rest("GET", "/services/one")).body.status === "draining", "it drains");
        service.child.kill("SIGINT");
      }
      assert.equal((await service.exit)[0], 0);
      writeFileSync(file, "");
      const { results } = await server.ended(workflow);
      assert.deepEqual(results.a, { pid: next.child.pid, attempt: 2 });
      assert.equal(await next.end("SIGTERM"), 0);
    }));
}

test("a task outlives kill -9 of its service", LIMIT, () =>
  withServer({ settings: "[limits]\ndisconnect_grace_seconds = 1\n" }, async ({ server }) => {
    const file = join(server.folder, "go");
    const service = await start(server, "one");
    const workflow = await server.submit([task("a", { input: { file } })]);
    await statusOf(server, workflow, "a", "processing");
    await service.end("SIGKILL");
    writeFileSync(file, "");
    const next = await start(server, "one");
    const { results } = await server.ended(workflow);
    assert.deepEqual(results.a, { pid: next.child.pid, attempt: 2 });
    assert.equal(await next.end("SIGTERM"), 0);
  }));

test("a process whose token is refused ends with the reason", LIMIT, () =>
  withServer({ token: "gzt_secret" }, async ({ server }) => {
    const env = { ...process.env, GLEITZEIT_URL: server.url, GLEITZEIT_TOKEN: "gzt_wrong" };
    const child = spawn(process.execPath, [SCRIPT, "one"], { env, stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.on("data", (data) => (said += data));
    assert.equal((await once(child, "close"))[0], 1);
    assert.match(said, /refused the key.*set GLEITZEIT_TOKEN/);
    assert.ok(!said.includes("gzt_wrong"), "a token is in no message");
  }));
