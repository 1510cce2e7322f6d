// What happens to a node and its results when the server goes away.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ExternalServiceNode } from "../gleitzeit.js";
import { gate, LIMIT, Server, statusOf, task, until, withServer } from "./house.mjs";

for (const transports of [["websocket"], ["polling"]]) {
  test(`a task runs through kill -9 of the server, over ${transports}`, LIMIT, () =>
    withServer({}, async ({ server, node }) => {
      const held = gate();
      const starts = [];
      const patient = node("patient", { transports }).handler("custom_processing", ({ step }) => {
        starts.push(step);
        return step === "a" ? held.opened : step;
      });
      await patient.start();
      const workflow = await server.submit([task("a"), task("b", { dependencies: ["a"] })]);
      await statusOf(server, workflow, "a", "processing");
      await server.end("SIGKILL");
      await until(() => patient.status().phase === "connecting", "it has noticed");
      assert.match(patient.status().lastError.message, /connection ended|cannot reach/);
      await server.start();
      await until(() => patient.status().registrations >= 2, "it is back");
      held.open("through the outage");
      assert.deepEqual((await server.ended(workflow)).results, { a: "through the outage", b: "b" });
      assert.deepEqual(starts, ["a", "b"], "nothing started twice");
    }));

  test(`results that are ready while the server is away are kept and sent, over ${transports}`, LIMIT, () =>
    withServer({}, async ({ server, node }) => {
      const held = gate();
      const offline = node("offline", { transports }).handler("custom_processing", async ({ step }) => {
        await held.opened;
        if (step === "b") throw new Error("failed in the dark");
        return step;
      });
      await offline.start();
      const workflow = await server.submit([task("a"), task("b"), task("c")]);
      for (const name of ["a", "b", "c"]) await statusOf(server, workflow, name, "processing");
      await server.end("SIGKILL");
      held.open();
      await until(() => offline.status().running === 0, "the handlers have ended");
      assert.equal(offline.status().unacknowledged, 3);
      await server.start();
      const { results, errors } = await server.ended(workflow);
      assert.deepEqual(results, { a: "a", c: "c" });
      assert.equal(errors.b.message, "failed in the dark");
      await until(() => offline.status().unacknowledged === 0, "everything is acknowledged");
      assert.equal(offline.status().completed, 2, "nothing ran again");
    }));
}

test("a node that is started before its server waits for it", LIMIT, async () => {
  const server = new Server();
  const told = [];
  const log = (level, message) => told.push([level, message]);
  const node = new ExternalServiceNode("early", { url: `http://127.0.0.1:${server.port}`, capabilities: ["custom_processing"], log });
  try {
    const started = node.handler("custom_processing", () => "at last").start();
    await until(() => told.length >= 2, "it has tried twice");
    assert.equal(node.status().phase, "connecting");
    assert.equal(told[0][0], "warn");
    assert.match(told[0][1], /cannot reach http:.*ECONNREFUSED.*start a server with `gleitzeit serve`.*trying again/);
    assert.equal(told[1][0], "debug", "the same again is no news");
    await server.start();
    await started;
    assert.deepEqual((await server.ended(await server.submit([task("a")]))).results, { a: "at last" });
  } finally {
    await node.stop();
  }
  assert.equal(node.status().phase, "stopped");
  await server.close();
});

test("a restart of the server ends no service", LIMIT, () =>
  withServer({}, async ({ server, node }) => {
    const events = [];
    const steady = node("steady").handler("custom_processing", () => 1);
    for (const name of ["registered", "disconnected", "stopped"]) steady.addEventListener(name, () => events.push(name));
    await steady.start();
    assert.equal((await server.end("SIGTERM")).code, 0);
    await server.start();
    await until(() => steady.status().registrations === 2, "it is back");
    await steady.stop();
    assert.deepEqual(events, ["registered", "disconnected", "registered", "stopped"]);
  }));

test("a shutdown with services ends them, and their tasks wait for the next ones", LIMIT, () =>
  withServer({}, async ({ server, client, node }) => {
    const leaving = node("leaving").handler("custom_processing", (_, context) => context.sleep(3_600_000));
    await leaving.start();
    const workflow = await server.submit([task("a")]);
    await statusOf(server, workflow, "a", "processing");
    await client.shutdown({ services: true });
    await leaving.stopped();
    assert.equal(leaving.status().phase, "stopped");
    await until(() => server.process.exitCode === 0, "the server has ended");
    await server.start();
    await node("next").handler("custom_processing", (_, { attempt }) => attempt).start();
    assert.deepEqual((await server.ended(workflow)).results, { a: 2 });
  }));

test("a stopping node hands its tasks back, and delivers what was finished in time", LIMIT, () =>
  withServer({ settings: "[limits]\ndisconnect_grace_seconds = 86400\n" }, async ({ server, node }) => {
    const first = node("first", { stopTimeoutMs: 120_000 }).handler("custom_processing", async ({ step }, context) => {
      if (step === "stubborn") return new Promise((resolve) => context.signal.addEventListener("abort", () => resolve("in time")));
      await context.sleep(3_600_000);
    });
    await first.start();
    const workflow = await server.submit([task("stubborn"), task("asleep")]);
    for (const name of ["stubborn", "asleep"]) await statusOf(server, workflow, name, "processing");
    await node("second").handler("custom_processing", (_, { attempt }) => attempt).start();
    await first.stop();
    assert.deepEqual((await server.ended(workflow)).results, { stubborn: "in time", asleep: 2 });
  }));

test("a handler that does not end does not keep its node from stopping", LIMIT, () =>
  withServer({ settings: "[limits]\ndisconnect_grace_seconds = 86400\n" }, async ({ server, node }) => {
    const deaf = node("deaf", { stopTimeoutMs: 50 }).handler("custom_processing", () => new Promise(() => {}));
    await deaf.start();
    const workflow = await server.submit([task("a")]);
    await statusOf(server, workflow, "a", "processing");
    await deaf.stop();
    await node("next").handler("custom_processing", (_, { attempt }) => attempt).start();
    assert.deepEqual((await server.ended(workflow)).results, { a: 2 });
  }));

test("a draining node finishes what it has and takes nothing else", LIMIT, () =>
  withServer({}, async ({ server, node }) => {
    const held = gate();
    const full = node("full").handler("custom_processing", () => held.opened);
    await full.start();
    const workflow = await server.submit([task("a")]);
    await statusOf(server, workflow, "a", "processing");
    const drained = full.drain();
    await until(async () => (await server.rest("GET", "/services/full")).body.status === "draining", "the server knows");
    const next = await server.submit([task("b")]);
    held.open("done");
    await drained;
    assert.deepEqual((await server.ended(workflow)).results, { a: "done" });
    assert.equal((await server.taskOf(next, "b")).status, "queued");
    await node("other").handler("custom_processing", () => "other").start();
    assert.deepEqual((await server.ended(next)).results, { b: "other" });
  }));
