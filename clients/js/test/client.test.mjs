// Every call of `Client`, on the real binary.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { Client, GleitzeitError, Workflow } from "../gleitzeit.js";
import { gate, LIMIT, ownPort, statusOf, task, until, withServer } from "./house.mjs";

/** What a call was refused with. */
async function refused(call) {
  const error = await call.then(() => assert.fail("it was not refused"), (error) => error);
  assert.ok(error instanceof GleitzeitError, String(error));
  return error;
}

function dice() {
  const workflow = new Workflow("Dice", { tags: ["red"], metadata: { team: "games" } });
  const numbers = workflow.addFunctionTask("Numbers", { functionName: "fibonacci", args: [10] });
  workflow.addFunctionTask("Figures", { functionName: "analyze_numbers", args: [numbers] });
  return workflow;
}

test("a workflow from its submission to its results", LIMIT, () =>
  withServer({}, async ({ client }) => {
    const { results, status } = await client.run(dice());
    assert.equal(status, "completed");
    assert.deepEqual(results.Numbers, [0, 1, 1, 2, 3, 5, 8, 13, 21, 34]);
    assert.equal(results.Figures.sum, 88);
    const first = await client.submit(dice(), { idempotencyKey: "key", waitSeconds: 30 });
    assert.equal(first.status, "completed", "the server answered when it had ended");
    assert.equal((await client.submit(dice(), { idempotencyKey: "key" })).id, first.id);
    const yaml = "name: Y\ntasks:\n  - {name: a, function: is_prime, args: [7]}\n";
    assert.equal((await client.validateYaml(yaml)).total_tasks, 1);
    assert.equal((await client.waitFor((await client.submitYaml(yaml)).id)).results.a, true);
    assert.deepEqual((await client.workflows({ tag: "red", metadata: { team: "games" }, limit: 1 })).items.length, 1);
    assert.deepEqual((await client.workflows({ status: ["failed", "running"] })).items, []);
    assert.equal((await client.workflow(first.id)).task_counts.completed, 2);
    const [numbers] = (await client.tasks(first.id)).items;
    assert.equal((await client.task(numbers.id)).result.length, 10);
    assert.ok((await client.workflowEvents(first.id)).items.some((event) => event.type === "workflow_submitted"));
    assert.ok((await client.functions("prime")).items.some((found) => found.name === "is_prime"));
    const stats = await client.stats();
    assert.equal((await client.health()).version, stats.version);
    assert.equal(await client.isReady(), true);
  }));

test("a word by hand", LIMIT, () =>
  withServer({}, async ({ client, server }) => {
    const workflow = await server.submit([task("a"), task("b"), task("c"), { ...task("d"), dependencies: ["c"] }]);
    const [a, b, c] = (await client.tasks(workflow)).items;
    assert.match((await client.why(a.id)).summary, /custom_processing/);
    await client.completeTask(a.id, undefined, { by: "me", reason: "known" });
    await client.failTask(b.id, { error: "hopeless", code: "HOPELESS", details: { depth: 1 } });
    await client.skipTask(c.id, { with: { n: 7 } });
    await client.pauseWorkflow(workflow);
    assert.equal((await client.workflow(workflow)).status, "paused");
    await client.resumeWorkflow(workflow);
    await client.cancelTask((await client.tasks(workflow)).items[3].id);
    const results = await client.waitFor(workflow);
    assert.equal(results.status, "failed");
    assert.deepEqual(results.results, { a: null });
    assert.match(results.errors.b.message, /hopeless/);
    const letters = await client.deadLetters({ text: "hopeless" });
    assert.equal(letters.items[0].workflow_name, "node");
    const dry = await client.retryTasks({ filter: { text: "hopeless" }, dryRun: true });
    assert.deepEqual([dry.dry_run, dry.done.length], [true, 1]);
    await client.retryTask(b.id, { parameters: { external_parameters: { step: "again" } } });
    assert.deepEqual((await client.task(b.id)).parameters.external_parameters, { step: "again" });
    assert.equal((await client.cancelWorkflow(workflow)).status, "cancelled");
    assert.equal((await client.retryWorkflow(workflow)).id, workflow);
    const bulk = await client.cancelWorkflows({ filter: { name: "node" } });
    assert.equal(bulk.done[0].id, workflow);
    assert.equal((await client.retryWorkflows({ filter: { name: "node", status: ["cancelled"] } })).done.length, 1);
  }));

test("services are listed, drained and resumed", LIMIT, () =>
  withServer({}, async ({ client, node }) => {
    await node("lister", { nodeId: "n1", maxConcurrentTasks: 3 }).handler("custom_processing", () => 1).start();
    const { items } = await client.services();
    assert.equal(items.find((service) => service.id === "n1").capacity, 3);
    await client.drainService("n1");
    assert.equal((await client.service("lister")).draining, true);
    await client.resumeService("n1");
    assert.equal((await client.service("n1")).draining, false);
  }));

test("the feed tells what happens, from any position, until it is left", LIMIT, () =>
  withServer({}, async ({ client }) => {
    const { id, seq } = await client.submit(dice());
    const kinds = [];
    let last;
    for await (const event of client.events({ since: seq, workflow: id })) {
      kinds.push(event.type);
      last = event;
      if (event.type === "workflow_ended") break;
    }
    assert.equal(kinds.filter((kind) => kind === "task_completed").length, 2, kinds.join(" "));
    const again = client.events({ since: last.seq });
    assert.deepEqual((await again.next()).value.seq, last.seq);
    await again.return();
    const stop = new AbortController();
    const endless = client.events({ signal: stop.signal });
    const ended = assert.rejects(endless.next(), { name: "AbortError" });
    stop.abort();
    await ended;
  }));

test("a webhook is told of ends", LIMIT, () =>
  withServer({ settings: '[http]\nallow = ["127.0.0.1"]\n' }, async ({ client }) => {
    const told = [];
    const receiver = createServer((request, answer) => {
      let body = "";
      request.on("data", (data) => (body += data));
      request.on("end", () => {
        told.push(JSON.parse(body));
        answer.writeHead(204).end();
      });
    });
    await new Promise((resolve) => receiver.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${receiver.address().port}/ends`;
    const { id, secret } = await client.addWebhook({ url, events: ["workflow.completed"], filter: { tag: ["red"] } });
    assert.match(secret, /^whsec_/);
    assert.equal((await client.testWebhook(id)).delivered, true);
    const { workflow_id: workflow } = await client.run(dice());
    const isTold = () => told.some((message) => message.subject === workflow);
    await until(isTold, "the end is told");
    const [delivery] = (await until(async () => {
      const page = await client.deliveries(id);
      return page.items[0]?.status === "delivered" && page;
    }, "the delivery is known")).items;
    const before = told.length;
    await client.redeliver(id, delivery.id);
    await until(() => told.length > before, "it is told once more");
    await client.pauseWebhook(id);
    assert.equal((await client.webhook(id)).status, "paused");
    await client.resumeWebhook(id, { from: "now" });
    assert.equal((await client.webhooks()).items[0].status, "enabled");
    await client.removeWebhook(id);
    assert.deepEqual((await client.webhooks()).items, []);
    assert.equal((await refused(client.webhook(id))).code, "GZ2070");
    receiver.closeAllConnections();
    receiver.close();
  }));

test("errors say what, which, and what to do", LIMIT, () =>
  withServer({ token: "gzt_js" }, async ({ client, server }) => {
    const missing = await refused(client.workflow("0192f0c0-0000-7000-8000-000000000001"));
    assert.deepEqual([missing.kind, missing.code, missing.status, missing.retryable], ["refused", "GZ3002", 404, false]);
    assert.match(missing.message, /error\[GZ3002\].*0192f0c0/);
    const circle = await refused(client.submit({ name: "c", tasks: [task("a", { dependencies: ["b"] }), task("b", { dependencies: ["a"] })] }));
    assert.equal(circle.code, "GZ3003");
    assert.ok(circle.fix.length > 0 && circle.problem.type.includes("GZ3003"));
    const stranger = await refused(new Client(server.url).stats());
    assert.equal(stranger.code, "GZ4001");
    assert.match(stranger.message, /pass \{ token \}, or set GLEITZEIT_TOKEN/);
    const nan = { name: "c", tasks: [task("a", { input: { rows: [1, NaN] } })] };
    for (const call of [() => client.submit(nan), () => client.validate(nan), () => client.run(nan)]) {
      const unsayable = await refused(call());
      assert.equal(unsayable.kind, "config");
      assert.match(unsayable.message, /the workflow\.tasks\.0\.parameters\.external_parameters\.rows\.1 is NaN, which JSON cannot say/);
    }
    const built = new Workflow("Built");
    built.addFunctionTask("Figures", { functionName: "analyze_numbers", args: [[Infinity]] });
    assert.match((await refused(client.submit(built))).message, /args\.0\.0 is Infinity, which JSON cannot say/);
    const unknown = await refused(client.submit({ name: "c", taks: [] }));
    assert.match(unknown.message, /taks/);
    const late = await refused(client.waitFor(await server.submit([task("a")]), { timeoutMs: 50 }));
    assert.deepEqual([late.kind, late.retryable], ["timeout", true]);
    assert.throws(() => new Client("localhost:8000"), /no address of a server; write it as http:\/\/host:port/);
  }));

test("a server that is missing, or another one", LIMIT, async () => {
  const other = createServer((_, answer) => answer.writeHead(200).end("<html>hello</html>"));
  await new Promise((resolve) => other.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${other.address().port}`;
  const strange = await refused(new Client(url).stats());
  assert.equal(strange.kind, "unexpected");
  assert.match(strange.message, /not as a Gleitzeit server of version 0\.1\.0 or later does: <html>hello/);
  await new Promise((resolve) => other.close(resolve));
  const nobody = new Client(`http://127.0.0.1:${ownPort()}`);
  const missing = await refused(nobody.stats());
  assert.equal(missing.kind, "unreachable");
  assert.match(missing.message, /ECONNREFUSED.*gleitzeit serve/);
  assert.equal(await nobody.isReady(), false);
});

test("waiting goes on over kill -9 of the server, and a submission is repeated until there is one", LIMIT, () =>
  withServer({}, async ({ client, server, node }) => {
    const held = gate();
    await node("slow").handler("custom_processing", () => held.opened).start();
    const workflow = await server.submit([task("a")]);
    await statusOf(server, workflow, "a", "processing");
    const waiting = client.waitFor(workflow);
    await server.end("SIGKILL");
    const down = await refused(client.stats());
    assert.equal(down.kind, "unreachable");
    const submitted = client.submit(dice());
    await server.start();
    held.open("done");
    assert.deepEqual((await waiting).results, { a: "done" });
    // The machine may be slower than the few repetitions, and then the error says that it may be tried again.
    const outcome = await submitted.catch((error) => error);
    assert.ok(outcome.id || outcome.retryable, String(outcome));
  }));

test("a request can be given up", LIMIT, () =>
  withServer({}, async ({ client, server }) => {
    const workflow = await server.submit([task("a")]);
    const giveUp = new AbortController();
    const waiting = client.waitFor(workflow, { signal: giveUp.signal });
    giveUp.abort();
    await assert.rejects(waiting, { name: "AbortError" });
    const early = AbortSignal.abort(new Error("never mind"));
    await assert.rejects(client.submit(dice(), { signal: early }), /never mind/);
    assert.equal((await client.workflows()).items.length, 1);
    await client.shutdown();
    await until(() => server.process.exitCode !== null, "the server has ended");
    assert.equal(server.process.exitCode, 0);
  }));
