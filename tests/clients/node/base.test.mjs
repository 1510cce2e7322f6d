// The base protocol with socket.io-client, by websocket and by polling alone.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { BaseClient, BaseWorker, executorRegistration, serviceRegistration, wireTask } from "./base.mjs";
import { House, sleep, until } from "./house.mjs";

for (const transports of [["websocket"], ["polling"]]) {
  const story = (name, tell) =>
    test(`${name}, over ${transports}`, { timeout: 600_000 }, async () => {
      const house = await new House().start();
      const options = { transports };
      const client = () => new BaseClient(house, options).ready();
      const service = async (id, handler, capacity) => {
        const worker = new BaseWorker(house, serviceRegistration(id, capacity), handler, options);
        await until(async () => (await house.rest("GET", `/services/${id}`)).body.connected, `${id} is registered`);
        return worker;
      };
      const submit = (observer, tasks, name = "base") => {
        const workflow_id = randomUUID();
        observer.socket.emit("workflow:submit", { workflow_id, name, tasks, metadata: {} });
        return workflow_id;
      };
      try {
        await tell({ house, client, service, submit });
      } finally {
        await house.close();
      }
    });

  const echo = ({ external_parameters: input }, { accept, progress }) => {
    accept();
    progress(50, "half way");
    return { echo: input };
  };

  story("the submitter is told every step, and nobody else is", async ({ client, service, submit }) => {
    const [observer, outsider] = [await client(), await client()];
    await service("echo", echo);
    const workflow = submit(observer, [wireTask("a"), wireTask("b", { dependencies: ["a"] })], "told");
    const started = await observer.next("workflow:started");
    assert.deepEqual([started.workflow_id, started.name, started.total_tasks], [workflow, "told", 2]);
    for (const [id, percentage] of [["a", 50], ["b", 100]]) {
      const progress = await observer.next("task:progress");
      assert.deepEqual([progress.task_id, progress.workflow_id, progress.progress, progress.message], [id, workflow, 50, "half way"]);
      const done = await observer.next("task:completed");
      assert.deepEqual([done.task_id, done.workflow_id, done.result], [id, workflow, { echo: { step: id } }]);
      assert.ok(done.execution_time >= 0 && done.timestamp.includes("T") && !done.timestamp.endsWith("Z"));
      const told = await observer.next("workflow:progress", (told) => told.progress_percentage === percentage);
      assert.equal(told.workflow_id, workflow);
    }
    const ended = await observer.next("workflow:completed");
    assert.deepEqual([ended.workflow_id, ended.status, ended.completed_tasks, ended.failed_tasks], [workflow, "completed", 2, 0]);
    observer.socket.emit("workflow:status", { workflow_id: workflow });
    const { status } = await observer.next("workflow:status_response");
    assert.deepEqual([status.id, status.name, status.status, status.total_tasks, status.completed_tasks], [workflow, "told", "completed", 2, 2]);
    assert.ok(!outsider.inbox.some(([event]) => /^(workflow|task):/.test(event)), "only the submitter is in the room");
  });

  story("a cancel reaches whoever runs the task", async ({ client, service, submit }) => {
    const observer = await client();
    const worker = await service("slow", (_, { accept }) => (accept(), new Promise(() => {})));
    const workflow = submit(observer, [wireTask("a")]);
    await until(() => worker.assignments.length === 1, "it runs");
    observer.socket.emit("workflow:cancel", { workflow_id: workflow });
    await until(() => worker.cancels.length === 1, "the service is told");
    assert.deepEqual(worker.cancels, ["a"]);
    assert.equal((await observer.next("workflow:cancelled")).workflow_id, workflow);
    observer.socket.emit("workflow:status", { workflow_id: workflow });
    assert.equal((await observer.next("workflow:status_response")).status.status, "cancelled");
  });

  story("a failure for want of a handler is final, and the end is told", async ({ client, service, submit }) => {
    const observer = await client();
    await service("without", (_, { refuse }) => refuse("No handler registered for task type: custom_processing"));
    const workflow = submit(observer, [wireTask("a"), wireTask("b", { dependencies: ["a"] })]);
    const failed = await observer.next("task:failed");
    assert.deepEqual([failed.task_id, failed.workflow_id, failed.retry_count], ["a", workflow, 0]);
    assert.match(failed.error, /handler/);
    const ended = await observer.next("workflow:completed");
    assert.deepEqual([ended.status, ended.failed_tasks], ["failed", 1]);
  });

  story("a refusal at capacity costs no try", async ({ house, client, service, submit }) => {
    const observer = await client();
    const worker = await service("full", (task, { accept, refuse }) => {
      if (worker.assignments.length === 1) refuse("Service at capacity");
      accept();
      return worker.assignments.length;
    });
    const workflow = submit(observer, [wireTask("a")]);
    await until(() => worker.assignments.length >= 1, "it was offered");
    // Until it speaks again the service is believed to be full.
    worker.beat({ status: "ready", active_tasks: 0, max_tasks: 10 });
    assert.equal((await observer.next("task:completed")).result, 2);
    const { body } = await house.rest("GET", `/workflows/${workflow}/tasks`);
    assert.equal(body.items[0].failures, 0);
    assert.ok(!observer.heard("task:failed"));
  });

  story("a megabyte in both directions", async ({ client, service, submit }) => {
    const observer = await client();
    await service("large", ({ external_parameters: input }, { accept }) => (accept(), { text: input.text }));
    const text = "ä€𝄞x".repeat(100_000);
    const large = (id, value, dependencies = []) =>
      wireTask(id, { dependencies, parameters: { external_task_type: "custom_processing", external_parameters: { text: value } } });
    submit(observer, [large("a", text), large("b", "{{a.result.text}}", ["a"])]);
    for (const id of ["a", "b"]) {
      const { result } = await observer.next("task:completed", (done) => done.task_id === id);
      assert.ok(result.text === text, id);
    }
    assert.equal((await observer.next("workflow:completed")).status, "completed");
  });

  story("a service that loses its connection comes back with what it holds", async ({ client, service, submit }) => {
    const observer = await client();
    let release;
    const gate = new Promise((resolve) => (release = resolve));
    const worker = await service("steady", async (_, { accept }) => (accept(), await gate));
    const registered = await observer.next("external_service:registered");
    assert.deepEqual([registered.service_id, registered.service_name, registered.node_type], ["steady", "steady service", "external_service"]);
    assert.deepEqual([registered.capabilities, registered.max_concurrent_tasks], [["custom_processing"], 10]);
    submit(observer, [wireTask("a")]);
    await until(() => worker.assignments.length === 1, "it runs");
    // The transport breaks without a word; the client reconnects by itself and repeats its opening.
    const { transport } = worker.socket.io.engine;
    if (transport.ws) {
      transport.ws.terminate();
    } else {
      transport.doClose = () => {};
      transport.onError("the network is gone");
    }
    await until(() => worker.connections >= 2, "it is back");
    await observer.next("external_service:registered");
    release("held through it");
    assert.equal((await observer.next("task:completed")).result, "held through it");
    assert.equal(worker.assignments.length, 1);
    worker.socket.disconnect();
    assert.equal((await observer.next("external_service:disconnected")).service_id, "steady");
  });

  story("monitors are fed until they have enough", async ({ client, service }) => {
    const monitor = await client();
    const worker = await service("shown", echo, 3);
    worker.beat({ service_name: "shown service", status: "ready", active_tasks: 0, max_tasks: 3, tasks_completed: 7, tasks_failed: 1, uptime_seconds: 5 });
    monitor.socket.emit("monitor:subscribe", { types: ["all"] });
    const initial = await monitor.next("monitor:initial_metrics");
    assert.equal(initial.update_interval_seconds, 2);
    await monitor.next("monitor:subscribed");
    const shown = (metrics) => metrics.node_metrics.find((node) => node.node_id === "shown");
    const update = await monitor.next("monitor:metrics_update", (update) => shown(update.metrics ?? update)?.tasks_completed === 7);
    const metrics = update.metrics ?? update;
    assert.deepEqual([shown(metrics).max_tasks, shown(metrics).tasks_failed, metrics.cluster_metrics.external_service_nodes], [3, 1, 1]);
    assert.ok(!JSON.stringify(metrics).includes("null"), "numbers are numbers");
    monitor.socket.emit("monitor:get_metrics", { type: "all", history_minutes: 5 });
    const { current_metrics: current, historical_metrics: history } = await monitor.next("monitor:metrics_response");
    assert.ok(Array.isArray(history) && current.queue_metrics.total_queued === 0);
    monitor.socket.emit("monitor:unsubscribe", {});
    await monitor.next("monitor:unsubscribed");
    monitor.socket.emit("cluster:stats", { request_id: "r1" });
    const stats = await monitor.next("cluster:stats_response");
    assert.deepEqual([stats.request_id, stats.connected_clients, stats.external_services, stats.executor_nodes], ["r1", 2, 1, 0]);
  });

  story("a node says how it is, and gets nothing while it drains", async ({ house, client, service, submit }) => {
    const observer = await client();
    const worker = await service("tired", echo);
    worker.socket.emit("node:status", { node_id: "tired", status: "draining" });
    const change = await observer.next("node:status_change");
    assert.deepEqual([change.node_id, change.new_status], ["tired", "draining"]);
    const workflow = submit(observer, [wireTask("a")]);
    await observer.next("workflow:started");
    await sleep(200);
    assert.equal((await house.taskOf(workflow, "a")).status, "queued");
    worker.socket.emit("node:status", { node_id: "tired", status: "healthy" });
    assert.deepEqual((await observer.next("task:completed")).result, { echo: { step: "a" } });
  });

  story("an executor node does internal tasks", async ({ client, house, submit }) => {
    const observer = await client();
    const shout = ({ parameters }, { accept }) => (accept(), parameters.prompt.toUpperCase());
    const node = new BaseWorker(house, executorRegistration("e1"), shout, { transports });
    const registered = await observer.next("node:registered");
    assert.deepEqual([registered.node_id, registered.node_type, registered.capabilities.available_models], ["e1", "executor", ["tiny"]]);
    const usage = { cpu_usage: 12.5, memory_usage: 40, disk_usage: 1, network_io: {}, uptime_seconds: 1 };
    node.beat({ status: "healthy", active_tasks: 0, ...usage, task_metrics: { done: 3 } });
    const metrics = await observer.next("monitor:task_metrics");
    assert.deepEqual([metrics.node_id, metrics.task_metrics], ["e1", { done: 3 }]);
    const parameters = { prompt: "say {{a.result}}", model_name: "tiny" };
    submit(observer, [
      wireTask("a", { type: "text", parameters: { prompt: "hello", model_name: "tiny" } }),
      wireTask("b", { type: "text", parameters, dependencies: ["a"] }),
    ]);
    assert.equal((await observer.next("task:completed", (done) => done.task_id === "b")).result, "SAY HELLO");
    node.socket.disconnect();
    assert.equal((await observer.next("node:disconnected")).node_id, "e1");
  });
}
