// The JavaScript client of Gleitzeit, for node and for browsers, in one file that needs no build.
//
// `Client` submits and watches workflows over REST, `Workflow` puts them together, and `ExternalServiceNode` and
// `ExecutorNode` do the work of their tasks over Socket.IO. Types and explanations are in types/gleitzeit.d.ts.
//
// A node keeps its `nodeId` over reconnects and names its running attempts, so that the server neither loses nor
// doubles them. A result stays in the outbox until the server acknowledges it, which it does after the commit. Every
// report carries the number of its attempt, so sending one twice is harmless.

import { io } from "socket.io-client";

/** @import * as api from "./types/gleitzeit.js" */
/** @import { Socket } from "socket.io-client" */

export const VERSION = "0.1.0";

/** What this client needs of a server: acknowledgements and attempt numbers. */
const OLDEST_SERVER = "0.1.0";

const DEFAULT_URL = "http://127.0.0.1:8000";
const TOKEN_HINT = "pass { token }, or set GLEITZEIT_TOKEN";

/** @param {string} name */
function environment(name) {
  return typeof process === "object" ? process.env?.[name] || undefined : undefined;
}

// ---------------------------------------------------------------------------------------------------------- errors

/** @implements {api.GleitzeitError} */
export class GleitzeitError extends Error {
  /** @param {api.ErrorKind} kind @param {string} message @param {Partial<api.ErrorFacts>} [facts] */
  constructor(kind, message, facts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = "GleitzeitError";
    this.kind = kind;
    this.code = facts.code ?? null;
    this.status = facts.status ?? null;
    this.fix = facts.fix ?? null;
    this.retryable = facts.retryable ?? false;
    this.retryAfterMs = facts.retryAfterMs ?? null;
    this.problem = facts.problem ?? null;
  }
}

/** @implements {api.TaskError} */
export class TaskError extends Error {
  /** @type {boolean | null} */
  retryable = null;
  /** @type {number | null} */
  retryAfterMs = null;

  /** @param {string} message @param {api.TaskErrorOptions} [options] */
  constructor(message, { code, details, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code ?? null;
    this.details = details;
  }
}

/** @implements {api.Retryable} */
export class Retryable extends TaskError {
  /** @param {string} message @param {api.RetryableOptions} [options] */
  constructor(message, options = {}) {
    super(message, options);
    this.retryable = true;
    this.retryAfterMs = options.afterMs ?? null;
  }
}

/** @implements {api.Fatal} */
export class Fatal extends TaskError {
  /** @param {string} message @param {api.TaskErrorOptions} [options] */
  constructor(message, options = {}) {
    super(message, options);
    this.retryable = false;
  }
}

/** An error may be the cause of another one, which may be its own. */
const CAUSES_MAX = 8;

/** What was thrown, with its causes, in one line. @param {unknown} thrown */
function describe(thrown) {
  /** @type {string[]} */
  const parts = [];
  for (let error = thrown; error !== undefined && error !== null && parts.length < CAUSES_MAX; ) {
    const { message, code, cause } = /** @type {{message?: unknown, code?: unknown, cause?: unknown}} */ (Object(error));
    const text = error instanceof Error ? String(message || code || error.name) : String(error);
    if (!parts.some((part) => part.includes(text))) parts.push(text);
    error = error instanceof Error ? cause : undefined;
  }
  return parts.join(": ") || "no reason was given";
}

// -------------------------------------------------------------------------------------------------------- workflows

/** @param {string} name */
const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** @param {Record<string, unknown>} object @returns {Record<string, unknown>} */
const given = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined && value !== null));

/** @param {object | undefined} object @returns {Record<string, unknown> | undefined} */
function renamed(object) {
  return object && given(Object.fromEntries(Object.entries(object).map(([key, value]) => [snake(key), value])));
}

const WORKFLOW_OPTIONS = ["id", "description", "version", "errorStrategy", "maxParallelTasks", "timeoutSeconds", "tags", "metadata", "traceparent"];
const TASK_OPTIONS = ["id", "dependencies", "dependsOnSuccess", "priority", "maxRetries", "retry", "timeoutSeconds", "queueTimeoutSeconds", "requirements", "tags", "metadata"];

/** A key that means nothing would be dropped in silence. @param {string} where @param {object} options @param {string[]} known */
function checkOptions(where, options, known) {
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown !== undefined) throw new TypeError(`${where}: there is no option "${unknown}"; known are ${known.join(", ")}`);
}

/** @implements {api.TaskHandle} */
export class TaskHandle {
  /** @param {string} name */
  constructor(name) {
    this.name = name;
  }

  get result() {
    return `{{${this.name}.result}}`;
  }

  /** @param {...(string | number)} path */
  at(...path) {
    return `{{${[this.name, "result", ...path].join(".")}}}`;
  }

  toJSON() {
    return this.result;
  }

  toString() {
    return this.result;
  }
}

/** What each builder takes beside the options of every task; the wire name stands behind the colon where it differs. */
const TEXT = ["prompt", "messages", "systemPrompt", "model:model_name", "temperature", "maxTokens", "endpointTags", "pull"];
const PARAMETERS = {
  text: TEXT,
  vision: [...TEXT, "imagePath", "imageUrl", "base64"],
  function: ["functionName", "args", "kwargs"],
  http: ["url", "method", "headers", "query", "data", "form", "body", "bodyBase64", "allowStatus", "redirects", "maxBytes", "response"],
  file: ["operation", "sourcePath", "targetPath", "content", "encoding"],
  external: ["externalTaskType", "serviceName", "externalParameters", "serviceUrl", "callbackUrl", "webhookToken"],
  externalMl: ["serviceName", "operation", "modelParams", "dataParams"],
  externalApi: ["serviceName", "endpoint", "method", "payload", "headers"],
  externalDatabase: ["serviceName", "operation", "queryParams"],
};

/** @type {Record<string, string>} */
const TYPE_OF_EXTERNAL = {
  ml_training: "external_ml",
  ml_inference: "external_ml",
  data_processing: "external_processing",
  api_integration: "external_api",
  database_operations: "external_database",
  webhook_handling: "external_webhook",
};

/** @implements {api.Workflow} */
export class Workflow {
  /** @type {Record<string, unknown>} */
  #head;
  /** @type {Record<string, unknown>[]} */
  #tasks = [];

  /** @param {string} name @param {api.WorkflowOptions} [options] */
  constructor(name, options = {}) {
    checkOptions("Workflow", options, WORKFLOW_OPTIONS);
    this.name = name;
    this.#head = { name, ...renamed(options) };
  }

  /** @param {string} name @param {api.TextTask} options */
  addTextTask(name, options) {
    return this.#add("addTextTask", name, "text", PARAMETERS.text, options);
  }

  /** @param {string} name @param {api.VisionTask} options */
  addVisionTask(name, options) {
    return this.#add("addVisionTask", name, "vision", PARAMETERS.vision, options);
  }

  /** @param {string} name @param {api.FunctionTask} options */
  addPythonTask(name, options) {
    return this.addFunctionTask(name, options);
  }

  /** @param {string} name @param {api.FunctionTask} options */
  addFunctionTask(name, options) {
    return this.#add("addFunctionTask", name, "function", PARAMETERS.function, { args: [], kwargs: {}, ...options });
  }

  /** @param {string} name @param {api.HttpTask} options */
  addHttpTask(name, options) {
    return this.#add("addHttpTask", name, "http", PARAMETERS.http, { method: "GET", ...options });
  }

  /** @param {string} name @param {api.FileTask} options */
  addFileTask(name, options) {
    return this.#add("addFileTask", name, "file", PARAMETERS.file, options);
  }

  /** @param {string} name @param {api.ExternalTask} options */
  addExternalTask(name, options) {
    const type = TYPE_OF_EXTERNAL[options.externalTaskType] ?? "external_custom";
    return this.#add("addExternalTask", name, type, PARAMETERS.external, { timeoutSeconds: 1800, ...options });
  }

  /** @param {string} name @param {api.ExternalMlTask} options */
  addExternalMlTask(name, options) {
    const type = options.operation === "train" ? "ml_training" : "ml_inference";
    return this.#addExternal("addExternalMlTask", name, type, PARAMETERS.externalMl, { timeoutSeconds: 3600, ...options });
  }

  /** @param {string} name @param {api.ExternalApiTask} options */
  addExternalApiTask(name, options) {
    const usual = { method: "POST", timeoutSeconds: 300 };
    return this.#addExternal("addExternalApiTask", name, "api_integration", PARAMETERS.externalApi, { ...usual, ...options });
  }

  /** @param {string} name @param {api.ExternalDatabaseTask} options */
  addExternalDatabaseTask(name, options) {
    const type = "database_operations";
    return this.#addExternal("addExternalDatabaseTask", name, type, PARAMETERS.externalDatabase, { timeoutSeconds: 600, ...options });
  }

  toJSON() {
    return { ...this.#head, tasks: this.#tasks };
  }

  /** @param {string} where @param {string} name @param {string} externalType @param {string[]} known @param {object} options */
  #addExternal(where, name, externalType, known, options) {
    checkOptions(where, options, [...known, ...TASK_OPTIONS]);
    const { serviceName, ...rest } = /** @type {Record<string, unknown>} */ (options);
    const own = known.filter((key) => key !== "serviceName" && rest[key] !== undefined && rest[key] !== null);
    const externalParameters = Object.fromEntries(own.map((key) => [snake(key), rest[key]]));
    const common = Object.fromEntries(TASK_OPTIONS.map((key) => [key, rest[key]]));
    const type = /** @type {string} */ (TYPE_OF_EXTERNAL[externalType]);
    const parameters = { externalTaskType: externalType, serviceName, externalParameters };
    return this.#add(where, name, type, PARAMETERS.external, { ...parameters, ...common });
  }

  /** @param {string} where @param {string} name @param {string} type @param {string[]} known @param {object} options */
  #add(where, name, type, known, options) {
    const all = /** @type {Record<string, any>} */ (options);
    const keys = known.map((entry) => /** @type {string} */ (entry.split(":")[0]));
    checkOptions(where, given(all), [...keys, ...TASK_OPTIONS]);
    const parameters = known.map((entry, index) => [entry.split(":")[1] ?? snake(entry), all[/** @type {string} */ (keys[index])]]);
    const { retry, requirements, dependencies = [] } = all;
    const common = renamed(Object.fromEntries(TASK_OPTIONS.map((key) => [key, all[key]])));
    this.#tasks.push({
      name,
      task_type: type,
      parameters: given(Object.fromEntries(parameters)),
      ...common,
      dependencies: dependencies.map((/** @type {string | TaskHandle} */ on) => (typeof on === "string" ? on : on.name)),
      ...given({ retry: renamed(retry && withoutUnits(retry)), requirements: renamed(requirements) }),
    });
    return new TaskHandle(name);
  }
}

/** The server's delays are in seconds and do not say so. @param {Record<string, unknown>} retry */
function withoutUnits({ baseDelaySeconds, maxDelaySeconds, ...rest }) {
  return { ...rest, baseDelay: baseDelaySeconds, maxDelay: maxDelaySeconds };
}

// ------------------------------------------------------------------------------------------------------------- REST

/** Above the longest commit by far; calls that wait for a workflow add their own time. */
const REQUEST_TIMEOUT_MS = 60_000;
/** A request that may be repeated is tried this often in all. */
const REQUEST_ATTEMPTS = 4;
/** The delay before the second attempt; it doubles. A server that asks for a longer pause than the cap is left to the caller. */
const REQUEST_RETRY_MS = 200;
const REQUEST_RETRY_CAP_MS = 5_000;
/** A short workflow is noticed soon, and a long one costs the server one cheap request a second. */
const FIRST_POLL_MS = 10;
const LONGEST_POLL_MS = 1_000;
/** How much of an answer that is not understood goes into a message. */
const SHOWN_CHARS = 200;
/** An event of the feed that grows beyond this is not one of ours. */
const FEED_EVENT_CHARS_MAX = 16 * 1024 * 1024;

/** @param {number} ms @param {AbortSignal} [signal] @returns {Promise<void>} */
function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = setTimeout(done, ms);
    function done() {
      signal?.removeEventListener("abort", abort);
      resolve();
    }
    function abort() {
      clearTimeout(timer);
      reject(signal?.reason);
    }
    signal?.addEventListener("abort", abort, { once: true });
  });
}

/** `crypto.randomUUID` is missing where a page came over plain HTTP. */
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (Number(bytes[6]) & 0x0f) | 0x40;
  bytes[8] = (Number(bytes[8]) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** @param {string | undefined} url @param {string} whose */
function parseUrl(url, whose) {
  const text = url ?? environment("GLEITZEIT_URL") ?? DEFAULT_URL;
  const parsed = URL.canParse(text) ? new URL(text) : null;
  if (parsed && /^https?:$/.test(parsed.protocol)) return parsed;
  throw new GleitzeitError("config", `${whose}: "${text}" is no address of a server; write it as http://host:port`);
}

/** @param {string} url @param {unknown} cause */
function unreachable(url, cause) {
  const fix = "start a server with `gleitzeit serve`, or check the address and port";
  const message = `cannot reach ${url}: ${describe(cause)}; ${fix}`;
  return new GleitzeitError("unreachable", message, { cause, fix, retryable: true });
}

/** @implements {api.Client} */
export class Client {
  #base;
  #token;
  #timeoutMs;
  #fetch;

  /** @param {string} [url] @param {api.ClientOptions} [options] */
  constructor(url, { token, timeoutMs = REQUEST_TIMEOUT_MS, fetch = globalThis.fetch } = {}) {
    this.#base = parseUrl(url, "Client").href.replace(/\/$/, "");
    this.#token = token ?? environment("GLEITZEIT_TOKEN");
    this.#timeoutMs = timeoutMs;
    this.#fetch = fetch;
  }

  get url() {
    return this.#base;
  }

  /** @param {unknown} workflow @param {api.SubmitOptions} [options] */
  async submit(workflow, options) {
    return this.#submit(requestJson(workflow, "the workflow"), "application/json", options);
  }

  /** @param {string} text @param {api.SubmitOptions} [options] */
  submitYaml(text, options) {
    return this.#submit(text, "application/yaml", options);
  }

  /** @param {string} body @param {string} type @param {api.SubmitOptions} [options] */
  #submit(body, type, { idempotencyKey = uuid(), waitSeconds, signal } = {}) {
    /** @type {Record<string, string>} */
    const headers = { "content-type": type, "idempotency-key": idempotencyKey };
    if (waitSeconds !== undefined) headers.prefer = `wait=${Math.floor(waitSeconds)}`;
    const patienceMs = (waitSeconds ?? 0) * 1_000;
    return this.#call("POST", ["workflows"], { body, headers, repeatable: true, patienceMs, signal });
  }

  /** @param {unknown} workflow */
  async validate(workflow) {
    return this.#call("POST", ["validate"], { body: requestJson(workflow, "the workflow"), repeatable: true });
  }

  /** @param {string} text */
  validateYaml(text) {
    return this.#call("POST", ["validate"], { body: text, headers: { "content-type": "application/yaml" }, repeatable: true });
  }

  /** @param {unknown} workflow @param {api.RunOptions} [options] */
  async run(workflow, { idempotencyKey, timeoutMs, signal } = {}) {
    const { id } = await this.submit(workflow, { idempotencyKey, signal });
    return this.waitFor(id, { timeoutMs, signal });
  }

  /** @param {string} id @param {api.WaitOptions} [options] */
  async waitFor(id, { timeoutMs = Infinity, signal } = {}) {
    const deadline = performance.now() + timeoutMs;
    for (let pause = FIRST_POLL_MS; ; pause = Math.min(pause * 1.5, LONGEST_POLL_MS)) {
      try {
        const { status } = await this.workflow(id);
        if (status === "completed" || status === "failed" || status === "cancelled") return await this.results(id);
      } catch (error) {
        if (!(error instanceof GleitzeitError && error.retryable)) throw error;
      }
      signal?.throwIfAborted();
      const left = deadline - performance.now();
      if (left <= 0) {
        const message = `workflow ${id} has not ended within ${timeoutMs} ms; it goes on, ask again later`;
        throw new GleitzeitError("timeout", message, { retryable: true });
      }
      await sleep(Math.min(pause, left), signal);
    }
  }

  /** @param {api.WorkflowFilter} [filter] */
  workflows(filter = {}) {
    return this.#call("GET", ["workflows"], { query: conditions(filter) });
  }

  /** @param {string} id */
  workflow(id) {
    return this.#call("GET", ["workflows", id]);
  }

  /** @param {string} id @param {api.TaskFilter} [filter] */
  tasks(id, filter = {}) {
    return this.#call("GET", ["workflows", id, "tasks"], { query: conditions(filter) });
  }

  /** @param {string} id */
  results(id) {
    return this.#call("GET", ["workflows", id, "results"]);
  }

  /** @param {string} id @param {api.EventFilter} [filter] */
  workflowEvents(id, filter = {}) {
    return this.#call("GET", ["workflows", id, "events"], { query: conditions(filter) });
  }

  /** @param {string} id */
  cancelWorkflow(id) {
    return this.#call("POST", ["workflows", id, "cancel"]);
  }

  /** @param {string} id */
  pauseWorkflow(id) {
    return this.#call("POST", ["workflows", id, "pause"]);
  }

  /** @param {string} id */
  resumeWorkflow(id) {
    return this.#call("POST", ["workflows", id, "resume"]);
  }

  /** @param {string} id @param {api.RetryOptions} [options] */
  retryWorkflow(id, options = {}) {
    return this.#act(["workflows", id, "retry"], options);
  }

  /** @param {string} id */
  task(id) {
    return this.#call("GET", ["tasks", id]);
  }

  /** @param {string} id */
  why(id) {
    return this.#call("GET", ["tasks", id, "why"]);
  }

  /** @param {string} id */
  cancelTask(id) {
    return this.#call("POST", ["tasks", id, "cancel"]);
  }

  /** @param {string} id @param {api.RetryOptions} [options] */
  retryTask(id, options = {}) {
    return this.#act(["tasks", id, "retry"], options);
  }

  /** @param {string} id @param {unknown} result @param {api.Note} [note] */
  completeTask(id, result, note = {}) {
    return this.#act(["tasks", id, "complete"], { result: result ?? null, ...note });
  }

  /** @param {string} id @param {api.FailureByHand} failure */
  failTask(id, { retryAfterMs, ...failure }) {
    return this.#act(["tasks", id, "fail"], { ...failure, retry_after_ms: retryAfterMs });
  }

  /** @param {string} id @param {api.SkipOptions} [options] */
  skipTask(id, options = {}) {
    return this.#act(["tasks", id, "skip"], options);
  }

  /** @param {api.DeadLetterFilter} [filter] */
  deadLetters(filter = {}) {
    return this.#call("GET", ["dead-letters"], { query: conditions(filter) });
  }

  /** @param {api.Bulk} bulk */
  retryTasks(bulk) {
    return this.#bulk(["tasks", "retry"], bulk);
  }

  /** @param {api.Bulk} bulk */
  cancelWorkflows(bulk) {
    return this.#bulk(["workflows", "cancel"], bulk);
  }

  /** @param {api.Bulk} bulk */
  retryWorkflows(bulk) {
    return this.#bulk(["workflows", "retry"], bulk);
  }

  /** @param {api.PageRequest} [page] */
  services(page = {}) {
    return this.#call("GET", ["services"], { query: conditions(page) });
  }

  /** @param {string} id */
  service(id) {
    return this.#call("GET", ["services", id]);
  }

  /** @param {string} id */
  drainService(id) {
    return this.#call("POST", ["services", id, "drain"]);
  }

  /** @param {string} id */
  resumeService(id) {
    return this.#call("POST", ["services", id, "resume"]);
  }

  webhooks() {
    return this.#call("GET", ["webhooks"]);
  }

  /** @param {string} id */
  webhook(id) {
    return this.#call("GET", ["webhooks", id]);
  }

  /** @param {api.NewWebhook} webhook */
  addWebhook(webhook) {
    return this.#act(["webhooks"], webhook);
  }

  /** @param {string} id */
  removeWebhook(id) {
    return this.#call("DELETE", ["webhooks", id]);
  }

  /** @param {string} id */
  pauseWebhook(id) {
    return this.#call("POST", ["webhooks", id, "pause"]);
  }

  /** @param {string} id @param {{from?: "cursor" | "now"}} [options] */
  resumeWebhook(id, { from = "cursor" } = {}) {
    return this.#act(["webhooks", id, "resume"], { from });
  }

  /** @param {string} id */
  testWebhook(id) {
    return this.#call("POST", ["webhooks", id, "test"]);
  }

  /** @param {string} id @param {api.PageRequest} [page] */
  deliveries(id, page = {}) {
    return this.#call("GET", ["webhooks", id, "deliveries"], { query: conditions(page) });
  }

  /** @param {string} id @param {string} delivery */
  redeliver(id, delivery) {
    return this.#call("POST", ["webhooks", id, "deliveries", delivery, "redeliver"]);
  }

  /** @param {string} [search] */
  functions(search) {
    return this.#call("GET", ["functions"], { query: conditions({ q: search }) });
  }

  stats() {
    return this.#call("GET", ["stats"]);
  }

  /** One that is not well answers as well. */
  async health() {
    return parsed(await this.#send("GET", `${this.#base}/health`, {}));
  }

  async isReady() {
    try {
      return (await this.#send("GET", `${this.#base}/readyz`, {})).ok;
    } catch {
      return false;
    }
  }

  /** @param {{services?: boolean}} [options] */
  async shutdown({ services = false } = {}) {
    await this.#call("POST", ["shutdown"], { body: JSON.stringify({ services }), ignoreAnswer: true });
  }

  /** @param {api.FeedFilter} [filter] @returns {AsyncGenerator<api.FeedEvent, void, undefined>} */
  async *events({ since, workflow, signal } = {}) {
    const url = `${this.#url(["events"])}${search(conditions({ since, workflow }))}`;
    const response = await this.#open("GET", url, { headers: { accept: "text/event-stream" } }, signal);
    if (!response.ok || !response.body) throw refusal({ ...facts(response), text: await response.text() });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    try {
      for (let text = "", data = ""; ; ) {
        const { value, done } = await reader.read().catch((error) => {
          throw signal?.aborted ? signal.reason : unreachable(url, error);
        });
        if (done) return;
        text += value;
        const lines = text.split("\n");
        text = /** @type {string} */ (lines.pop());
        for (const line of lines) {
          if (line.startsWith("data:")) data += line.slice(5);
          else if (line.trim() === "" && data !== "") {
            yield JSON.parse(data);
            data = "";
          }
        }
        if (text.length + data.length > FEED_EVENT_CHARS_MAX) throw unexpected(url, 200, "an event of more than 16 MiB");
      }
    } finally {
      reader.cancel().catch(() => {});
    }
  }

  /** @param {string[]} segments @param {object} body */
  async #act(segments, body) {
    return this.#call("POST", segments, { body: requestJson(body, "the request") });
  }

  /** @param {string[]} segments @param {api.Bulk} bulk */
  #bulk(segments, { dryRun = false, ...rest }) {
    return this.#act(segments, { ...rest, dry_run: dryRun });
  }

  /** @param {string[]} segments */
  #url(segments) {
    return `${this.#base}/api/v1/${segments.map(encodeURIComponent).join("/")}`;
  }

  /**
   * @param {"GET" | "POST" | "DELETE"} method @param {string[]} segments
   * @param {{body?: string, headers?: Record<string, string>, query?: URLSearchParams, repeatable?: boolean,
   *   patienceMs?: number, signal?: AbortSignal, ignoreAnswer?: boolean}} [options]
   * @returns {Promise<any>}
   */
  async #call(method, segments, { query, repeatable = method === "GET", ignoreAnswer = false, ...options } = {}) {
    const url = `${this.#url(segments)}${search(query)}`;
    for (let attempt = 1, usual = REQUEST_RETRY_MS; ; attempt += 1, usual *= 2) {
      try {
        const answer = await this.#send(method, url, options);
        if (!answer.ok) throw refusal(answer);
        return ignoreAnswer ? undefined : parsed(answer);
      } catch (error) {
        const again = repeatable && attempt < REQUEST_ATTEMPTS && error instanceof GleitzeitError && error.retryable;
        const delay = again ? (error.retryAfterMs ?? usual) : Infinity;
        if (delay > REQUEST_RETRY_CAP_MS) throw error;
        await sleep(delay, options.signal);
      }
    }
  }

  /**
   * Sends once, and reads whatever comes back, within the time that a request may take.
   * @param {string} method @param {string} url
   * @param {{body?: string, headers?: Record<string, string>, patienceMs?: number, signal?: AbortSignal}} options
   * @returns {Promise<Answer>}
   */
  async #send(method, url, { patienceMs = 0, signal, ...request }) {
    const limit = new AbortController();
    const abort = () => limit.abort(signal?.reason);
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
    const limitMs = this.#timeoutMs + patienceMs;
    const timer = setTimeout(() => limit.abort(new Error(`no answer within ${limitMs} ms`)), limitMs);
    try {
      const response = await this.#open(method, url, request, limit.signal);
      return { ...facts(response), text: await response.text() };
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw error instanceof GleitzeitError ? error : unreachable(url, error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  /**
   * @param {string} method @param {string} url @param {{body?: string, headers?: Record<string, string>}} request
   * @param {AbortSignal} [signal]
   */
  async #open(method, url, { body, headers }, signal) {
    /** @type {Record<string, string>} */
    const usual = body === undefined ? {} : { "content-type": "application/json" };
    if (this.#token !== undefined) usual.authorization = `Bearer ${this.#token}`;
    // Called as a plain function: a browser's fetch refuses to be a method of anything else.
    const send = this.#fetch;
    try {
      return await send(url, { method, body, headers: { ...usual, ...headers }, signal });
    } catch (error) {
      throw signal?.aborted ? signal.reason : unreachable(url, error);
    }
  }
}

/** @typedef {{ok: boolean, status: number, url: string, retryAfter: string | null, text: string}} Answer */

/** @param {Response} response */
function facts({ ok, status, url, headers }) {
  return { ok, status, url, retryAfter: headers.get("retry-after") };
}

/** @param {Answer} answer */
function parsed({ text, url, status }) {
  try {
    return JSON.parse(text);
  } catch {
    throw unexpected(url, status, text);
  }
}

/** Lists stand for several values of one condition; a metadata member becomes a condition of its own. @param {object} filter */
function conditions(filter) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(filter)) {
    if (key === "metadata") {
      for (const [member, wanted] of Object.entries(value ?? {})) query.append(`metadata.${member}`, String(wanted));
    } else if (value !== undefined && value !== null) {
      for (const one of Array.isArray(value) ? value : [value]) query.append(snake(key), String(one));
    }
  }
  return query;
}

/** @param {URLSearchParams} [query] */
function search(query) {
  const text = query?.toString();
  return text ? `?${text}` : "";
}

/** @param {Answer} answer */
function refusal({ text, url, status, retryAfter }) {
  let problem;
  try {
    problem = JSON.parse(text);
  } catch {
    return unexpected(url, status, text);
  }
  if (typeof problem?.code !== "string") return unexpected(url, status, text);
  const { code, title, detail, fix } = problem;
  // What proxies say; the server itself is exact in the body.
  const seconds = Number.parseInt(retryAfter ?? "", 10);
  const retryAfterMs = problem.retry_after_ms ?? (Number.isNaN(seconds) ? null : seconds * 1_000);
  const hint = status === 401 ? `; ${TOKEN_HINT}` : "";
  const message = `error[${code}]: ${title}${detail ? `: ${detail}` : ""}${fix ? ` (${fix})` : ""}${hint}`;
  const retryable = [429, 502, 503, 504].includes(status);
  return new GleitzeitError("refused", message, { code, status, fix, retryable, retryAfterMs, problem });
}

/** @param {string} url @param {number} status @param {string} body */
function unexpected(url, status, body) {
  const shown = body.slice(0, SHOWN_CHARS);
  const message = `${url} answered with ${status} and not as a Gleitzeit server of version ${OLDEST_SERVER} or later does: ${shown}`;
  return new GleitzeitError("unexpected", message, { status, retryable: status >= 502 && status <= 504 });
}

// ------------------------------------------------------------------------------------------- Socket.IO, as text

/** The payload of an event that is JSON already. */
class Encoded {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
  }
}

/** @typedef {{type: number, nsp: string, id?: number, data?: any}} Packet */

/** Packets as text. The usual encoder looks through each payload for binary data, which the server does not take. */
class Encoder {
  /** @param {Packet} packet @returns {[string]} */
  encode({ type, nsp, id, data }) {
    const head = `${type}${nsp === "/" ? "" : `${nsp},`}${id ?? ""}`;
    if (data?.[1] instanceof Encoded) return [`${head}["${data[0]}",${data[1].text}]`];
    return [data === undefined ? head : head + JSON.stringify(data)];
  }
}

/** The other direction. It has one listener, the manager of the connection. */
class Decoder {
  /** @type {((packet: Packet) => void) | null} */
  #listener = null;

  /** @param {string} _event @param {(packet: Packet) => void} listener */
  on(_event, listener) {
    this.#listener = listener;
  }

  off() {
    this.#listener = null;
  }

  destroy() {}

  /** @param {unknown} text */
  add(text) {
    if (typeof text !== "string") throw new Error("the server sent binary data, which it never does");
    const found = /^([0-4])(?:(\/[^,]*)(?:,|$))?(\d*)/.exec(text);
    if (!found) throw new Error("the server sent no packet of Socket.IO");
    const [head, type, nsp = "/", id] = found;
    const rest = text.slice(head.length);
    const data = rest === "" ? undefined : JSON.parse(rest);
    if ((type === "2" || type === "3") && !Array.isArray(data)) throw new Error("the server sent an event without arguments");
    this.#listener?.({ type: Number(type), nsp, id: id ? Number(id) : undefined, data });
  }
}

/** The body of a request. What JSON cannot say is refused before anything is sent. @param {unknown} value @param {string} what */
function requestJson(value, what) {
  const writesItself = typeof value === "object" && value !== null && "toJSON" in value && typeof value.toJSON === "function";
  const unsayable = findUnsayable(writesItself ? /** @type {any} */ (value).toJSON() : value);
  if (unsayable) throw new GleitzeitError("config", `${what}${unsayable.path} is ${unsayable.what}`);
  return JSON.stringify(value);
}

/** A value as JSON. What JSON cannot say is an error that names the place, and not silently something else. @param {unknown} value @param {string} what */
function toJson(value, what) {
  let text;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw new Fatal(`${what} cannot be written as JSON: ${describe(error)}`);
  }
  const unsayable = findUnsayable(value);
  if (unsayable) throw new Fatal(`${what}${unsayable.path} is ${unsayable.what}`);
  // A handler that returns nothing has the result null.
  return text ?? "null";
}

/**
 * The first thing in a value that JSON would leave out, empty or write as null. Members that are `undefined` count as
 * absent, which is what people mean by them. The path is made only where something is found: most values are fine,
 * and every result passes here.
 * @param {unknown} value @returns {{path: string, what: string} | null}
 */
function findUnsayable(value) {
  if (typeof value === "object") return value === null ? null : findInObject(value);
  if (typeof value === "number" && !Number.isFinite(value)) return { path: "", what: `${value}, which JSON cannot say; write null or text` };
  if (typeof value === "function" || typeof value === "symbol") return { path: "", what: `a ${typeof value}, which JSON cannot say` };
  return null;
}

/** @param {object} value */
function findInObject(value) {
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) {
      const found = findUnsayable(value[index]);
      if (found) return { ...found, path: `.${index}${found.path}` };
    }
    return null;
  }
  const keys = Object.keys(value);
  const prototype = Object.getPrototypeOf(value);
  const isPlain = prototype === Object.prototype || prototype === null;
  const what = isPlain ? null : lossOf(value, keys);
  if (what !== null) return { path: "", what };
  // Whatever writes itself was asked already.
  if (typeof (/** @type {any} */ (value).toJSON) === "function") return null;
  for (const key of keys) {
    const found = findUnsayable(/** @type {any} */ (value)[key]);
    if (found) return { ...found, path: `.${key}${found.path}` };
  }
  return null;
}

/** What such objects hold is not in their keys. */
const LOST_KINDS = new Set(["Map", "Set", "WeakMap", "WeakSet", "WeakRef", "Promise", "Error", "RegExp"]);

/** What JSON would lose of an object that is not plain. @param {object} value @param {string[]} keys @returns {string | null} */
function lossOf(value, keys) {
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || (typeof Blob === "function" && value instanceof Blob)) {
    const kind = value.constructor.name;
    return `binary (${kind}), which JSON cannot say; return a list, text as base64, or a reference`;
  }
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "a date that is none, which JSON cannot say" : null;
  if (typeof (/** @type {any} */ (value).toJSON) === "function") return null;
  if (value instanceof Number) return Number.isFinite(value.valueOf()) ? null : `${value}, which JSON cannot say`;
  if (value instanceof String || value instanceof Boolean) return null;
  const kind = Object.prototype.toString.call(value).slice("[object ".length, -1);
  const isLost = LOST_KINDS.has(kind) || (kind !== "Object" && keys.length === 0);
  return isLost ? `an object of type ${kind}, of which JSON keeps nothing; return a list, a plain object or text` : null;
}

// ----------------------------------------------------------------------------------------------------------- outbox

/** Reports under way at once. A slow line is not flooded with more than it can carry before their answers are due. */
const WINDOW = 512;
/** At capacity 10 an outage of hours does not come near: a node runs what it holds and gets nothing new. */
const REPORTS_MAX = 10_000;
/** Together with one result limit for each running task this bounds the memory of an outage. */
const REPORT_CHARS_MAX = 256 * 1024 * 1024;
/** A server that says "later" is asked again after this, doubling. */
const REPORT_RETRY_MS = 1_000;
const REPORT_RETRY_CAP_MS = 30_000;

/**
 * The end of an attempt, until the server has it.
 * @typedef {{name: string, taskId: string, workflowId: string, attempt: number, event: "task:completed" | "task:failed",
 *   encoded: Encoded, head: string, state: "ready" | "sent" | "delayed", sentAt: number, refusals: number}} Report
 */

/** Reports that the server has not acknowledged. Nothing is ever dropped from here to make room: the node refuses new tasks instead. */
class Outbox {
  /** By attempt, oldest first. @type {Map<string, Report>} */
  #reports = new Map();
  /** @type {Report[]} */
  #ready = [];
  #next = 0;
  #sent = 0;
  #chars = 0;

  get size() {
    return this.#reports.size;
  }

  /** @param {string} name */
  holds(name) {
    return this.#reports.has(name);
  }

  reports() {
    return this.#reports.values();
  }

  /** Whether one more task may be accepted while `running` others will report sooner or later. @param {number} running */
  hasRoom(running) {
    return this.#reports.size + running < REPORTS_MAX && this.#chars < REPORT_CHARS_MAX;
  }

  /** @param {Report} report */
  push(report) {
    this.#reports.set(report.name, report);
    this.#chars += report.encoded.text.length;
    this.#ready.push(report);
  }

  /** The next report to send, if the window allows one. @param {number} now */
  nextToSend(now) {
    if (this.#sent >= WINDOW) return undefined;
    let report;
    do {
      report = this.#ready[this.#next];
      if (report === undefined) {
        this.#ready.length = 0;
        this.#next = 0;
        return undefined;
      }
      this.#next += 1;
      // An answer that came late may have removed it meanwhile.
    } while (this.#reports.get(report.name) !== report);
    if (this.#next >= WINDOW) {
      this.#ready.splice(0, this.#next);
      this.#next = 0;
    }
    report.state = "sent";
    report.sentAt = now;
    this.#sent += 1;
    return report;
  }

  /** The server has it, or will never take it. @param {Report} report */
  remove(report) {
    if (this.#reports.get(report.name) !== report) return false;
    this.#reports.delete(report.name);
    this.#chars -= report.encoded.text.length;
    if (report.state === "sent") this.#sent -= 1;
    return true;
  }

  /** The server cannot take it now, or has not answered in time: how long to wait before `ripen`. @param {Report} report @param {number} atLeastMs */
  delay(report, atLeastMs) {
    report.state = "delayed";
    this.#sent -= 1;
    const usual = Math.min(REPORT_RETRY_MS * 2 ** report.refusals, REPORT_RETRY_CAP_MS);
    report.refusals += 1;
    return Math.max(usual, Math.min(atLeastMs, REPORT_RETRY_CAP_MS));
  }

  /** @param {Report} report */
  ripen(report) {
    if (report.state !== "delayed" || this.#reports.get(report.name) !== report) return;
    report.state = "ready";
    this.#ready.push(report);
  }

  /** Whatever was under way may not have arrived: all of it is sent again, oldest first. */
  connectionLost() {
    this.#sent = 0;
    this.#next = 0;
    this.#ready = [...this.#reports.values()];
    for (const report of this.#ready) report.state = "ready";
  }

  /** Reports that were sent before `limit` and not answered. @param {number} limit */
  overdue(limit) {
    return [...this.#reports.values()].filter((report) => report.state === "sent" && report.sentAt < limit);
  }
}

// --------------------------------------------------------------------------------------------------------- a task

/** The server forwards pieces of at most 64 KiB; one character is at most six bytes of JSON. */
const PIECE_CHARS_MAX = 10_000;
const PROGRESS_CHARS_MAX = 64 * 1024;

/**
 * An attempt that runs here. `head` is the beginning of everything that is said about it.
 * @typedef {{key: string, name: string, task: api.Assignment, head: string, startedAt: number,
 *   ending: null | "cancelled" | "stopping" | "forgotten", controller: AbortController | null}} Running
 */

/** @implements {api.TaskContext} */
class TaskContext {
  #running;
  #report;
  #percent = 0;
  #streamed = 0;

  /** @param {Running} running @param {(running: Running, percent: number, message: string, data?: unknown) => void} report */
  constructor(running, report) {
    this.#running = running;
    this.#report = report;
  }

  get task() {
    return this.#running.task;
  }

  get taskId() {
    return this.#running.task.task_id;
  }

  get workflowId() {
    return this.#running.task.workflow_id;
  }

  get taskName() {
    return this.#running.task.task_name;
  }

  get attempt() {
    return this.#running.task.attempt;
  }

  get idempotencyKey() {
    return `${this.workflowId}/${this.taskId}`;
  }

  get deadline() {
    const seconds = this.task.external_timeout ?? this.task.timeout;
    return typeof seconds === "number" ? new Date(this.#running.startedAt + seconds * 1_000) : null;
  }

  get traceparent() {
    return this.task.traceparent ?? null;
  }

  get cancelled() {
    return this.#running.ending !== null;
  }

  get signal() {
    const running = this.#running;
    if (running.controller === null) {
      running.controller = new AbortController();
      if (running.ending !== null) running.controller.abort(cancellation());
    }
    return running.controller.signal;
  }

  throwIfCancelled() {
    if (this.cancelled) throw cancellation();
  }

  /** @param {number} ms */
  sleep(ms) {
    return sleep(ms, this.signal);
  }

  /** @param {number} percent @param {string} [message] @param {unknown} [data] */
  progress(percent, message = "", data) {
    this.#percent = Math.max(0, Math.min(100, Math.trunc(Number(percent)) || 0));
    this.#report(this.#running, this.#percent, String(message), data);
  }

  /** @param {string} message */
  log(message) {
    this.#report(this.#running, this.#percent, String(message));
  }

  /** @param {unknown} piece */
  stream(piece) {
    if (typeof piece !== "string") return this.#report(this.#running, this.#percent, "", piece);
    for (let at = 0; at < piece.length; at += PIECE_CHARS_MAX) {
      const text = piece.slice(at, at + PIECE_CHARS_MAX);
      this.#report(this.#running, this.#percent, "", { offset: this.#streamed, text });
      this.#streamed += text.length;
    }
  }
}

function cancellation() {
  return new DOMException("the task was cancelled", "AbortError");
}

// ------------------------------------------------------------------------------------------------------------ nodes

/** @type {Readonly<Record<api.Capability, readonly [string, string]>>} */
const CAPABILITIES = {
  ml_training: ["external_ml", "ml_training"],
  ml_inference: ["external_ml", "ml_inference"],
  data_processing: ["external_processing", "data_processing"],
  api_integration: ["external_api", "api_integration"],
  database_operations: ["external_database", "database_operations"],
  webhook_handling: ["external_webhook", "webhook_handling"],
  file_processing: ["external_custom", "file_processing"],
  custom_processing: ["external_custom", "custom_processing"],
};

export const Capability = Object.freeze({
  ML_TRAINING: "ml_training",
  ML_INFERENCE: "ml_inference",
  DATA_PROCESSING: "data_processing",
  API_INTEGRATION: "api_integration",
  DATABASE_OPERATIONS: "database_operations",
  WEBHOOK_HANDLING: "webhook_handling",
  FILE_PROCESSING: "file_processing",
  CUSTOM_PROCESSING: "custom_processing",
});

const NODE_OPTIONS = [
  "url", "token", "nodeId", "capabilities", "taskTypes", "maxConcurrentTasks", "heartbeatMs", "ackTimeoutMs", "stopTimeoutMs",
  "facts", "transports", "socketOptions", "log",
];
const HEARTBEAT_MS = 30_000;
/** Shorter beats would only keep the server busy. */
const HEARTBEAT_MS_MIN = 100;
/** The acknowledgement of a result follows one commit to disk; after this much time the answer is lost. */
const ACK_TIMEOUT_MS = 10_000;
/** How long a stopping node may go on delivering what it holds. */
const STOP_TIMEOUT_MS = 5_000;
/** What `run` leaves running tasks of the 30 s that process managers usually grant; the rest is for handing tasks back. */
const DRAIN_MS = 24_000;
/** Each step of the handshake is one round trip; a server that needs longer is not usable. */
const HANDSHAKE_MS = 10_000;
/** The first delays are short, because most interruptions are restarts of the server; one that comes back is found within the cap. */
const RECONNECT_MS = 250;
const RECONNECT_CAP_MS = 15_000;
/**
 * A key that was good may be so again, when its user gets the role back or the right data directory is served, but seldom soon; and
 * each try counts as a wrong key of this address.
 */
const REFUSED_KEY_MS = 30_000;
/** What the server says to no key, to one that has expired, and to one that it does not know or that was revoked. */
const KEY_CODES = new Set(["GZ4001", "GZ4002", "GZ4010"]);
/** Wrong keys that came from the same address keep it out for a while. */
const TOO_MANY_WRONG_KEYS = "GZ4022";
/** A shorter registration counts as a failed one: two processes that share a node id must not push each other out as fast as they can. */
const STABLE_MS = 1_000;
/** Finished attempts that are still recognised when they are assigned once more. */
const RECENT_MAX = 1_024;
/** Progress is for onlookers, and dropped while so much waits to be sent. */
const WAITING_PACKETS_MAX = 1_000;
/** The server takes results of 8 MiB in messages of 16 MiB. A larger message would cost the connection, again after each reconnect. */
const REPORT_BYTES_MAX = 12 * 1024 * 1024;
/** What is left of the message of a failure that is too large to be sent. */
const LONG_MESSAGE_CHARS = 4_096;

const CANCELLED = "Task cancelled";
/** The connection is not, or no longer, that of the node: what was sent is fine after a new registration. */
const ASKS_FOR_REGISTRATION = ["GZ7020", "GZ4001"];
/** The report came from the right worker at the right time, and cannot be taken as it is. */
const BLAMES_THE_CONTENT = ["GZ7001", "GZ7002"];

/** @type {api.Log} */
const logToConsole = (level, message) => {
  if (level === "warn" || level === "error") console[level](`gleitzeit: ${message}`);
};

/**
 * One connection, from its opening to its end.
 * @typedef {{socket: Socket, registered: boolean, registeredAt: number, early: api.Assignment[], draining: boolean,
 *   end: (why: GleitzeitError) => void, heartbeat: ReturnType<typeof setInterval> | undefined, beatAt: number}} Session
 */

/** @typedef {(input: any, context: api.TaskContext) => unknown} Handler */

/**
 * Whether a server that answers lets no page of this origin read its answers. Browsers tell no page why a socket was refused.
 * @param {string} server
 */
async function isForeignPage(server) {
  if (typeof document === "undefined" || location.origin === server) return false;
  const answers = (/** @type {RequestMode} */ mode) => fetch(`${server}/livez`, { mode, cache: "no-store" }).then(() => true, () => false);
  return !(await answers("cors")) && answers("no-cors");
}

/** What services and executor nodes share. @implements {api.WorkerNode} */
class WorkerNode extends EventTarget {
  /** @type {Map<string, Handler>} */
  #handlers = new Map();
  /** @type {Map<string, Function>} */
  #functions = new Map();
  /** The latest attempt of each task that runs here. @type {Map<string, Running>} */
  #running = new Map();
  /** Earlier attempts that were told to end and have not. @type {Set<Running>} */
  #leaving = new Set();
  #outbox = new Outbox();
  /** @type {Set<string>} */
  #recent = new Set();
  /** @type {Session | null} */
  #session = null;
  /** @type {api.Phase} */
  #phase = "stopped";
  /** @type {Promise<void> | null} */
  #life = null;
  /** Those who wait for something. @type {Set<() => void>} */
  #waiting = new Set();
  #draining = false;
  #stopping = false;
  /** Set when a stopping node has no more time. */
  #late = false;
  #sweep = /** @type {ReturnType<typeof setInterval> | undefined} */ (undefined);
  #counts = { completed: 0, failed: 0, cancelled: 0, registrations: 0 };
  /** @type {GleitzeitError | null} */
  #lastError = null;
  /** @type {string | null} */
  #sessionId = null;
  #startedAt = performance.now();
  #kind;
  #name;
  #options;
  #url;
  #signature;

  /** @param {"external_service" | "executor"} kind @param {string} name @param {api.NodeOptions} options */
  constructor(kind, name, options) {
    super();
    checkOptions(new.target.name, options, NODE_OPTIONS);
    if (typeof name !== "string" || name === "") throw misuse(name, "its name is empty; workflows address it by name");
    const unknown = (options.capabilities ?? []).find((capability) => !(capability in CAPABILITIES));
    if (unknown) throw misuse(name, `there is no capability "${unknown}"; known are ${Object.keys(CAPABILITIES).join(", ")}`);
    this.#kind = kind;
    this.#name = name;
    this.#options = {
      nodeId: options.nodeId ?? `${kind === "executor" ? "executor" : "service"}-${uuid()}`,
      token: options.token ?? environment("GLEITZEIT_TOKEN"),
      capabilities: [...new Set(options.capabilities ?? [])],
      taskTypes: options.taskTypes ?? [],
      maxConcurrentTasks: options.maxConcurrentTasks ?? 10,
      heartbeatMs: Math.max(options.heartbeatMs ?? HEARTBEAT_MS, HEARTBEAT_MS_MIN),
      ackTimeoutMs: options.ackTimeoutMs ?? ACK_TIMEOUT_MS,
      stopTimeoutMs: options.stopTimeoutMs ?? STOP_TIMEOUT_MS,
      facts: options.facts ?? {},
      transports: options.transports ?? ["websocket", "polling"],
      socketOptions: options.socketOptions ?? {},
      log: options.log ?? logToConsole,
    };
    if (!(this.#options.maxConcurrentTasks >= 1)) throw misuse(name, "maxConcurrentTasks must be at least 1");
    this.#url = parseUrl(options.url, new.target.name);
    const whose = kind === "executor" ? "" : `,"service_name":${JSON.stringify(name)}`;
    this.#signature = `,"node_id":${JSON.stringify(this.#options.nodeId)}${whose}`;
  }

  get name() {
    return this.#name;
  }

  get nodeId() {
    return this.#options.nodeId;
  }

  /** @param {string} taskType @param {Handler} handler */
  handler(taskType, handler) {
    if (typeof handler !== "function") throw misuse(this.#name, `the handler of "${taskType}" is no function`);
    this.#handlers.set(taskType, handler);
    return this;
  }

  /** @protected @param {string} name @param {Function} work */
  addFunction(name, work) {
    if (typeof work !== "function") throw misuse(this.#name, `the function "${name}" is none`);
    this.#functions.set(name, work);
    if (!this.#handlers.has("function")) this.#handlers.set("function", (input) => this.#call(input));
    return this;
  }

  /** @param {{function_name: string, args?: unknown, kwargs?: object}} input */
  #call({ function_name: name, args, kwargs }) {
    const work = this.#functions.get(name);
    if (!work) throw new Fatal(`there is no function "${name}" here`);
    const named = Object.keys(kwargs ?? {}).length > 0 ? [kwargs] : [];
    return work(...(Array.isArray(args) ? args : []), ...named);
  }

  /** @returns {api.NodeStatus} */
  status() {
    return {
      nodeId: this.#options.nodeId,
      name: this.#name,
      phase: this.#phase,
      draining: this.#draining,
      session: this.#sessionId,
      running: this.#running.size + this.#leaving.size,
      unacknowledged: this.#outbox.size,
      ...this.#counts,
      lastError: this.#lastError,
      uptimeMs: performance.now() - this.#startedAt,
    };
  }

  /** Resolves once the server knows the node; a server that is not there is waited for. */
  async start() {
    if (this.#life === null) {
      const types = this.#taskTypes();
      if (this.#handlers.size === 0) throw misuse(this.#name, "it has no handler; add one with `handler`");
      if (types.length === 0) throw misuse(this.#name, "it has no capability and no task type, so no task will ever reach it");
      this.#draining = this.#stopping = this.#late = false;
      this.#phase = "connecting";
      this.#startedAt = performance.now();
      this.#counts.registrations = 0;
      this.#life = this.#live();
    }
    await this.#until(() => this.#phase !== "connecting");
    if (this.#phase === "registered") return;
    throw this.#lastError ?? new GleitzeitError("stopped", `the node "${this.#name}" was stopped before it was registered`);
  }

  /** @param {api.RunNodeOptions} [options] */
  async run({ drainMs = DRAIN_MS, signals = ["SIGTERM", "SIGINT"] } = {}) {
    const host = typeof process === "object" && typeof process.once === "function" ? process : null;
    let heard = false;
    const onSignal = () => {
      // Who asks twice does not want to wait.
      if (heard) return void this.stop();
      heard = true;
      this.#options.log("info", `"${this.#name}" takes no more tasks and ends when the running ones have`);
      const timer = setTimeout(() => void this.stop(), drainMs);
      void this.drain().then(() => this.stop()).finally(() => clearTimeout(timer));
    };
    for (const signal of signals) host?.on(signal, onSignal);
    try {
      const started = this.start();
      await Promise.race([started, this.stopped()]);
      if (heard) started.catch(() => {});
      else await started;
      await this.stopped();
    } finally {
      for (const signal of signals) host?.off(signal, onSignal);
    }
  }

  async drain() {
    this.#draining = true;
    this.#announceDraining();
    await this.#until(() => this.#isIdle() || this.#phase === "stopped");
  }

  async stop() {
    this.#requestStop();
    await this.stopped();
  }

  async stopped() {
    await this.#until(() => this.#phase === "stopped");
  }

  // ---- life

  async #live() {
    const leave = () => this.#session?.socket.disconnect();
    // A page that goes away says so; a closed websocket says it by itself, and polling would not.
    globalThis.addEventListener?.("pagehide", leave);
    let failures = 0;
    while (!this.#mayStop()) {
      const error = await this.#serve();
      const stable = this.#phase === "registered" && performance.now() - (this.#session?.registeredAt ?? 0) >= STABLE_MS;
      this.#closeSession();
      if (this.#mayStop()) break;
      const again = this.#lastError?.message === error.message ? "debug" : "warn";
      this.#lastError = error;
      // A new node that is refused will be refused again; one that was welcome waits for better times.
      if (this.#counts.registrations === 0 && isRefusal(error)) break;
      this.#enter("connecting", "disconnected");
      failures = stable ? 0 : failures + 1;
      const step = isKeyRefused(error) ? REFUSED_KEY_MS : Math.min(RECONNECT_MS * 2 ** Math.max(failures - 1, 0), RECONNECT_CAP_MS);
      const delayMs = step * (0.5 + Math.random() / 2);
      this.#options.log(again, `"${this.#name}": ${error.message}; trying again`);
      await this.#untilOr(() => this.#mayStop(), delayMs);
    }
    globalThis.removeEventListener?.("pagehide", leave);
    this.#closeSession();
    const left = this.#outbox.size;
    if (left > 0) this.#options.log("error", `"${this.#name}" stopped with ${left} results that the server did not acknowledge`);
    this.#life = null;
    this.#enter("stopped", "stopped");
  }

  /** @param {api.Phase} phase @param {string} event */
  #enter(phase, event) {
    const news = this.#phase !== phase;
    this.#phase = phase;
    this.#changed();
    if (news) this.dispatchEvent(new Event(event));
  }

  /** Serves one connection, and says why it ended. @returns {Promise<GleitzeitError>} */
  #serve() {
    return new Promise((end) => {
      const { origin, pathname } = this.#url;
      const socket = io(`${origin}/cluster`, {
        path: `${pathname.replace(/\/$/, "")}/socket.io/`,
        transports: this.#options.transports,
        // The second transport is for networks that do not let the first one through.
        tryAllTransports: true,
        perMessageDeflate: /** @type {any} */ (false),
        timeout: HANDSHAKE_MS,
        .../** @type {object} */ (this.#options.socketOptions),
        parser: { Encoder, Decoder },
        forceNew: true,
        reconnection: false,
      });
      /** @type {Session} */
      const session = { socket, registered: false, registeredAt: 0, early: [], draining: false, end, heartbeat: undefined, beatAt: 0 };
      this.#session = session;
      this.#handshake(session).catch((error) => end(error instanceof GleitzeitError ? error : unreachable(this.#url.href, error)));
      socket.on("connect_error", (error) => { this.#refused(error).then(end); });
      socket.on("disconnect", (reason) => end(new GleitzeitError("unreachable", `the connection ended (${reason})`, { retryable: true })));
      // The key was revoked or has expired, or is worth something else than it was. A handshake hears it as its answer.
      socket.on("authentication_failed", ({ error, code }) => {
        if (session.registered) end(new GleitzeitError("unreachable", `the server has ended the connection: ${error}`, { code, retryable: true }));
      });
      socket.on("task:assign", (task) => this.#onAssign(session, task));
      socket.on("task:cancel", (cancel) => this.#onCancel(cancel));
      socket.on("cluster:shutdown", (shutdown) => this.#onShutdown(shutdown));
      // Timers of a hidden tab are slowed to one a minute, and what the server sends is not.
      socket.io.on("ping", () => this.#beatIfDue(session));
    });
  }

  #closeSession() {
    const session = this.#session;
    if (session === null) return;
    this.#session = null;
    clearInterval(session.heartbeat);
    clearInterval(this.#sweep);
    session.registered = false;
    session.socket.disconnect();
    session.socket.removeAllListeners();
    this.#outbox.connectionLost();
  }

  /** @param {Error & {description?: any, context?: any}} error @returns {Promise<GleitzeitError>} */
  async #refused(error) {
    // The server's door answers with a code; a transport that fails hides its reason deep inside.
    const code = /GZ\d{4}/.exec(error.message)?.[0];
    if (code) return new GleitzeitError("refused", `the server refused the connection: ${error.message}`, { code, retryable: code === "GZ1030" });
    // What it hides is gone a moment later.
    const reason = transportReason(error);
    if (await isForeignPage(this.#url.origin)) {
      const message = `GZ4030: the server refuses pages of ${location.origin}; name that in its allowed_origins`;
      // Between the two questions the server may have come back.
      return new GleitzeitError("refused", message, { code: "GZ4030", retryable: true });
    }
    return unreachable(this.#url.href, reason);
  }

  /** @param {Session} session */
  async #handshake(session) {
    const { socket } = session;
    const { nodeId, token, heartbeatMs } = this.#options;
    checkGreeting(this.#url.href, await greeted(socket, tooOld(this.#url.href, "it does not greet")));
    const hello = { token: token ?? "", client_type: this.#kind, service_name: this.#name, client_id: nodeId };
    const welcome = await this.#ask(session, "authenticate", hello);
    if (!welcome.ok) {
      const message = `the server refused the key: ${welcome.message}; ${TOKEN_HINT}`;
      throw new GleitzeitError("refused", message, { code: welcome.code, fix: TOKEN_HINT, retryable: welcome.code === TOO_MANY_WRONG_KEYS });
    }
    const answer = await this.#ask(session, "node:register", this.#registration());
    if (!answer.ok) {
      const message = `the server refused the registration: ${answer.code}: ${answer.message}`;
      throw new GleitzeitError("refused", message, { code: answer.code, retryable: answer.retryable });
    }
    if (this.#session !== session) return;
    this.#forgetAllBut(answer.held);
    this.#registered(session, answer, Math.min(heartbeatMs, answer.heartbeat_ms ?? Infinity));
  }

  /** @param {Session} session @param {string} event @param {object} payload @returns {Promise<any>} */
  async #ask(session, event, payload) {
    try {
      return await session.socket.timeout(HANDSHAKE_MS).emitWithAck(event, payload);
    } catch (error) {
      if (session.socket.connected) throw tooOld(this.#url.href, `it does not acknowledge ${event}`);
      throw error;
    }
  }

  #registration() {
    const { nodeId, capabilities, maxConcurrentTasks, heartbeatMs, facts } = this.#options;
    const isService = this.#kind === "external_service";
    return {
      node_id: nodeId,
      name: this.#name,
      node_type: this.#kind,
      capabilities: given({
        task_types: this.#taskTypes(),
        max_concurrent_tasks: maxConcurrentTasks,
        external_service: isService,
        service_capabilities: isService ? capabilities : undefined,
        functions: this.#functions.size > 0 ? [...this.#functions.keys()] : undefined,
        cpu_cores: facts.cpuCores,
        memory_gb: facts.memoryMb === undefined ? undefined : facts.memoryMb / 1_024,
        gpu_memory_mb: facts.gpuMemoryMb,
        has_gpu: facts.hasGpu,
        available_models: facts.models,
        tags: facts.tags,
      }),
      heartbeat_ms: heartbeatMs,
      restart_aware: true,
      active: this.#active(),
    };
  }

  #taskTypes() {
    const { capabilities, taskTypes } = this.#options;
    const own = this.#functions.size > 0 ? ["function"] : [];
    return [...new Set([...capabilities.flatMap((capability) => CAPABILITIES[capability]), ...taskTypes, ...own])];
  }

  /** @param {Session} session @param {{session: string | number}} answer @param {number} heartbeatMs */
  #registered(session, answer, heartbeatMs) {
    session.registered = true;
    session.registeredAt = session.beatAt = performance.now();
    session.heartbeat = setInterval(() => this.#beat(session), heartbeatMs);
    const { ackTimeoutMs } = this.#options;
    this.#sweep = setInterval(() => this.#resendOverdue(), ackTimeoutMs / 2);
    this.#counts.registrations += 1;
    this.#sessionId = String(answer.session);
    this.#enter("registered", "registered");
    // The last connection may have ended before the server heard that these were accepted.
    for (const running of this.#running.values()) {
      if (running.ending === null) this.#accept(running);
    }
    for (const task of session.early.splice(0)) this.#onAssign(session, task);
    this.#announceDraining();
    this.#deliver();
  }

  /** Everything that the server must not take for lost, results on their way included. */
  #active() {
    const running = [...this.#running.values(), ...this.#leaving].filter(({ ending }) => ending !== "forgotten");
    const held = running.map(({ task }) => ({ task_id: task.task_id, workflow_id: task.workflow_id, attempt: task.attempt }));
    for (const { taskId, workflowId, attempt } of this.#outbox.reports()) {
      held.push({ task_id: taskId, workflow_id: workflowId, attempt });
    }
    return held;
  }

  /** Ends what the server gave up while the connection was down. @param {string[] | undefined} held */
  #forgetAllBut(held) {
    if (!Array.isArray(held)) return;
    const known = new Set(held);
    for (const running of [...this.#running.values(), ...this.#leaving]) {
      if (!known.has(running.task.task_id)) this.#end(running, "forgotten");
    }
  }

  #announceDraining() {
    const session = this.#session;
    if (!this.#draining || !session?.registered || session.draining) return;
    session.draining = true;
    session.socket.emit("node:status", { node_id: this.#options.nodeId, status: "draining" });
  }

  /** @param {Session} session */
  #beatIfDue(session) {
    const { heartbeatMs } = this.#options;
    if (session.registered && performance.now() - session.beatAt >= heartbeatMs / 2) this.#beat(session);
  }

  /** @param {Session} session */
  #beat(session) {
    session.beatAt = performance.now();
    const running = this.#running.size + this.#leaving.size;
    const { capabilities, nodeId, maxConcurrentTasks } = this.#options;
    const isService = this.#kind === "external_service";
    const beat = {
      node_id: nodeId,
      ...(isService ? { service_name: this.#name, max_tasks: maxConcurrentTasks, capabilities } : {}),
      node_type: this.#kind,
      status: this.#draining ? "draining" : isService ? "ready" : "healthy",
      active_tasks: running,
      tasks_completed: this.#counts.completed,
      tasks_failed: this.#counts.failed,
      uptime_seconds: Math.round((performance.now() - this.#startedAt) / 1_000),
      active: this.#active(),
    };
    session.socket.emit("node:heartbeat", beat, (/** @type {any} */ reply) => {
      // The server has forgotten the node, which therefore registers again.
      if (reply?.ok === false && !reply.retryable) {
        session.end(new GleitzeitError("refused", `the heartbeat was refused: ${reply.code}: ${reply.message}`, { code: reply.code }));
      }
    });
  }

  // ---- tasks

  /** @param {Session} session @param {api.Assignment} task */
  #onAssign(session, task) {
    if (!session.registered) return void session.early.push(task);
    const { task_id: taskId, workflow_id: workflowId, attempt } = task;
    if (typeof taskId !== "string" || !Number.isInteger(attempt)) {
      return this.#options.log("warn", "an assignment cannot be read; the server will give it to another");
    }
    const key = `${taskId}\n${workflowId}`;
    const name = `${key}\n${attempt}`;
    const known = this.#running.get(key);
    // The server may have missed that it was accepted.
    if (known?.task.attempt === attempt) return this.#accept(known);
    if ((known && known.task.attempt > attempt) || this.#outbox.holds(name) || this.#recent.has(name)) {
      return this.#options.log("info", `attempt ${attempt} of task ${taskId} was assigned once more and ignored`);
    }
    const head = `{"task_id":${JSON.stringify(taskId)},"workflow_id":${JSON.stringify(workflowId ?? "")},"attempt":${attempt}${this.#signature}`;
    /** @type {Running} */
    const running = { key, name, task, head, startedAt: Date.now(), ending: null, controller: null };
    const handler = this.#handlerFor(task);
    if (!handler) {
      const wanted = task.external_task_type ?? task.task_type;
      return this.#report(running, "task:failed", { error: `No handler registered for task type: ${wanted}` });
    }
    // The server has given the earlier one up, or it would not assign the task again.
    if (known) this.#supersede(known);
    const held = this.#running.size + this.#leaving.size;
    if (this.#draining || this.#stopping || held >= this.#options.maxConcurrentTasks || !this.#outbox.hasRoom(held)) {
      const error = this.#kind === "executor" ? "Node at capacity" : "Service at capacity";
      return this.#emit("task:failed", `${head},"error":"${error}"}`);
    }
    this.#running.set(key, running);
    this.#accept(running);
    this.#attempt(running, handler);
  }

  /** @param {api.Assignment} task @returns {Handler | undefined} */
  #handlerFor(task) {
    const handlers = this.#handlers;
    const byName = handlers.get(task.external_task_type ?? "") ?? handlers.get(task.task_type);
    if (byName || this.#options.capabilities.length === 0) return byName;
    // The specific name of a capability goes before the general one, which several share.
    const names = this.#options.capabilities.flatMap((capability) => [...CAPABILITIES[capability]].reverse());
    const found = names.find((name) => handlers.has(name));
    return found === undefined ? undefined : handlers.get(found);
  }

  /** @param {Running} running @param {Handler} handler */
  #attempt(running, handler) {
    const { task } = running;
    const context = new TaskContext(running, (...report) => this.#progress(...report));
    let result;
    try {
      result = handler(task.external_parameters ?? task.parameters ?? null, context);
    } catch (error) {
      return this.#failed(running, error);
    }
    if (typeof (/** @type {any} */ (result)?.then) !== "function") return this.#completed(running, result);
    /** @type {Promise<unknown>} */ (result).then(
      (value) => this.#completed(running, value),
      (error) => this.#failed(running, error),
    );
  }

  /** @param {Running} running @param {unknown} result */
  #completed(running, result) {
    // What a stopping node has finished in time still counts; what the server cancelled does not.
    if (running.ending === "cancelled") return this.#cancelled(running);
    let text;
    try {
      text = toJson(result, "the result");
    } catch (error) {
      return this.#failed(running, error);
    }
    if (text.length > REPORT_BYTES_MAX / 3 && new TextEncoder().encode(text).length > REPORT_BYTES_MAX) {
      const message = "the result is larger than a message may be; store it elsewhere and return a reference";
      return this.#failed(running, new Fatal(message, { code: "GZ7002" }));
    }
    this.#leave(running);
    this.#counts.completed += 1;
    this.#post(running, "task:completed", `${running.head},"result":${text}}`);
  }

  /** @param {Running} running @param {unknown} error */
  #failed(running, error) {
    if (running.ending !== null) return this.#cancelled(running);
    this.#leave(running);
    this.#counts.failed += 1;
    const { code, retryable, retryAfterMs, details } = error instanceof TaskError ? error : new TaskError("");
    this.#report(running, "task:failed", { error: describe(error), code, retryable, retry_after_ms: retryAfterMs, details });
  }

  /** @param {Running} running */
  #cancelled(running) {
    this.#leave(running);
    this.#counts.cancelled += 1;
    this.#report(running, "task:failed", { error: CANCELLED });
  }

  /** @param {Running} running */
  #leave(running) {
    if (this.#running.get(running.key) === running) this.#running.delete(running.key);
    else this.#leaving.delete(running);
  }

  /** @param {Running} running @param {"task:failed"} event @param {Record<string, unknown>} facts */
  #report(running, event, { error, details, ...facts }) {
    const rest = Object.entries(given({ error, ...facts })).map(([key, value]) => `,"${key}":${JSON.stringify(value)}`);
    let more = "";
    try {
      more = details === undefined ? "" : `,"details":${toJson(details, "the details")}`;
    } catch (unwritable) {
      this.#options.log("warn", `task ${running.task.task_id}: ${describe(unwritable)}`);
    }
    const text = `${running.head}${rest.join("")}${more}}`;
    if (text.length <= REPORT_BYTES_MAX / 3) return this.#post(running, event, text);
    const message = JSON.stringify(String(error).slice(0, LONG_MESSAGE_CHARS));
    this.#post(running, event, `${running.head},"error":${message}${rest.slice(1).join("")}}`);
  }

  /** @param {Running} running @param {"task:completed" | "task:failed"} event @param {string} text */
  #post({ name, task, head, ending }, event, text) {
    // Nobody waits for the end of an attempt that the server has given up.
    if (ending !== "forgotten") {
      const { task_id: taskId, workflow_id: workflowId, attempt } = task;
      this.#outbox.push({ name, taskId, workflowId, attempt, event, head, encoded: new Encoded(text), state: "ready", sentAt: 0, refusals: 0 });
      this.#deliver();
    }
    this.#changed();
  }

  #deliver() {
    const session = this.#session;
    if (!session?.registered) return;
    const now = performance.now();
    for (let report = this.#outbox.nextToSend(now); report; report = this.#outbox.nextToSend(now)) {
      const sent = report;
      session.socket.emit(sent.event, sent.encoded, (/** @type {any} */ reply) => this.#onReply(session, sent, reply));
    }
  }

  #resendOverdue() {
    for (const report of this.#outbox.overdue(performance.now() - this.#options.ackTimeoutMs)) this.#sendLater(report, 0);
  }

  /** @param {Report} report @param {number} atLeastMs */
  #sendLater(report, atLeastMs) {
    setTimeout(() => {
      this.#outbox.ripen(report);
      this.#deliver();
    }, this.#outbox.delay(report, atLeastMs));
  }

  /** @param {Session} session @param {Report} report @param {{ok?: boolean, code?: string, message?: string, retryable?: boolean, retry_after_ms?: number} | undefined} reply */
  #onReply(session, report, reply) {
    if (this.#session !== session) return;
    const { ok = false, code = "", message = "", retryable = false, retry_after_ms: retryAfterMs = 0 } = reply ?? {};
    if (!ok && ASKS_FOR_REGISTRATION.includes(code)) {
      return session.end(new GleitzeitError("refused", `the server no longer knows this connection as the node: ${message}`, { code }));
    }
    if (!ok && retryable) {
      if (report.state === "sent") this.#sendLater(report, retryAfterMs);
      return;
    }
    if (!this.#outbox.remove(report)) return;
    this.#remember(report.name);
    if (!ok) this.#onRefusal(report, code, message);
    this.#deliver();
    this.#changed();
  }

  /** The server will never take this report: another attempt, or the end of the task, was faster, or it cannot be taken as it is. @param {Report} report @param {string} code @param {string} message */
  #onRefusal(report, code, message) {
    this.#options.log("warn", `task ${report.taskId}, attempt ${report.attempt}: the server refused the report for good: ${code}: ${message}`);
    if (report.event !== "task:completed" || !BLAMES_THE_CONTENT.includes(code)) return;
    const error = JSON.stringify(`the server cannot take the result: ${message}`);
    const encoded = new Encoded(`${report.head},"error":${error},"code":"${code}","retryable":false}`);
    this.#outbox.push({ ...report, event: "task:failed", encoded, state: "ready", refusals: 0 });
  }

  /** @param {string} name */
  #remember(name) {
    this.#recent.add(name);
    if (this.#recent.size > RECENT_MAX) {
      for (const oldest of this.#recent) {
        this.#recent.delete(oldest);
        break;
      }
    }
  }

  /** @param {Running} running */
  #accept(running) {
    this.#emit("task:accepted", `${running.head}}`);
  }

  /** @param {Running} running @param {number} percent @param {string} message @param {unknown} [data] */
  #progress(running, percent, message, data) {
    const engine = this.#session?.socket.io.engine;
    if (!engine || engine.writeBuffer.length >= WAITING_PACKETS_MAX || running.ending !== null) return;
    let more = "";
    try {
      more = data === undefined ? "" : `,"data":${toJson(data, "the data of the progress")}`;
      if (more.length > PROGRESS_CHARS_MAX) throw new Error("the data of the progress is larger than 64 KiB; send it in pieces");
    } catch (error) {
      // Onlookers are no reason to fail a task.
      return this.#options.log("warn", `task ${running.task.task_id}: ${describe(error)}`);
    }
    this.#emit("task:progress", `${running.head},"progress":${percent},"message":${JSON.stringify(message)}${more}}`);
  }

  /** What need not arrive: it is said again, or not missed, after a reconnect. @param {string} event @param {string} text */
  #emit(event, text) {
    if (this.#session?.registered) this.#session.socket.emit(event, new Encoded(text));
  }

  /** An attempt that the server replaced by a later one. @param {Running} running */
  #supersede(running) {
    this.#running.delete(running.key);
    this.#leaving.add(running);
    this.#end(running, "forgotten");
  }

  /** @param {Running} running @param {"cancelled" | "stopping" | "forgotten"} how */
  #end(running, how) {
    const first = running.ending === null;
    // A cancel by the server weighs more than one by this node.
    if (first || running.ending === "stopping") running.ending = how;
    if (first) running.controller?.abort(cancellation());
  }

  /** @param {{task_id?: string, workflow_id?: string, attempt?: number} | undefined} cancel */
  #onCancel(cancel) {
    const { task_id: taskId, workflow_id: workflowId, attempt } = cancel ?? {};
    for (const running of [...this.#running.values(), ...this.#leaving]) {
      const { task } = running;
      const isMeant = task.task_id === taskId && (workflowId === undefined || task.workflow_id === workflowId);
      if (isMeant && (attempt === undefined || task.attempt === attempt)) this.#end(running, "cancelled");
    }
  }

  /** Before a restart of the server nothing needs to be done: the connection will end and come back. @param {{reason?: string, restart?: boolean} | undefined} shutdown */
  #onShutdown({ reason = "", restart = false } = {}) {
    this.#options.log("info", `the server shuts down${restart ? " and comes back" : ""}: ${reason}`);
    if (!restart) this.#requestStop();
  }

  // ---- the end

  #requestStop() {
    if (this.#phase === "stopped" || this.#stopping) return;
    this.#stopping = true;
    // First of all, so that nothing new is on its way when tasks are handed back.
    this.#draining = true;
    this.#announceDraining();
    for (const running of [...this.#running.values(), ...this.#leaving]) this.#end(running, "stopping");
    const timer = setTimeout(() => {
      this.#late = true;
      this.#changed();
    }, this.#options.stopTimeoutMs);
    void this.stopped().then(() => clearTimeout(timer));
    this.#changed();
  }

  /** Nothing runs and everything is delivered. */
  #isIdle() {
    return this.#running.size === 0 && this.#leaving.size === 0 && this.#outbox.size === 0;
  }

  /** Whether the node is to stop and has nothing left to deliver, or no time left to deliver it. */
  #mayStop() {
    return this.#stopping && (this.#late || this.#isIdle());
  }

  /** Wakes whoever waits for the node to be in a certain state. */
  #changed() {
    if (this.#stopping && this.#mayStop()) this.#session?.end(new GleitzeitError("stopped", "the node was stopped"));
    for (const look of this.#waiting) look();
  }

  /** @param {() => boolean} condition */
  #until(condition) {
    return this.#untilOr(condition, Infinity);
  }

  /** Waits for a state of the node, or for a time. @param {() => boolean} condition @param {number} limitMs @returns {Promise<void>} */
  #untilOr(condition, limitMs) {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        this.#waiting.delete(look);
        clearTimeout(timer);
        resolve();
      };
      const look = () => {
        if (condition()) done();
      };
      const timer = limitMs === Infinity ? undefined : setTimeout(done, limitMs);
      this.#waiting.add(look);
    });
  }
}

/** @implements {api.ExternalServiceNode} */
export class ExternalServiceNode extends WorkerNode {
  /** @param {string} serviceName @param {api.NodeOptions} [options] */
  constructor(serviceName, options = {}) {
    super("external_service", serviceName, options);
  }
}

/** @implements {api.ExecutorNode} */
export class ExecutorNode extends WorkerNode {
  /** @param {string} name @param {api.ExecutorOptions} [options] */
  constructor(name, options = {}) {
    super("executor", name, options);
  }

  /** @param {string} name @param {(...args: any[]) => unknown} work */
  function(name, work) {
    return this.addFunction(name, work);
  }
}

/** @param {unknown} name @param {string} reason */
function misuse(name, reason) {
  return new GleitzeitError("config", `the node "${String(name)}" cannot start: ${reason}`);
}

/** The greeting of the server, or `silent` where there is none. @param {Socket} socket @param {GleitzeitError} silent @returns {Promise<any>} */
function greeted(socket, silent) {
  return new Promise((resolve, reject) => {
    socket.once("connect", () => {
      const timer = setTimeout(reject, HANDSHAKE_MS, silent);
      const settle = (/** @type {unknown} */ greeting) => {
        clearTimeout(timer);
        resolve(greeting);
      };
      socket.once("connected", settle);
      socket.once("disconnect", () => clearTimeout(timer));
    });
  });
}

/** @param {Error & {description?: any, context?: any}} error */
function transportReason({ message, description, context }) {
  if (description?.message) return description.message;
  const said = String(context?.responseText ?? "").split("\n")[0]?.replace(/^Error: /, "").slice(0, SHOWN_CHARS);
  if (said && !description) return said;
  return [message, description && `status ${description}`, said].filter(Boolean).join(": ");
}

/** The server answered, and the answer was no. Trying again alone will not change that. @param {GleitzeitError} error */
function isRefusal(error) {
  return (error.kind === "refused" || error.kind === "too_old") && !error.retryable;
}

/** @param {GleitzeitError} error */
function isKeyRefused(error) {
  return error.kind === "refused" && KEY_CODES.has(error.code ?? "");
}

/** @param {string} url @param {string} what */
function tooOld(url, what) {
  const fix = `run a Gleitzeit server of version ${OLDEST_SERVER} or later`;
  return new GleitzeitError("too_old", `the server at ${url} is too old for this client: ${what}; ${fix}`, { fix });
}

/** @param {string} url @param {{message?: unknown} | undefined} greeting */
function checkGreeting(url, greeting) {
  const said = String(greeting?.message ?? "");
  if (!said.startsWith("Gleitzeit ")) throw tooOld(url, `it greets with "${said}"`);
  const version = /^Gleitzeit (\d+)\.(\d+)\.(\d+)/.exec(said)?.slice(1).map(Number);
  // Whoever plays the server need not have a version.
  if (!version) return;
  const oldest = OLDEST_SERVER.split(".").map(Number);
  const differs = version.findIndex((part, place) => part !== oldest[place]);
  if (differs >= 0 && Number(version[differs]) < Number(oldest[differs])) throw tooOld(url, `it is version ${version.join(".")}`);
}
