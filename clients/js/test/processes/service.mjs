// A service in a process of its own; its tasks end when the file that their input names is there.

import { existsSync } from "node:fs";
import { ExternalServiceNode } from "../../gleitzeit.js";

const node = new ExternalServiceNode("process", { capabilities: ["custom_processing"], nodeId: process.argv[2] });
node.handler("custom_processing", async ({ file }, context) => {
  while (!existsSync(file)) await context.sleep(10);
  return { pid: process.pid, attempt: context.attempt };
});
node.addEventListener("registered", () => console.log("registered"));
await node.run({ drainMs: Number(process.argv[3] ?? 3_600_000) });
console.log("ended in order");
