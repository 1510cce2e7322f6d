// Clients that speak the base protocol and nothing else: no acknowledgements, no attempt numbers, no extensions.

import { until } from "./server.mjs";

/** A connection that has authenticated, and all that it was told. */
export class BaseClient {
  constructor(house, { transports, type = "client", name } = {}) {
    this.inbox = [];
    this.connections = 0;
    this.socket = house.socket({ transports });
    this.socket.onAny((event, payload) => this.inbox.push([event, payload]));
    const hello = { token: "demo_token", client_type: type, service_name: name };
    this.socket.on("connected", () => this.socket.emit("authenticate", hello));
    this.socket.on("authenticated", () => (this.connections += 1));
  }

  async ready() {
    await until(() => this.connections > 0, "it is authenticated");
    return this;
  }

  /** The first payload of such an event, which has been told or will be, and is not given twice. */
  async next(event, matches = () => true) {
    const find = () => this.inbox.findIndex(([name, payload]) => name === event && matches(payload));
    await until(() => find() >= 0, `${event}; told were ${this.inbox.map(([name]) => name)}`);
    return this.inbox.splice(find(), 1)[0][1];
  }

  heard(event, matches = () => true) {
    return this.inbox.some(([name, payload]) => name === event && matches(payload));
  }
}

/** A worker of the earlier kind: it answers each assignment by its handler, and knows of no attempt. */
export class BaseWorker extends BaseClient {
  constructor(house, registration, handler, options = {}) {
    super(house, { ...options, type: "service", name: registration.name });
    this.registration = registration;
    this.assignments = [];
    this.cancels = [];
    this.handler = handler;
    this.socket.on("authenticated", () => this.socket.emit("node:register", registration));
    this.socket.on("task:assign", (task) => void this.work(task));
    this.socket.on("task:cancel", ({ task_id: id }) => {
      this.cancels.push(id);
      this.fail(this.assignments.find((task) => task.task_id === id), "Task cancelled");
    });
  }

  async work(task) {
    this.assignments.push(task);
    const names = this.names(task);
    try {
      const result = await this.handler(task, {
        accept: () => this.socket.emit("task:accepted", { task_id: task.task_id, node_id: names.node_id }),
        progress: (progress, message) => this.socket.emit("task:progress", { ...names, progress, message }),
        refuse: (error) => {
          throw new Error(error);
        },
      });
      if (!this.cancels.includes(task.task_id)) this.socket.emit("task:completed", { ...names, result });
    } catch (error) {
      this.fail(task, error.message);
    }
  }

  fail(task, error) {
    this.socket.emit("task:failed", { ...this.names(task), error });
  }

  names({ task_id, workflow_id }) {
    return { task_id, workflow_id, node_id: this.registration.node_id };
  }

  beat(more) {
    this.socket.emit("node:heartbeat", { node_id: this.registration.node_id, ...more });
  }
}

export function serviceRegistration(id, capacity = 10) {
  return {
    node_id: id,
    name: `${id} service`,
    node_type: "external_service",
    capabilities: {
      task_types: ["external_custom", "custom_processing"],
      max_concurrent_tasks: capacity,
      external_service: true,
      service_capabilities: ["custom_processing"],
    },
  };
}

export function executorRegistration(id) {
  const capabilities = { task_types: ["text"], available_models: ["tiny"], max_concurrent_tasks: 2, has_gpu: false, cpu_cores: 4, memory_gb: 8 };
  return { node_id: id, name: `${id} executor`, node_type: "executor", capabilities };
}

/** A task of `workflow:submit`: it has no name, and its id may be any text. */
export function wireTask(id, { dependencies = [], parameters, type = "external_custom" } = {}) {
  const usual = { external_task_type: "custom_processing", external_parameters: { step: id } };
  return { task_id: id, task_type: type, priority: "normal", parameters: parameters ?? usual, dependencies, timeout: 60 };
}
