// The real binary, a socket.io-client and services as anybody would write them, for the tests beside this file.

import { io } from "socket.io-client";
import { Server } from "./server.mjs";

export { sleep, until } from "./server.mjs";

export class House extends Server {
  constructor(token) {
    super({ token });
    this.sockets = [];
  }

  async close() {
    for (const socket of this.sockets) socket.disconnect();
    await super.close();
  }

  socket(options = {}) {
    const socket = io(`${this.url}/cluster`, { forceNew: true, reconnectionDelay: 300, ...options });
    this.sockets.push(socket);
    return socket;
  }
}

// A service as anybody would write it: it registers on every connection and answers what it is assigned.
export function service(house, name, handler, options = {}) {
  const socket = house.socket(options);
  const registration = {
    node_id: `${name}-node`,
    name,
    node_type: "external_service",
    capabilities: {
      task_types: ["external_custom", "custom_processing"],
      max_concurrent_tasks: 5,
      external_service: true,
      service_capabilities: ["custom_processing"],
    },
  };
  const state = { socket, registrations: 0, assignments: [], refusal: null };
  socket.on("connected", () => socket.emit("authenticate", { token: options.token ?? "demo_token", client_type: "service" }));
  socket.on("authentication_failed", (answer) => (state.refusal = answer.error));
  socket.on("authenticated", () => {
    socket.emit("node:register", registration, (answer) => {
      state.registrations += answer.ok ? 1 : 0;
    });
  });
  socket.on("task:assign", async (assignment) => {
    state.assignments.push(assignment);
    const { task_id, workflow_id, attempt } = assignment;
    const names = { task_id, workflow_id, attempt, node_id: registration.node_id };
    // No answer to these is waited for: a connection that ends takes them along.
    const send = (event, payload) => socket.emit(event, { ...names, ...payload }, (answer) => (state.answer = answer));
    socket.emit("task:accepted", names);
    try {
      const result = await handler(assignment, (progress) => socket.emit("task:progress", { ...names, progress, message: "" }));
      send("task:completed", { result });
    } catch (error) {
      send("task:failed", { error: error.message });
    }
  });
  return state;
}

export function task(name, ...dependencies) {
  return {
    name,
    task_type: "external_custom",
    parameters: { external_task_type: "custom_processing", external_parameters: { step: name } },
    dependencies,
    max_retries: 0,
  };
}
