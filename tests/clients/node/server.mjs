// The real binary, in a folder of its own.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ownPort } from "./port.mjs";

const START_MS = 120_000;
// Of its own ports a process tries so many, in case somebody else listens there.
const PORTS = 16;
const WAIT_MS = 120_000;

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

export class Server {
  // `settings` is the text of its configuration file. With `keys` it has a first admin, whose key stands in for the token.
  constructor({ token, keys = false, settings = "" } = {}) {
    this.token = token;
    this.keyed = keys;
    this.settings = settings;
    this.folder = mkdtempSync(join(tmpdir(), "gleitzeit-node-"));
    this.port = ownPort();
    this.log = "";
  }

  // Starts the server, each time on the same port, so that clients find it again.
  async start() {
    for (let left = PORTS; ; left -= 1) {
      try {
        return await this.startAt(this.port);
      } catch (error) {
        // A server that has been there before has its port for itself.
        if (this.url || left === 1 || !/address already in use/i.test(error.message)) throw error;
        this.port = ownPort();
      }
    }
  }

  firstKey(binary) {
    const flags = ["auth", "init", "--data-dir", join(this.folder, "data")];
    return execFileSync(binary, flags, { stdio: ["ignore", "pipe", "ignore"] }).toString().trim();
  }

  async startAt(port) {
    const binary = process.env.GLEITZEIT_BIN;
    if (!binary) throw new Error("GLEITZEIT_BIN names no binary: run tests/run");
    const file = join(this.folder, "gleitzeit.toml");
    writeFileSync(file, this.settings);
    const flags = ["serve", "--port", String(port), "--data-dir", join(this.folder, "data"), "--config", file];
    const env = { ...process.env };
    if (this.keyed) this.token ??= this.firstKey(binary);
    else if (this.token) env.GLEITZEIT_TOKEN = this.token;
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
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`the server did not say that it listens: ${this.log}`)), START_MS);
    });
    const found = await Promise.race([listening, ended, late]);
    clearTimeout(timer);
    this.url = found[1];
    return this;
  }

  async end(signal) {
    const { exitCode, signalCode } = this.process;
    if (exitCode !== null || signalCode !== null) return { code: exitCode, ms: 0 };
    const exit = once(this.process, "exit");
    const begin = Date.now();
    this.process.kill(signal);
    const [code] = await exit;
    return { code, ms: Date.now() - begin };
  }

  async close() {
    const { code, ms } = await this.end("SIGTERM");
    rmSync(this.folder, { recursive: true, force: true });
    if (code !== 0) throw new Error(`SIGTERM: exit ${code}: ${this.log}`);
    if (this.log.includes("panicked at")) throw new Error(this.log);
    return ms;
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

  async taskOf(workflow, name) {
    const { body } = await this.rest("GET", `/workflows/${workflow}/tasks`);
    return body.items.find((task) => task.name === name);
  }

  async ended(workflow) {
    await until(async () => {
      const { body } = await this.rest("GET", `/workflows/${workflow}`);
      return ["completed", "failed", "cancelled"].includes(body.status);
    }, `the end of ${workflow}`);
    return (await this.rest("GET", `/workflows/${workflow}/results`)).body;
  }
}
