// How many no-op tasks one node process does in a second. No test: figures differ between machines.
//
//   node load.mjs [--url URL] [--tasks 100000] [--window 100]
//
// One workflow of so many tasks is submitted to the server at URL and worked off by one service with that capacity.
// The time runs from the start of the service, which finds all tasks waiting, to the last acknowledged result.

import { parseArgs } from "node:util";
import { Client, ExternalServiceNode, Workflow } from "gleitzeit";

const { values } = parseArgs({
  options: {
    url: { type: "string" },
    tasks: { type: "string", default: "100000" },
    window: { type: "string", default: "100" },
  },
});
const tasks = Number(values.tasks);
const workflow = new Workflow("load");
for (let index = 0; index < tasks; index += 1) {
  workflow.addExternalTask(`task ${index}`, { externalTaskType: "custom_processing", serviceName: "load", externalParameters: { index } });
}
const client = new Client(values.url);
const { id } = await client.submit(workflow);

const node = new ExternalServiceNode("load", { url: values.url, capabilities: ["custom_processing"], maxConcurrentTasks: Number(values.window) });
node.handler("custom_processing", () => null);
const begin = performance.now();
const cpu = process.cpuUsage();
await node.start();
while (node.status().completed < tasks || node.status().unacknowledged > 0) await new Promise((resolve) => setTimeout(resolve, 5));
const seconds = (performance.now() - begin) / 1_000;
const { user, system } = process.cpuUsage(cpu);
const { status, completed_tasks: completed } = await client.waitFor(id);
await node.stop();
if (status !== "completed" || completed !== tasks) throw new Error(`the workflow is ${status} with ${completed} results`);
const perTask = (user + system) / tasks;
console.log(`${tasks} tasks in ${seconds.toFixed(2)} s: ${Math.round(tasks / seconds)} tasks/s, ${perTask.toFixed(1)} us of CPU each`);
