// The example of a browser tab as a worker, in a real browser.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { LIMIT, statusOf, task, until, withServer } from "../house.mjs";
import { PACKAGE, Project } from "../project.mjs";

const FOLDER = join(PACKAGE, "../../examples/browser-worker");
const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

let project, browser, profile, origin;
before(async () => {
  project = new Project();
  mkdirSync(join(project.folder, "browser-worker"));
  for (const name of readdirSync(FOLDER)) project.write(join("browser-worker", name), readFileSync(join(FOLDER, name), "utf8"));
  const serving = project.run("browser-worker/serve.mjs", { url: "" }, "0");
  await until(() => serving.said.length === 2 || serving.child.exitCode !== null, "the page is served");
  origin = /^open (.*)\/$/.exec(serving.said[0])?.[1];
  assert.equal(serving.said[1], `allowed_origins = ["${origin}"]`, serving.complaints);
  profile = mkdtempSync(join(tmpdir(), "gleitzeit-chromium-"));
  const executablePath = execFileSync("sh", ["-c", "command -v chromium"], { encoding: "utf8" }).trim();
  browser = await chromium.launchPersistentContext(profile, { executablePath, args: FLAGS, timeout: 0 });
  browser.setDefaultTimeout(0);
});
after(async () => {
  await browser?.close();
  await project?.close();
  if (profile) rmSync(profile, { recursive: true, force: true });
});

/** A tab that has been told to work, and what it complained of. */
async function tab(server, token) {
  const page = await browser.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(`${origin}/?server=${encodeURIComponent(server.url)}`);
  if (token) await page.fill("[name=token]", token);
  await page.click("[name=work]");
  const says = (words) => page.waitForFunction((words) => document.querySelector("[role=status]").textContent.includes(words), words);
  return { page, complaints, says };
}

/** Allows the page. Only what is handed back in order comes back at all. */
const settings = () => `allowed_origins = ["${origin}"]\n[limits]\ndisconnect_grace_seconds = 86400\nliveness_seconds = 86400\n`;

/** Takes some minutes if nobody ends it. */
const ENDLESS = { left: -0.6, top: -0.1, size: 0.2, pixels: 2_048, iterations: 100_000 };
const endless = (name) => {
  const { parameters, ...rest } = task(name, { input: ENDLESS, service: "Browser Worker" });
  return { ...rest, task_type: "external_processing", parameters: { ...parameters, external_task_type: "data_processing" } };
};

test("a tab computes the area of the Mandelbrot set", LIMIT, () =>
  withServer({ settings: settings() }, async ({ server }) => {
    const { page, complaints, says } = await tab(server);
    await says("registered");
    const submit = project.run("browser-worker/submit.mjs", server, "4", "64", "500");
    assert.equal(await submit.exit, 0, submit.complaints);
    const [, area] = /^completed: 16 tiles, area ([\d.]+)$/.exec(submit.said[0]);
    assert.ok(Math.abs(Number(area) - 1.50659) < 0.03, `the area is ${area}`);
    await says("16 completed");
    const drawn = await page.evaluate(() => {
      const { data } = document.querySelector("canvas").getContext("2d").getImageData(0, 0, 512, 512);
      return data.some((value) => value !== 0);
    });
    assert.ok(drawn, "the pieces are drawn");
    await page.click("[name=rest]");
    await says("stopped");
    await until(async () => !(await server.rest("GET", "/services/Browser Worker")).body.connected, "the server knows");
    assert.deepEqual(complaints, []);
    await page.close();
  }));

test("closing the tab hands its tasks to another tab at once", LIMIT, () =>
  withServer({ settings: settings() }, async ({ server, client }) => {
    const first = await tab(server);
    await first.says("registered");
    const workflow = await server.submit([endless("a")]);
    await statusOf(server, workflow, "a", "processing");
    const { id } = await server.taskOf(workflow, "a");
    await until(async () => (await client.task(id)).progress?.message.startsWith("row"), "progress is told");
    const second = await tab(server);
    await second.says("registered");
    await first.page.close();
    // Nothing but a goodbye hands tasks back here: a connection that breaks is waited for until tomorrow.
    await second.says("1 running");
    await statusOf(server, workflow, "a", "processing");
    assert.equal((await client.task(id)).attempt, 2);
    await client.cancelWorkflow(workflow);
    await second.says("1 cancelled");
    await second.says("0 running");
    assert.deepEqual([...first.complaints, ...second.complaints], []);
    await second.page.close();
  }));

test("a tab goes on over kill -9 of the server", LIMIT, () =>
  withServer({ settings: settings() }, async ({ server, client }) => {
    const { page, says } = await tab(server);
    await says("registered");
    await server.end("SIGKILL");
    await says("connecting");
    await server.start();
    await says("registered");
    const input = { ...ENDLESS, pixels: 8, iterations: 10 };
    const small = { ...endless("a"), parameters: { ...endless("a").parameters, external_parameters: input } };
    const { results } = await client.run({ name: "small", tasks: [small] });
    assert.deepEqual([results.a.computed_by, results.a.attempt], ["browser", 1]);
    await page.close();
  }));

test("a page that the server does not allow, and one with a wrong token, are told why", LIMIT, async () => {
  await withServer({}, async ({ server }) => {
    const { page, says } = await tab(server);
    await says("GZ4030");
    await says("allowed_origins");
    await page.close();
  });
  await withServer({ settings: settings(), token: "gzt_page" }, async ({ server }) => {
    const stranger = await tab(server, "gzt_other");
    await stranger.says("the server refused the key");
    await stranger.page.close();
    const guest = await tab(server, "gzt_page");
    await guest.says("registered");
    await guest.page.close();
  });
});
