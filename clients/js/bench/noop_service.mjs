// A service that does nothing, to measure how many tasks one node process takes: from a durable server, or from
// `gleitzeit conformance --null`, which stores nothing.
//
//   gleitzeit bench --service-command "node bench/noop_service.mjs"
//
//   gleitzeit conformance --null --listen 127.0.0.1:8000 &
//   node bench/noop_service.mjs
//
// The load generator sets the variables; the client itself reads GLEITZEIT_URL and GLEITZEIT_TOKEN. The measurement ends it.

import { ExternalServiceNode } from "../gleitzeit.js";

const { GLEITZEIT_SERVICE_NAME, GLEITZEIT_TASK_TYPE, GLEITZEIT_WINDOW } = process.env;

const node = new ExternalServiceNode(GLEITZEIT_SERVICE_NAME || "Nothing", {
  capabilities: ["custom_processing"],
  maxConcurrentTasks: Number(GLEITZEIT_WINDOW || 100),
});
node.handler(GLEITZEIT_TASK_TYPE || "custom_processing", (parameters) => parameters);
await node.run();
