// What `gleitzeit conformance` asks of a service, done with this client: `node conformance.mjs URL [capacity]`.

import { ExternalServiceNode, Fatal } from "../../gleitzeit.js";

const [url, capacity = "10"] = process.argv.slice(2);
const node = new ExternalServiceNode("JavaScript client", { url, capabilities: ["custom_processing"], maxConcurrentTasks: Number(capacity) });

const deeds = {
  echo: ({ value }) => value,
  sleep: ({ ms, value }, task) => task.sleep(ms).then(() => value),
  progress: ({ value }, task) => {
    task.progress(50, "half way");
    return value;
  },
  fail: ({ message, code, retryable }) => {
    throw retryable === false ? new Fatal(message, { code }) : new Error(message);
  },
  drain: () => {
    void node.drain();
    return null;
  },
};

node.handler("conformance", (input, task) => {
  const deed = deeds[input.do];
  if (!deed) throw new Error(`this is not known here: ${input.do}`);
  return deed(input, task);
});
await node.run();
