// The real binary, a socket.io-client and a REST caller for the tests beside this file.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const START_MS = 30_000;
const STOP_MS = 5_000;
const WAIT_MS = 30_000;

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function until(condition, what, ms = WAIT_MS) {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(20);
  }
}

export class House {
  constructor(token) {
    this.token = token;
    this.folder = mkdtempSync(join(tmpdir(), "gleitzeit-node-"));
    this.port = 0;
    this.sockets = [];
    this.log = "";
  }

  // Starts the server, after the first time on the same port, so that clients find it again.
  async start() {
    const binary = process.env.GLEITZEIT_BIN;
    if (!binary) throw new Error("GLEITZEIT_BIN names no binary: run tests/run");
    const flags = ["serve", "--port", String(this.port), "--data-dir", join(this.folder, "data")];
    const env = { ...process.env };
    if (this.token) env.GLEITZEIT_TOKEN = this.token;
    this.process = spawn(binary, flags, { stdio: ["ignore", "pipe", "pipe"], env });
    this.process.stderr.on("data", (data) => (this.log += data));
    const lines = createInterface({ input: this.process.stdout });
    const listening = new Promise((resolve) => {
      lines.on("line", (line) => {
        const found = /gleitzeit listening on (http:\/\/127\.0\.0\.1:(\d+))/.exec(line);
        if (found) resolve(found);
      });
    });
    const ended = once(this.process, "exit").then(([code]) => {
      throw new Error(`the server ended with ${code}: ${this.log}`);
    });
    ended.catch(() => {});
    const late = sleep(START_MS).then(() => {
      throw new Error(`the server did not say that it listens: ${this.log}`);
    });
    late.catch(() => {});
    const found = await Promise.race([listening, ended, late]);
    this.url = found[1];
    this.port = Number(found[2]);
    return this;
  }

  async end(signal) {
    const exit = once(this.process, "exit");
    const begin = Date.now();
    this.process.kill(signal);
    const [code] = await exit;
    return { code, ms: Date.now() - begin };
  }

  async close() {
    for (const socket of this.sockets) socket.disconnect();
    const { code, ms } = await this.end("SIGTERM");
    rmSync(this.folder, { recursive: true, force: true });
    if (code !== 0 || ms > STOP_MS) throw new Error(`SIGTERM: exit ${code} after ${ms} ms: ${this.log}`);
    if (this.log.includes("panicked at")) throw new Error(this.log);
  }

  socket(options = {}) {
    const socket = io(`${this.url}/cluster`, { forceNew: true, reconnectionDelay: 300, ...options });
    this.sockets.push(socket);
    return socket;
  }

  async rest(method, path, body) {
    const headers = { "content-type": "application/json" };
    if (this.token) headers.authorization = `Bearer ${this.token}`;
    const answer = await fetch(`${this.url}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
    return { status: answer.status, body: await answer.json() };
  }

  async submit(tasks) {
    const { status, body } = await this.rest("POST", "/workflows", { name: "node", tasks });
    if (status !== 201) throw new Error(`${status} ${JSON.stringify(body)}`);
    return body.id;
  }

  async ended(workflow) {
    await until(async () => {
      const { body } = await this.rest("GET", `/workflows/${workflow}`);
      return ["completed", "failed", "cancelled"].includes(body.status);
    }, `the end of ${workflow}`);
    return (await this.rest("GET", `/workflows/${workflow}/results`)).body;
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
    await socket.emitWithAck("task:accepted", names);
    try {
      const result = await handler(assignment, (progress) => socket.emit("task:progress", { ...names, progress, message: "" }));
      state.answer = await socket.emitWithAck("task:completed", { ...names, result });
    } catch (error) {
      state.answer = await socket.emitWithAck("task:failed", { ...names, error: error.message });
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
