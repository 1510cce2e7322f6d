// Services on the real binary.

import assert from "node:assert/strict";
import { test } from "node:test";
import { io } from "socket.io-client";
import { ExternalServiceNode, Fatal, Retryable, TaskError } from "../gleitzeit.js";
import { gate, LIMIT, statusOf, task, until, withServer } from "./house.mjs";

/** All that watchers of the server are told of progress. */
async function watch(url) {
  const socket = io(`${url}/cluster`, { forceNew: true });
  const told = [];
  socket.on("watch:frame", (frame) => told.push(...frame.progress));
  await new Promise((resolve) => socket.on("connected", resolve));
  await socket.emitWithAck("watch", {});
  return { told, close: () => socket.disconnect() };
}

for (const transports of [["websocket"], ["polling"], ["websocket", "polling"]]) {
  test(`a service runs tasks over ${transports.join(" and ")}`, LIMIT, () =>
    withServer({}, async ({ server, node }) => {
      const echo = node("echo", { transports });
      echo.handler("custom_processing", (input, { attempt, taskName }) => ({ input, attempt, taskName }));
      await echo.start();
      const second = task("second", { input: { got: "{{first.result.input.step}}" } });
      const { results } = await server.ended(await server.submit([task("first"), second]));
      assert.deepEqual(results, {
        first: { input: { step: "first" }, attempt: 1, taskName: "first" },
        second: { input: { got: "first" }, attempt: 1, taskName: "second" },
      });
      const { completed, failed, unacknowledged, registrations } = echo.status();
      assert.deepEqual([completed, failed, unacknowledged, registrations], [2, 0, 0, 1]);
    }));

  test(`a megabyte in both directions over ${transports.join(" and ")}`, LIMIT, () =>
    withServer({}, async ({ server, node }) => {
      const large = "ä€𝄞x".repeat(100_000);
      await node("large", { transports }).handler("custom_processing", ({ text }) => ({ text, again: text })).start();
      const after = task("after", { input: { text: "{{before.result.text}}" } });
      const { results } = await server.ended(await server.submit([task("before", { input: { text: large } }), after]));
      assert.ok(results.before.again === large && results.after.text === large);
    }));
}

test("what a handler throws is the error of its task", LIMIT, () =>
  withServer({}, async ({ server, node }) => {
    const attempts = [];
    const broken = node("broken").handler("custom_processing", async ({ step }, { attempt }) => {
      attempts.push(`${step} ${attempt}`);
      const cause = new Error("the disk is on fire");
      if (step === "plain") throw new TypeError("cannot read", { cause });
      if (step === "text") throw "just text";
      if (step === "fine") return step;
      if (step === "fatal") throw new Fatal("no such model", { code: "MODEL_UNKNOWN", details: { known: ["a"] } });
      if (step === "own") throw new TaskError("own", { code: "OWN", details: 1n });
      if (attempt === 1) throw new Retryable("busy", { afterMs: 1 });
      return attempt;
    });
    await broken.start();
    // Five failures in a row would open the breaker of the service.
    const steps = ["plain", "text", "fine", "fatal", "own", "again"];
    const retries = { plain: 0, text: 0, fine: 0, fatal: 3, own: 0, again: 3 };
    const results = await server.ended(await server.submit(steps.map((step) => task(step, { max_retries: retries[step] }))));
    assert.deepEqual(results.results, { fine: "fine", again: 2 });
    assert.equal(results.errors.plain.message, "cannot read: the disk is on fire");
    assert.equal(results.errors.text.message, "just text");
    const { message, service_code: code, details } = results.errors.fatal;
    assert.deepEqual([message, code, details], ["no such model", "MODEL_UNKNOWN", { known: ["a"] }]);
    assert.deepEqual([results.errors.own.service_code, results.errors.own.details], ["OWN", undefined]);
    assert.deepEqual(attempts.filter((attempt) => attempt.startsWith("fatal")), ["fatal 1"]);
    assert.equal(broken.status().failed, 5);
  }));

test("a result that JSON cannot say fails its task and names the place", LIMIT, () =>
  withServer({}, async ({ server, node }) => {
    const circle = {};
    circle.self = circle;
    const answers = {
      big: 1n,
      circle,
      pixels: { image: { pixels: new Uint8Array(3) } },
      nothing: undefined,
      date: new Date(0),
      huge: "x".repeat(9 * 1024 * 1024),
      monstrous: "x".repeat(13 * 1024 * 1024),
    };
    const odd = node("odd").handler("custom_processing", ({ step }) => answers[step]);
    await odd.start();
    const { results, errors } = await server.ended(await server.submit(Object.keys(answers).map((step) => task(step))));
    assert.deepEqual(results, { nothing: null, date: "1970-01-01T00:00:00.000Z" });
    assert.match(errors.big.message, /the result cannot be written as JSON: .*BigInt/);
    assert.match(errors.circle.message, /circular/);
    assert.match(errors.pixels.message, /the result\.image\.pixels is binary \(Uint8Array\)/);
    assert.match(errors.huge.message, /has 9437186 bytes; the limit is 8 MiB/);
    assert.match(errors.monstrous.message, /larger than a message may be/);
    assert.equal(odd.status().registrations, 1, "the connection survived all of them");
  }));

test("what JSON would lose or empty without a word is refused by its place", LIMIT, () =>
  withServer({}, async ({ server, node }) => {
    const answers = {
      nan: { rows: [1, { mean: 0 / 0 }] },
      far: -Infinity,
      map: { rows: new Map([["a", 1]]) },
      set: [new Set([1])],
      error: { why: Object.assign(new TypeError("no"), { code: "E" }) },
      regexp: { match: /a/ },
      call: { then: { run: () => 1 } },
      forgotten: { rows: Promise.resolve(1) },
      query: { query: new URLSearchParams("a=1") },
      never: { at: new Date(NaN) },
    };
    // What JSON can say, in unusual clothes.
    const clothed = { absent: undefined, url: new URL("http://a/"), own: new (class Own { x = [1.5, null, new String("s")]; })(), bare: Object.create(null) };
    const odd = node("odd").handler("custom_processing", ({ step }) => answers[step] ?? clothed);
    await odd.start();
    // Failures in a row would open the breaker of the service.
    const steps = Object.keys(answers).flatMap((step) => [step, `after ${step}`]);
    const { results, errors } = await server.ended(await server.submit(steps.map((step) => task(step))));
    const said = { url: "http://a/", own: { x: [1.5, null, "s"] }, bare: {} };
    assert.deepEqual(results, Object.fromEntries(Object.keys(answers).map((step) => [`after ${step}`, said])));
    assert.equal(Object.keys(errors).length, Object.keys(answers).length);
    assert.match(errors.nan.message, /the result\.rows\.1\.mean is NaN, which JSON cannot say/);
    assert.match(errors.far.message, /the result is -Infinity, which JSON cannot say/);
    assert.match(errors.map.message, /the result\.rows is an object of type Map, of which JSON keeps nothing/);
    assert.match(errors.set.message, /the result\.0 is an object of type Set/);
    assert.match(errors.error.message, /the result\.why is an object of type Error,/);
    assert.match(errors.regexp.message, /the result\.match is an object of type RegExp/);
    assert.match(errors.call.message, /the result\.then\.run is a function/);
    assert.match(errors.forgotten.message, /the result\.rows is an object of type Promise/);
    assert.match(errors.query.message, /the result\.query is an object of type URLSearchParams/);
    assert.match(errors.never.message, /the result\.at is a date that is none/);
  }));

test("watchers are told of progress, of words and of output while it comes", LIMIT, () =>
  withServer({}, async ({ server, node }) => {
    const { told, close } = await watch(server.url);
    await node("teller").handler("custom_processing", async (_, context) => {
      context.progress(40, "reading", { rows: 3 });
      context.log("a word");
      context.stream("Once ");
      context.stream("upon");
      context.stream("y".repeat(25_000));
      context.progress(250);
      context.progress(50, "too much", "z".repeat(70_000));
      return "told";
    }).start();
    await server.ended(await server.submit([task("a")]));
    await until(() => told.length >= 8, "everything was told");
    close();
    const said = told.map(({ progress, message, data }) => [progress, message, data?.text?.length ?? data]);
    assert.deepEqual(said, [
      [40, "reading", { rows: 3 }],
      [40, "a word", undefined],
      [40, "", 5],
      [40, "", 4],
      [40, "", 10_000],
      [40, "", 10_000],
      [40, "", 5_000],
      [100, "", undefined],
    ]);
    assert.deepEqual(told.slice(2, 7).map(({ data }) => data.offset), [0, 5, 9, 10_009, 20_009]);
  }));

test("a cancelled task ends its handler, and the server hears of it", LIMIT, () =>
  withServer({}, async ({ server, client, node }) => {
    const seen = [];
    const worker = node("worker").handler("custom_processing", async ({ step }, context) => {
      if (step === "late") {
        while (!context.cancelled) await new Promise((resolve) => setTimeout(resolve, 5));
        return "a result that nobody wants";
      }
      try {
        await context.sleep(3_600_000);
      } catch (error) {
        seen.push(error.name, context.signal.aborted, context.cancelled);
        assert.throws(() => context.throwIfCancelled(), { name: "AbortError" });
        throw error;
      }
    });
    await worker.start();
    const workflow = await server.submit([task("asleep"), task("late")]);
    for (const name of ["asleep", "late"]) await statusOf(server, workflow, name, "processing");
    await client.cancelWorkflow(workflow);
    await until(() => worker.status().running === 0 && worker.status().unacknowledged === 0, "both have ended");
    assert.deepEqual(seen, ["AbortError", true, true]);
    assert.equal(worker.status().cancelled, 2);
    const { items } = await client.services();
    assert.deepEqual(items.find((service) => service.name === "worker").task_ids, [], "the slots are free again");
    assert.equal((await client.workflow(workflow)).status, "cancelled");
  }));

test("a handler knows its deadline and a key that all its attempts share", LIMIT, () =>
  withServer({}, async ({ server, node }) => {
    const seen = [];
    await node("clock").handler("custom_processing", (_, { deadline, idempotencyKey, attempt, workflowId, taskId, traceparent }) => {
      const ms = deadline.getTime() - Date.now();
      seen.push({ inTime: ms > 80_000 && ms <= 90_000, key: idempotencyKey === `${workflowId}/${taskId}`, attempt, traceparent });
      if (attempt === 1) throw new Retryable("once more", { afterMs: 1 });
      return idempotencyKey;
    }).start();
    await server.ended(await server.submit([task("a", { timeout_seconds: 90, max_retries: 1 })]));
    assert.deepEqual(seen, [
      { inTime: true, key: true, attempt: 1, traceparent: null },
      { inTime: true, key: true, attempt: 2, traceparent: null },
    ]);
  }));

test("the handler is chosen by the type within the service, then by the type, then by capability", LIMIT, () =>
  withServer({}, async ({ server, node }) => {
    const chooser = node("chooser", { capabilities: ["ml_training", "data_processing"], taskTypes: ["external_custom"] });
    chooser.handler("ml_training", () => "specific").handler("external_custom", () => "general").handler("data_processing", () => "capable");
    await chooser.start();
    const of = (name, type, external) => ({
      name, task_type: type, max_retries: 0,
      parameters: { external_task_type: external, external_parameters: {}, service_name: "chooser" },
    });
    const workflow = await server.submit([
      of("a", "external_ml", "ml_training"),
      of("b", "external_custom", "anything"),
      of("c", "external_processing", "data_processing"),
    ]);
    assert.deepEqual((await server.ended(workflow)).results, { a: "specific", b: "general", c: "capable" });
  }));

test("a task without a handler goes to a service that has one, or fails when there is none", LIMIT, () =>
  withServer({}, async ({ server, client, node }) => {
    const busy = gate();
    const able = node("able", { maxConcurrentTasks: 1 }).handler("custom_processing", ({ step }) => (step === "first" ? busy.opened : "able"));
    await able.start();
    const first = await server.submit([task("first")]);
    await statusOf(server, first, "first", "processing");
    const unable = node("unable", { capabilities: [], taskTypes: ["external_custom"] }).handler("other", () => "never");
    await unable.start();
    const second = await server.submit([task("second")]);
    await until(async () => {
      const { items } = await client.workflowEvents(second);
      return items.some((event) => event.type === "attempt_refused");
    }, "the only free service has refused");
    busy.open("free");
    assert.deepEqual((await server.ended(second)).results, { second: "able" });
    await able.stop();
    const { errors } = await server.ended(await server.submit([task("third")]));
    assert.match(errors.third.message, /no connected worker has a handler for task type custom_processing/);
  }));

test("a node that cannot work says so before it starts", async () => {
  const start = (options, prepare = (node) => node.handler("a", () => 1)) => prepare(new ExternalServiceNode("n", options)).start();
  await assert.rejects(start({}), /no capability and no task type/);
  await assert.rejects(start({ capabilities: ["ml_training"] }, (node) => node), /no handler/);
  assert.throws(() => new ExternalServiceNode(""), /its name is empty/);
  assert.throws(() => new ExternalServiceNode("n", { capabilities: ["training"] }), /no capability "training"; known are ml_training/);
  assert.throws(() => new ExternalServiceNode("n", { capability: "ml_training" }), /no option "capability"/);
  assert.throws(() => new ExternalServiceNode("n", { maxConcurrentTasks: 0 }), /at least 1/);
  assert.throws(() => new ExternalServiceNode("n").handler("a"), /is no function/);
  assert.throws(() => new ExternalServiceNode("n", { url: "ws://h" }), /no address of a server/);
});

test("a wrong token is an error that says what to do", LIMIT, () =>
  withServer({ token: "gzt_right" }, async ({ server, node }) => {
    const wrong = node("wrong", { token: "gzt_wrong" }).handler("custom_processing", () => 1);
    await assert.rejects(wrong.start(), { kind: "refused", code: "GZ4010", message: /refused the key.*pass \{ token \}/ });
    assert.equal(wrong.status().phase, "stopped");
    await node("right").handler("custom_processing", () => "inside").start();
    const body = { name: "w", tasks: [task("a")] };
    const { body: submitted } = await server.rest("POST", "/workflows", body);
    assert.deepEqual((await server.ended(submitted.id)).results, { a: "inside" });
  }));

test("a refused registration is an error", LIMIT, () =>
  withServer({}, async ({ node }) => {
    const long = node("long", { nodeId: "x".repeat(5_000) }).handler("custom_processing", () => 1);
    await assert.rejects(long.start(), { kind: "refused", code: "GZ7001", message: /refused the registration.*node_id/ });
  }));
