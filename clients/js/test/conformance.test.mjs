// The binary plays the server and judges this client: with --null by speed alone, which no test looks at.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { LIMIT } from "./house.mjs";

const NOOP = fileURLToPath(new URL("../bench/noop_service.mjs", import.meta.url));
const SERVICE = fileURLToPath(new URL("processes/conformance.mjs", import.meta.url));

/** What the kit reports of the service, which it ends. */
async function judged(options, capacity) {
  const kit = spawn(process.env.GLEITZEIT_BIN, ["conformance", "--listen", "127.0.0.1:0", "--json", ...options]);
  let report = "";
  let told = "";
  kit.stdout.on("data", (data) => (report += data));
  const listening = new Promise((resolve, reject) => {
    createInterface({ input: kit.stderr }).on("line", (line) => {
      told += `${line}\n`;
      const found = /listening on (http:\S+);/.exec(line);
      if (found) resolve(found[1]);
    });
    kit.once("exit", (code) => reject(new Error(`the kit ended with ${code}: ${told}`)));
  });
  const service = spawn(process.execPath, [SERVICE, await listening, capacity], { stdio: "ignore" });
  const ended = once(service, "exit");
  const [code] = await once(kit, "close");
  assert.equal(code, 0, told + report);
  assert.deepEqual(await ended, [0, null], "the service left when it was told to");
  return JSON.parse(report);
}

test("tasks that do nothing, as fast as they come", LIMIT, async () => {
  const { completed, failed, refused, stray_reports: stray } = await judged(["--null", "--tasks", "5000"], "100");
  assert.deepEqual([completed, failed, refused, stray], [5_000, 0, 0, 0]);
});

test("tasks that do nothing, from a server that stores them", LIMIT, async (context) => {
  const help = execFileSync(process.env.GLEITZEIT_BIN, ["bench", "--help"], { encoding: "utf8" });
  if (!help.includes("--service-command")) return context.skip("this `gleitzeit` measures its own services only");
  const command = `'${process.execPath}' '${NOOP}'`;
  const options = ["bench", "--json", "--tasks", "300", "--services", "2", "--service-wait", "300", "--service-command", command];
  // Ends with an error unless every task has its own result, once.
  const { scenarios } = JSON.parse(execFileSync(process.env.GLEITZEIT_BIN, options, { encoding: "utf8" }));
  assert.deepEqual(scenarios.map(({ scenario, tasks, exactly_once: once }) => [scenario, tasks, once]), [["service", 300, true]]);
});

test("every rule of the protocol", LIMIT, async (context) => {
  const help = execFileSync(process.env.GLEITZEIT_BIN, ["conformance", "--help"], { encoding: "utf8" });
  if (!help.includes("--rule")) return context.skip("this `gleitzeit` has no rules to judge by");
  const { passed, rules, ...others } = await judged(["--patience", "120"], "10");
  const broken = rules.filter(({ outcome }) => outcome !== "passed");
  assert.deepEqual(broken, []);
  assert.deepEqual([others.failed, others.deviations, others.not_applicable], [0, 0, 0]);
  assert.ok(passed >= 30, `${passed} rules were looked at`);
});
