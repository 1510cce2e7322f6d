// What the tests beside this file share.

import { Server, until } from "../../../tests/clients/node/server.mjs";
import { Client, ExternalServiceNode } from "../gleitzeit.js";

export { ownPort } from "../../../tests/clients/node/port.mjs";
export { Server, sleep, until } from "../../../tests/clients/node/server.mjs";

/** For tests that hang; none of them looks at a clock. */
export const LIMIT = { timeout: 600_000 };

/** Runs a story on a server of its own. Nodes that it leaves are stopped. */
export async function withServer(options, story) {
  const server = await new Server(options).start();
  const nodes = [];
  const client = new Client(server.url, { token: server.token });
  const node = (name, options = {}) => {
    const usual = { url: server.url, token: server.token, capabilities: ["custom_processing"], log: () => {} };
    const node = new ExternalServiceNode(name, { ...usual, ...options });
    nodes.push(node);
    return node;
  };
  try {
    return await story({ server, client, node, nodes });
  } finally {
    await Promise.all(nodes.map((node) => node.stop()));
    await server.close();
  }
}

/** A task for a service of the type `custom_processing`. */
export function task(name, more = {}) {
  const { input = { step: name }, service, ...rest } = more;
  const parameters = { external_task_type: "custom_processing", external_parameters: input };
  if (service) parameters.service_name = service;
  return { name, task_type: "external_custom", parameters, max_retries: 0, ...rest };
}

/** A promise and the function that ends it. */
export function gate() {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  return { opened, open };
}

export function statusOf(server, workflow, name, wanted) {
  const is = async () => (await server.taskOf(workflow, name)).status === wanted;
  return until(is, `${name} is ${wanted}`);
}
