// The real binary, real services on socket.io-client, a REST caller and a real browser for the tests beside this file.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { io } from 'socket.io-client';

/** Generous: a debug build on a loaded machine. */
const START_MS = 120_000;
const WAIT_MS = Number(process.env.GLEITZEIT_WAIT_MS ?? 120_000);
/** For a page to come to rest. */
const SETTLE_MS = 10_000;
const HERE = dirname(fileURLToPath(import.meta.url));
/** Pictures for people to look at. */
export const PICTURES = process.env.GLEITZEIT_PICTURES ?? join(HERE, '../../target/dashboard');
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function until(condition, what, ms = WAIT_MS) {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(30);
  }
}

/** Asks until the answer is right; what is wrong for good is told as it was found last. */
export async function settled(check, ms = SETTLE_MS) {
  const deadline = Date.now() + ms;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await sleep(100);
  }
}

export class House {
  /** @param {{token?: string, keys?: boolean, config?: string}} [how] a token, or a first admin with a key, and a configuration file */
  constructor({ token, keys = false, config } = {}) {
    this.token = token;
    /** What is shown to the server: the token, or the first admin's key. */
    this.key = token;
    this.keyed = keys;
    this.folder = mkdtempSync(join(tmpdir(), 'gleitzeit-browser-'));
    if (config) writeFileSync(join(this.folder, 'gleitzeit.toml'), config);
    this.port = 0;
    this.sockets = [];
    this.log = '';
  }

  /** Starts the server; after the first time on the same port, so that everybody finds it again. */
  async start() {
    const binary = process.env.GLEITZEIT_BIN;
    if (!binary) throw new Error('GLEITZEIT_BIN names no binary: run tests/run');
    if (this.keyed && this.key === undefined) this.key = this.firstKey(binary);
    const flags = ['serve', '--port', String(this.port), '--data-dir', join(this.folder, 'data')];
    const env = { ...process.env, XDG_CONFIG_HOME: '/nonexistent' };
    if (this.token) env.GLEITZEIT_TOKEN = this.token;
    this.process = spawn(binary, flags, { stdio: ['ignore', 'pipe', 'pipe'], env, cwd: this.folder });
    this.process.stderr.on('data', (data) => { this.log += data; });
    const lines = createInterface({ input: this.process.stdout });
    const listening = new Promise((resolve) => {
      lines.on('line', (line) => {
        const found = /gleitzeit listening on (http:\/\/127\.0\.0\.1:(\d+))/.exec(line);
        if (found) resolve(found);
      });
    });
    const ended = once(this.process, 'exit').then(([code]) => { throw new Error(`the server ended with ${code}: ${this.log}`); });
    ended.catch(() => {});
    let timer;
    const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`the server did not say that it listens: ${this.log}`)), START_MS); });
    const found = await Promise.race([listening, ended, late]);
    clearTimeout(timer);
    this.url = found[1];
    this.port = Number(found[2]);
    return this;
  }

  firstKey(binary) {
    const env = { ...process.env, XDG_CONFIG_HOME: '/nonexistent' };
    return execFileSync(binary, ['auth', 'init', '--data-dir', join(this.folder, 'data')], { env, cwd: this.folder, stdio: ['ignore', 'pipe', 'ignore'] }).toString().trim();
  }

  /** A key of the role for a user of the same, who is added where there is none. @param {string} role @param {any} [more] */
  async keyOf(role, more = {}) {
    const user = `some-${role}`;
    // The second time there is such a user already.
    await this.rest('POST', '/users', { name: user, role });
    const { status, body } = await this.rest('POST', '/keys', { user, name: `${role} key`, role, ...more });
    if (status !== 201) throw new Error(`${status} ${JSON.stringify(body)}`);
    return body;
  }

  async end(signal) {
    const exit = once(this.process, 'exit');
    this.process.kill(signal);
    await exit;
  }

  async close() {
    for (const socket of this.sockets) socket.disconnect();
    await this.end('SIGTERM');
    rmSync(this.folder, { recursive: true, force: true });
    if (this.log.includes('panicked at')) throw new Error(this.log);
  }

  async rest(method, path, body, key = this.key) {
    const headers = { accept: 'application/json', 'content-type': 'application/json' };
    if (key) headers.authorization = `Bearer ${key}`;
    const answer = await fetch(`${this.url}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
    return { status: answer.status, body: await answer.json() };
  }

  async submit(workflow) {
    const { status, body } = await this.rest('POST', '/workflows', workflow);
    if (status !== 201) throw new Error(`${status} ${JSON.stringify(body)}`);
    return body.id;
  }

  async read(path) {
    const { status, body } = await this.rest('GET', path);
    if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
    return body;
  }

  /** Waits until a workflow has this status. */
  async status(id, status) {
    return until(async () => ((await this.read(`/workflows/${id}`)).status === status), `${id} is ${status}`);
  }

  async taskOf(workflow, name) {
    const { items } = await this.read(`/workflows/${workflow}/tasks?limit=1000`);
    const found = items.find((task) => task.name === name);
    if (!found) throw new Error(`${workflow} has no ${name}`);
    return found;
  }

  /** A service as anybody would write it: it registers at every connection and answers what it is assigned. */
  async service(name, handler, { slots = 4, id = `${name}-node`, capabilities = ['custom_processing'], key = this.key } = {}) {
    const socket = io(`${this.url}/cluster`, { forceNew: true, reconnectionDelay: 200, reconnectionDelayMax: 500 });
    this.sockets.push(socket);
    const state = { socket, registrations: 0 };
    const registration = {
      node_id: id, name, node_type: 'external_service', capabilities: {
        task_types: ['external_custom', ...capabilities], max_concurrent_tasks: slots, external_service: true, service_capabilities: capabilities,
      },
    };
    socket.on('connected', () => socket.emit('authenticate', { token: key ?? 'demo_token', client_type: 'service' }));
    socket.on('authenticated', () => socket.emit('node:register', registration, (answer) => { state.registrations += answer.ok ? 1 : 0; }));
    socket.on('task:assign', async (assignment) => {
      const names = { task_id: assignment.task_id, workflow_id: assignment.workflow_id, attempt: assignment.attempt, node_id: id };
      // No answer to these is waited for: a connection that ends takes them along.
      socket.emit('task:accepted', names);
      const progress = (percent, message, data) => socket.emit('task:progress', { ...names, progress: percent, message, data });
      try {
        socket.emit('task:completed', { ...names, result: await handler(assignment, progress) });
      } catch (error) {
        socket.emit('task:failed', { ...names, error: error.message, retryable: error.retryable ?? false });
      }
    });
    await until(() => state.registrations > 0, `${name} is registered`);
    return state;
  }
}

/** A task for a service. */
export function task(name, dependencies = [], more = {}) {
  return { name, external: 'custom', service: 'Workshop', external_parameters: { step: name, ...more.values }, dependencies, max_retries: 0, ...more.task };
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds that keeps somebody out. Its program is put in from outside the page, past the page's policy. */
export async function serious(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('Runtime.evaluate', { expression: axe });
  const { result } = await session.send('Runtime.evaluate', { expression: 'axe.run(document).then((found) => JSON.stringify(found.violations))', awaitPromise: true, returnByValue: true });
  const violations = JSON.parse(result.value);
  return violations.filter(({ impact }) => ['serious', 'critical'].includes(impact))
    .map(({ id, nodes }) => ({ id, where: nodes.slice(0, 3).map((node) => `${node.target} ${node.any[0]?.message ?? ''}`) }));
}

/** Whatever is wider than the screen, and what lies upon one another on it. */
export const misfits = (page) => page.evaluate(() => {
  const inside = (element) => element.closest('.grid, .board, .tabs, .json, .editor, .attempts, .pre') !== null;
  const wide = [...document.querySelectorAll('body *')].filter((element) => !inside(element) && element.getClientRects().length > 0
    && element.getBoundingClientRect().right > innerWidth + 1 && getComputedStyle(element).position !== 'absolute').map((element) => `${element.tagName}.${element.className} ${element.textContent?.slice(0, 40)}`);
  const boxes = [...document.querySelectorAll('.screen > *')].filter((part) => getComputedStyle(part).position === 'static').map((part) => part.getBoundingClientRect());
  const upon = boxes.filter((box, at) => at > 0 && box.top < boxes[at - 1].bottom - 1).length;
  return { wide, upon };
});

let browser;

/** A fresh profile, and a page that notes whatever should not happen. */
export async function openPage({ dark = true, ...options } = {}) {
  browser ??= await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args: FLAGS });
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: dark ? 'dark' : 'light', reducedMotion: 'reduce', ...options });
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  context.setDefaultTimeout(WAIT_MS);
  const page = await context.newPage();
  const notes = { errors: [], foreign: [], violations: [] };
  page.on('pageerror', (error) => notes.errors.push(String(error.stack ?? error)));
  page.on('console', (message) => {
    if (message.type() !== 'error') return;
    const text = message.text();
    if (/Content Security Policy|Refused to/.test(text)) notes.violations.push(text);
    // A server that is away, and questions that are answered with no, are told by the browser, too.
    else if (!/ERR_CONNECTION|WebSocket connection|Failed to load resource/.test(text)) notes.errors.push(text);
  });
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (!['127.0.0.1', 'localhost'].includes(url.hostname) && !['data:', 'blob:'].includes(url.protocol)) notes.foreign.push(request.url());
  });
  return { page, context, notes };
}

export async function closeBrowser() {
  await browser?.close();
  browser = undefined;
}

export async function picture(page, name) {
  mkdirSync(PICTURES, { recursive: true });
  await page.screenshot({ path: join(PICTURES, `${name}.png`) });
}
