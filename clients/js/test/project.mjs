// A project that has installed the package as a registry would give it, and nothing of this folder.

import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { until } from "./house.mjs";

export const PACKAGE = fileURLToPath(new URL("..", import.meta.url));

export class Project {
  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), "gleitzeit-project-"));
    this.children = [];
    const packed = execFileSync("npm", ["pack", "--json", "--pack-destination", this.folder], { cwd: PACKAGE });
    [this.packed] = JSON.parse(packed);
    const modules = join(this.folder, "node_modules");
    mkdirSync(join(modules, "gleitzeit"), { recursive: true });
    execFileSync("tar", ["-xzf", join(this.folder, this.packed.filename), "-C", join(modules, "gleitzeit"), "--strip-components=1"]);
    const others = readdirSync(join(PACKAGE, "node_modules")).filter((name) => !name.startsWith("."));
    for (const name of others) symlinkSync(join(PACKAGE, "node_modules", name), join(modules, name));
  }

  write(name, text) {
    const file = join(this.folder, name);
    writeFileSync(file, text);
    return file;
  }

  // Runs a script to its end, or until it is stopped; `said` holds its lines.
  run(name, server, ...args) {
    const env = { ...process.env, GLEITZEIT_URL: server.url };
    const child = spawn(process.execPath, [join(this.folder, name), ...args], { cwd: this.folder, env, stdio: ["ignore", "pipe", "pipe"] });
    const running = { child, said: [], complaints: "" };
    createInterface({ input: child.stdout }).on("line", (line) => running.said.push(line));
    child.stderr.on("data", (data) => (running.complaints += data));
    running.exit = new Promise((resolve) => child.once("close", resolve));
    this.children.push(running);
    return running;
  }

  async close() {
    for (const { child, exit } of this.children) {
      child.kill("SIGKILL");
      await exit;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function isConnected(server, name) {
  const is = async () => (await server.rest("GET", "/services")).body.items.some((service) => service.name === name && service.connected);
  return until(is, `${name} is connected`);
}
