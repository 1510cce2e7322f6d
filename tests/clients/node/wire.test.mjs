// The real binary through socket.io-client.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { House, service, sleep, task, until } from "./house.mjs";

const LIMIT = { timeout: 600_000 };

async function within(token, story) {
  const house = await new House(token).start();
  try {
    await story(house);
  } finally {
    await house.close();
  }
}

for (const transports of [["websocket"], ["polling"], ["polling", "websocket"]]) {
  test(`a service runs tasks over ${transports.join(" and ")}`, LIMIT, () =>
    within(null, async (house) => {
      const echo = service(house, "echo", (assignment) => assignment.external_parameters, { transports });
      await until(() => echo.registrations === 1, "the registration");
      const second = { ...task("second"), parameters: { external_task_type: "custom_processing", external_parameters: { got: "{{first.result.step}}" } } };
      const results = await house.ended(await house.submit([task("first"), second]));
      assert.deepEqual(results.results, { first: { step: "first" }, second: { got: "first" } });
      await until(() => echo.answer?.ok, "the completion is acknowledged");
      assert.ok(echo.answer.seq > 0);
    }));
}

test("an error of a handler is the error of its task", LIMIT, () =>
  within(null, async (house) => {
    const broken = service(house, "broken", () => {
      throw new Error("the disk of the model is on fire");
    });
    await until(() => broken.registrations === 1, "the registration");
    const results = await house.ended(await house.submit([task("work")]));
    assert.equal(results.status, "failed");
    assert.match(results.errors.work.message, /on fire/);
  }));

test("a service comes back by itself after kill -9 of the server, and its handler's result counts", LIMIT, () =>
  within(null, async (house) => {
    let release;
    const gate = new Promise((resolve) => (release = resolve));
    const patient = service(house, "patient", () => gate);
    await until(() => patient.registrations === 1, "the registration");
    const workflow = await house.submit([task("work")]);
    await until(async () => (await house.rest("GET", `/workflows/${workflow}/tasks`)).body.items[0].status === "processing", "accepted");
    await house.end("SIGKILL");
    await house.start();
    await until(() => patient.registrations >= 2, "the second registration");
    release("through the outage");
    const results = await house.ended(workflow);
    assert.deepEqual(results.results, { work: "through the outage" });
    assert.equal(patient.assignments.length, 1);
  }));

test("a service comes back by itself after SIGTERM of the server", LIMIT, () =>
  within(null, async (house) => {
    const echo = service(house, "echo", () => 1);
    await until(() => echo.registrations === 1, "the registration");
    const { code, ms } = await house.end("SIGTERM");
    assert.equal(code, 0);
    // The earlier server took 24 s. This one gives open connections two; the rest is for a busy machine.
    assert.ok(ms < 20_000, `stopping took ${ms} ms`);
    await house.start();
    await until(() => echo.registrations >= 2, "the second registration");
    assert.equal((await house.ended(await house.submit([task("work")]))).status, "completed");
  }));

test("the submitter's room is told", LIMIT, () =>
  within(null, async (house) => {
    const echo = service(house, "echo", (assignment, progress) => {
      progress(50);
      return assignment.external_parameters.step;
    });
    await until(() => echo.registrations === 1, "the registration");
    const socket = house.socket();
    const told = [];
    socket.onAny((event, payload) => told.push([event, payload]));
    socket.on("connected", () => socket.emit("authenticate", { token: "demo_token", client_type: "client" }));
    await until(() => told.some(([event]) => event === "authenticated"), "the welcome");
    const { name, ...spec } = task("a");
    socket.emit("workflow:submit", { workflow_id: randomUUID(), name: "w", tasks: [{ ...spec, task_id: "a" }], metadata: {} });
    await until(() => told.some(([event]) => event === "workflow:completed"), "the end");
    const events = told.map(([event]) => event);
    for (const event of ["workflow:started", "task:progress", "task:completed", "workflow:progress"]) {
      assert.ok(events.includes(event), `${event} in ${events}`);
    }
    assert.equal(told.find(([event]) => event === "task:completed")[1].result, "a");
  }));

test("with a token, nothing happens without it", LIMIT, () =>
  within("gzt_node_test", async (house) => {
    const outsider = service(house, "outsider", () => 1);
    await until(() => outsider.refusal, "the refusal");
    const answer = await outsider.socket.emitWithAck("cluster:stats", {});
    assert.equal(answer.ok, false);
    assert.equal(answer.code, "GZ4001");
    const insider = service(house, "insider", () => "inside", { token: "gzt_node_test" });
    await until(() => insider.registrations === 1, "the registration");
    const results = await house.ended(await house.submit([task("work")]));
    assert.deepEqual(results.results, { work: "inside" });
    await sleep(100);
    assert.equal(outsider.assignments.length, 0);
  }));
