// What the builders write, and that the server reads it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Workflow } from "../gleitzeit.js";
import { LIMIT, withServer } from "./house.mjs";

function everyBuilder() {
  const workflow = new Workflow("All", {
    id: "mine",
    description: "every kind",
    errorStrategy: "skip",
    maxParallelTasks: 4,
    timeoutSeconds: 7200.5,
    tags: ["x"],
    metadata: { maxSize: 1 },
  });
  workflow.addTextTask("Text", { id: "t1", prompt: "say {{Fn.result}}", model: "m", systemPrompt: "briefly", dependencies: ["Fn"] });
  workflow.addVisionTask("Vision", { prompt: "what?", imagePath: "a.png", model: "v", dependsOnSuccess: false });
  const fn = workflow.addPythonTask("Fn", { functionName: "fibonacci", args: [10], priority: "low" });
  workflow.addHttpTask("Http", { url: "http://h/", method: "POST", data: { aB: 1 }, allowStatus: [404], maxRetries: 0 });
  workflow.addFileTask("File", { operation: "read", sourcePath: "a.txt" });
  workflow.addExternalTask("Ext", { externalTaskType: "resize", externalParameters: { w: fn.at(3), all: fn }, dependencies: [fn] });
  const model = { serviceName: "S", operation: "train", modelParams: { maxDepth: 1 }, dataParams: [1] };
  workflow.addExternalMlTask("Ml", { ...model, tags: ["y"] });
  workflow.addExternalApiTask("Api", { serviceName: "S", endpoint: "/e", payload: {} });
  workflow.addExternalDatabaseTask("Db", {
    serviceName: "S",
    operation: "query",
    queryParams: { sql: "select 1" },
    retry: { maxAttempts: 4, strategy: "linear", baseDelaySeconds: 0.5, maxDelaySeconds: 60, jitter: 0.2 },
    requirements: { memoryMb: 100, nodeTags: ["a"] },
    metadata: { n: 1 },
  });
  return workflow;
}

test("the whole body", () => {
  assert.deepEqual(JSON.parse(JSON.stringify(everyBuilder())), {
    name: "All",
    id: "mine",
    description: "every kind",
    error_strategy: "skip",
    max_parallel_tasks: 4,
    timeout_seconds: 7200.5,
    tags: ["x"],
    metadata: { maxSize: 1 },
    tasks: [
      {
        id: "t1", name: "Text", task_type: "text", dependencies: ["Fn"],
        parameters: { prompt: "say {{Fn.result}}", model_name: "m", system_prompt: "briefly" },
      },
      {
        name: "Vision", task_type: "vision", dependencies: [], depends_on_success: false,
        parameters: { prompt: "what?", image_path: "a.png", model_name: "v" },
      },
      {
        name: "Fn", task_type: "function", dependencies: [], priority: "low",
        parameters: { function_name: "fibonacci", args: [10], kwargs: {} },
      },
      {
        name: "Http", task_type: "http", dependencies: [], max_retries: 0,
        parameters: { url: "http://h/", method: "POST", data: { aB: 1 }, allow_status: [404] },
      },
      { name: "File", task_type: "file", dependencies: [], parameters: { operation: "read", source_path: "a.txt" } },
      {
        name: "Ext", task_type: "external_custom", dependencies: ["Fn"], timeout_seconds: 1800,
        parameters: {
          external_task_type: "resize",
          external_parameters: { w: "{{Fn.result.3}}", all: "{{Fn.result}}" },
        },
      },
      {
        name: "Ml", task_type: "external_ml", dependencies: [], timeout_seconds: 3600, tags: ["y"],
        parameters: {
          external_task_type: "ml_training", service_name: "S",
          external_parameters: { operation: "train", model_params: { maxDepth: 1 }, data_params: [1] },
        },
      },
      {
        name: "Api", task_type: "external_api", dependencies: [], timeout_seconds: 300,
        parameters: {
          external_task_type: "api_integration", service_name: "S",
          external_parameters: { endpoint: "/e", method: "POST", payload: {} },
        },
      },
      {
        name: "Db", task_type: "external_database", dependencies: [], timeout_seconds: 600,
        parameters: {
          external_task_type: "database_operations", service_name: "S",
          external_parameters: { operation: "query", query_params: { sql: "select 1" } },
        },
        retry: { max_attempts: 4, strategy: "linear", base_delay: 0.5, max_delay: 60, jitter: 0.2 },
        requirements: { memory_mb: 100, node_tags: ["a"] },
        metadata: { n: 1 },
      },
    ],
  });
});

test("an option that means nothing is an error", () => {
  assert.throws(() => new Workflow("w", { strategy: "skip" }), /there is no option "strategy"; known are id, description/);
  const workflow = new Workflow("w");
  assert.throws(() => workflow.addHttpTask("h", { url: "http://h/", methode: "GET" }), /addHttpTask: .*"methode"/);
  assert.throws(() => workflow.addExternalMlTask("m", { operation: "train", model: 1 }), /addExternalMlTask: .*"model"/);
});

test("the server reads it", LIMIT, () =>
  withServer({}, async ({ client }) => {
    const { valid, name, total_tasks: counted, warnings } = await client.validate(everyBuilder());
    assert.deepEqual([valid, name, counted], [true, "All", 9]);
    assert.match(warnings.join(" "), /the model `m`/);
    const { id, total_tasks: total } = await client.submit(everyBuilder());
    assert.deepEqual([id, total], ["mine", 9]);
    const tasks = Object.fromEntries((await client.tasks(id)).items.map((task) => [task.name, task]));
    assert.equal(tasks.Ml.external_task_type, "ml_training");
    assert.equal(tasks.Ml.timeout_seconds, 3600);
    assert.equal(tasks.Db.max_attempts, 4);
    assert.deepEqual(tasks.Ext.dependencies, ["Fn"]);
    assert.equal((await client.workflow(id)).timeout_seconds, 7200.5);
  }));
