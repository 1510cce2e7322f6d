// What a server may do that the real one does seldom: a scripted one that speaks Socket.IO.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { Server as SocketServer } from "socket.io";
import { ExternalServiceNode } from "../gleitzeit.js";
import { gate, LIMIT, until } from "./house.mjs";

/** `script` is called with each socket; `heard` holds all events with their payloads. */
async function scripted(script = {}, story) {
  const http = createServer();
  const io = new SocketServer(http, script.settings);
  const heard = [];
  const sockets = [];
  const { greeting = "Gleitzeit 0.1.0", acknowledges = true } = script;
  const usual = (event, { node_id: id }) =>
    event === "node:register" ? { ok: true, node_id: id, session: 1, heartbeat_ms: 30_000, held: script.held ?? [] } : { ok: true, seq: 1 };
  io.of("/cluster").on("connection", (socket) => {
    sockets.push(socket);
    socket.emit("connected", { message: greeting, sid: socket.id });
    socket.onAny((event, payload, ack) => {
      heard.push({ event, payload, connection: sockets.length });
      const reply = script.answer?.(event, payload) ?? usual(event, payload);
      if (ack && acknowledges && reply !== "silence") ack(reply);
    });
  });
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${http.address().port}`;
  const node = (options = {}) => new ExternalServiceNode("s", { url, capabilities: ["custom_processing"], log: () => {}, ...options });
  const of = (event) => heard.filter((entry) => entry.event === event).map(({ payload }) => payload);
  const assign = (id, attempt = 1, input = {}) =>
    sockets.at(-1).emit("task:assign", {
      task_id: id, workflow_id: "w", attempt, task_type: "external_custom", external_task_type: "custom_processing",
      external_parameters: input, parameters: {}, timeout: 60,
    });
  const nodes = [];
  try {
    await story({ io, sockets, heard, of, assign, node: (options) => (nodes.push(node(options)), nodes.at(-1)) });
  } finally {
    for (const each of nodes) await each.stop();
    await io.close();
  }
}

const brief = ({ task_id: id, attempt, error, result }) => [id, attempt, error ?? result];

test("what comes above its capacity is refused and goes elsewhere", LIMIT, () =>
  scripted({}, async ({ node, assign, of }) => {
    const held = gate();
    const small = node({ maxConcurrentTasks: 2 }).handler("custom_processing", () => held.opened);
    await small.start();
    for (const id of ["a", "b", "c"]) assign(id);
    await until(() => of("task:failed").length === 1, "the refusal");
    assert.deepEqual(of("task:failed").map(brief), [["c", 1, "Service at capacity"]]);
    assert.deepEqual(of("task:accepted").map(brief), [["a", 1, undefined], ["b", 1, undefined]]);
    held.open("done");
    await until(() => small.status().unacknowledged === 0 && small.status().running === 0, "both are reported");
    assign("d");
    await until(() => of("task:completed").length === 3, "there is room again");
    assert.equal(small.status().failed, 0, "a refusal is no failure");
  }));

test("the same attempt starts once, however often it is assigned, and a later one replaces it", LIMIT, () =>
  scripted({}, async ({ node, assign, of }) => {
    const held = gate();
    const starts = [];
    const once = node().handler("custom_processing", async (_, context) => {
      starts.push(context.attempt);
      if (context.attempt === 1) await context.sleep(3_600_000);
      await held.opened;
      return context.attempt;
    });
    await once.start();
    assign("a");
    assign("a");
    await until(() => of("task:accepted").length === 2, "the server may have missed that it was accepted");
    assign("a", 2);
    assign("a", 1);
    await until(() => of("task:accepted").length === 3 && once.status().running === 1, "the first one has ended");
    held.open();
    await until(() => of("task:completed").length === 1, "the second one is reported");
    assign("a", 2);
    assign("b", 2);
    await until(() => of("task:completed").length === 2, "all that was assigned is worked off");
    assert.deepEqual(starts, [1, 2, 2], "nothing started again");
    assert.deepEqual(of("task:completed").map(brief), [["a", 2, 2], ["b", 2, 2]]);
    assert.deepEqual(of("task:failed"), [], "nobody waits for the end of the first attempt");
  }));

test("a result is sent until it is acknowledged, and dropped when it is refused for good", LIMIT, () => {
  const answers = {
    lost: ["silence", { ok: true, seq: 2 }],
    later: [{ ok: false, code: "GZ1030", message: "busy", retryable: true, retry_after_ms: 1 }, { ok: true, seq: 2 }],
    stale: [{ ok: false, code: "GZ2016", message: "another attempt was faster", retryable: false }],
    odd: [{ ok: false, code: "GZ7001", message: "too deep", retryable: false }, { ok: true, seq: 2 }],
  };
  const answer = (event, { task_id: id }) => (event === "task:completed" || event === "task:failed" ? answers[id].shift() : undefined);
  return scripted({ answer }, async ({ node, assign, of }) => {
    // Longer than a busy machine holds up what is answered.
    const stubborn = node({ ackTimeoutMs: 3_000 }).handler("custom_processing", () => 1);
    await stubborn.start();
    for (const id of Object.keys(answers)) assign(id);
    await until(() => Object.values(answers).every((left) => left.length === 0), "everything was answered");
    await until(() => stubborn.status().unacknowledged === 0, "the outbox is empty");
    const sent = of("task:completed").map(({ task_id: id }) => id).sort();
    assert.deepEqual(sent, ["later", "later", "lost", "lost", "odd", "stale"]);
    const [failed] = of("task:failed");
    assert.deepEqual([failed.task_id, failed.code, failed.retryable], ["odd", "GZ7001", false]);
    assert.match(failed.error, /the server cannot take the result: too deep/);
  });
});

test("a reconnect names what is held, and ends what the server gave up", LIMIT, () => {
  const script = { held: ["kept"], answer: (event) => (event === "task:completed" ? "silence" : undefined) };
  return scripted(script, async ({ node, assign, sockets, of }) => {
    const aborted = [];
    const held = gate();
    const steady = node().handler("custom_processing", async ({ quick }, context) => {
      context.signal.addEventListener("abort", () => aborted.push(context.taskId));
      if (!quick) await held.opened;
      return context.taskId;
    });
    await steady.start();
    assign("kept", 3);
    assign("given up");
    assign("finished", 2, { quick: true });
    await until(() => of("task:completed").length === 1, "one is finished and not acknowledged");
    sockets[0].conn.close();
    await until(() => steady.status().registrations === 2, "it is back");
    const [, again] = of("node:register");
    const names = again.active.map(({ task_id: id, attempt }) => `${id} ${attempt}`);
    assert.deepEqual(names.sort(), ["finished 2", "given up 1", "kept 3"]);
    assert.equal(again.restart_aware, true);
    await until(() => of("task:completed").length === 2, "the result is sent again");
    assert.deepEqual(of("task:accepted").slice(3).map(brief), [["kept", 3, undefined]], "accepted once more");
    assert.deepEqual(aborted, ["given up"]);
    script.answer = () => undefined;
    held.open();
    await until(() => of("task:completed").some(({ task_id: id }) => id === "kept"), "the kept one is reported");
    assert.ok(!of("task:completed").concat(of("task:failed")).some(({ task_id: id }) => id === "given up"));
    steady.stop();
    sockets.at(-1).conn.close();
    await steady.stopped();
  });
});

test("a server that has forgotten the node makes it register again, and nothing is lost", LIMIT, () => {
  let forgets = true;
  const answer = (event) => {
    if (event !== "task:completed" || !forgets) return undefined;
    forgets = false;
    return { ok: false, code: "GZ7020", message: "not registered", retryable: false };
  };
  return scripted({ answer }, async ({ node, assign, of }) => {
    const known = node().handler("custom_processing", () => 1);
    await known.start();
    assign("a");
    await until(() => known.status().registrations === 2 && known.status().unacknowledged === 0, "registered and acknowledged");
    assert.equal(of("task:completed").length, 2);
  });
});

test("heartbeats name the attempts", LIMIT, () =>
  scripted({}, async ({ node, assign, of }) => {
    const held = gate();
    const beating = node({ heartbeatMs: 100 }).handler("custom_processing", () => held.opened);
    await beating.start();
    assign("a", 4);
    await until(() => of("node:heartbeat").some(({ active }) => active.length === 1), "a heartbeat with the task");
    const beat = of("node:heartbeat").find(({ active }) => active.length === 1);
    assert.deepEqual(beat.active, [{ task_id: "a", workflow_id: "w", attempt: 4 }]);
    assert.deepEqual([beat.active_tasks, beat.status, beat.max_tasks], [1, "ready", 10]);
    held.open();
  }));

test("a hidden tab whose timers hardly run beats when the server pings", LIMIT, (context) => {
  context.mock.timers.enable({ apis: ["setInterval"] });
  return scripted({ settings: { pingInterval: 60 } }, async ({ node, of }) => {
    await node({ heartbeatMs: 100 }).handler("custom_processing", () => 1).start();
    await until(() => of("node:heartbeat").length >= 2, "it has beaten without an interval of its own");
  });
});

for (const [what, script, message] of [
  ["an earlier Gleitzeit", { greeting: "Connected to Gleitzeit Cluster", acknowledges: false }, /greets with "Connected to Gleitzeit Cluster"/],
  ["an older version", { greeting: "Gleitzeit 0.0.9" }, /it is version 0\.0\.9/],
]) {
  test(`${what} is told as too old`, LIMIT, () =>
    scripted(script, async ({ node }) => {
      const started = node().handler("custom_processing", () => 1).start();
      await assert.rejects(started, { kind: "too_old", message });
      await assert.rejects(started, /run a Gleitzeit server of version 0\.1\.0 or later/);
    }));
}

test("two nodes with one id do not push each other out as fast as they can", LIMIT, () =>
  scripted({}, async ({ node, sockets }) => {
    const twin = node({ nodeId: "same" }).handler("custom_processing", () => 1);
    await twin.start();
    for (let round = 1; round <= 3; round += 1) {
      sockets.at(-1).disconnect(true);
      await until(() => twin.status().registrations === round + 1, "registered again");
    }
    assert.match(twin.status().lastError.message, /the connection ended \(io server disconnect\)/);
  }));
