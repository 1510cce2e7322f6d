// Executor nodes: internal types of tasks, done outside of the server.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ExecutorNode } from "../gleitzeit.js";
import { LIMIT, withServer } from "./house.mjs";

for (const transports of [["websocket"], ["polling"]]) {
  test(`functions of this process are tasks of workflows, over ${transports}`, LIMIT, () =>
    withServer({}, async ({ server, client, nodes }) => {
      const executor = new ExecutorNode("functions", { url: server.url, nodeId: "e1", transports, log: () => {} });
      nodes.push(executor);
      executor
        .function("add", (a, b) => a + b)
        .function("greet", async ({ name, word }) => `${word} ${name}`)
        .function("mixed", (first, { power }) => first ** power)
        .function("fail", () => {
          throw new Error("not today");
        });
      await executor.start();
      const of = (name, args, kwargs) => ({ name, task_type: "function", max_retries: 0, parameters: { function_name: name, args, kwargs } });
      const workflow = await server.submit([
        of("add", [1, 2]),
        { name: "short", function: "add", args: ["{{add.result}}", 4] },
        { name: "greet", function: "greet", kwargs: { name: "Ada", word: "Hello" } },
        of("mixed", [3], { power: 2 }),
        { name: "inside", function: "is_prime", args: [7] },
        of("fail"),
      ]);
      const { results, errors } = await server.ended(workflow);
      assert.deepEqual(results, { add: 3, short: 7, greet: "Hello Ada", mixed: 9, inside: true });
      assert.match(errors.fail.message, /not today/);
      const service = await client.service("e1");
      assert.deepEqual([service.node_type, service.name, service.connected], ["executor", "functions", true]);
      const { items } = await client.tasks(workflow);
      assert.deepEqual(items.map((task) => task.worker === "e1"), [true, true, true, true, false, false]);
    }));
}

test("a model that only an executor has", LIMIT, () =>
  withServer({}, async ({ server, nodes }) => {
    const executor = new ExecutorNode("model", { url: server.url, taskTypes: ["text"], facts: { models: ["tiny"], memoryMb: 2_048 }, log: () => {} });
    nodes.push(executor);
    await executor.handler("text", ({ prompt }, context) => {
      context.stream("said: ");
      return `said: ${prompt}`;
    }).start();
    const text = { name: "ask", prompt: "hello", model: "tiny", requirements: { required_models: ["tiny"], memory_mb: 1_024 } };
    assert.deepEqual((await server.ended(await server.submit([text]))).results, { ask: "said: hello" });
  }));
