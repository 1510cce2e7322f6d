// What `Client` takes and gives: docs/rest.md as types.

export type WorkflowStatus = "pending" | "running" | "paused" | "completed" | "failed" | "cancelled";
export type TaskStatus =
  | "pending" | "queued" | "assigned" | "processing" | "retrying" | "completed" | "failed" | "cancelled" | "skipped";

export interface ClientOptions {
  /** A key of the server, or its token; `GLEITZEIT_TOKEN` unless set. */
  token?: string;
  /** How long one request may take; 60,000 unless set. */
  timeoutMs?: number;
  fetch?: typeof globalThis.fetch;
}

export interface SubmitOptions {
  /** The same key with the same body gives the first answer again; generated unless set. */
  idempotencyKey?: string;
  /** Lets the server answer when the workflow has ended, or after this time. */
  waitSeconds?: number;
  signal?: AbortSignal;
}

export interface WaitOptions {
  /** As long as it takes unless set. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

export interface RunOptions extends WaitOptions {
  idempotencyKey?: string;
}

/** The workflow is on disk. `seq` is the position of the log at which this is true. */
export interface Submitted {
  id: string;
  name: string;
  status: WorkflowStatus;
  total_tasks: number;
  seq: number;
}

export interface Validation {
  valid: true;
  name: string;
  total_tasks: number;
  /** Functions and models that nobody has now. */
  warnings: string[];
}

export interface WorkflowInfo {
  id: string;
  name: string;
  status: WorkflowStatus;
  total_tasks: number;
  completed_tasks: number;
  failed_tasks: number;
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
}

export interface WorkflowDetail extends WorkflowInfo {
  description: string | null;
  error_strategy: string;
  max_parallel_tasks: number | null;
  timeout_seconds: number | null;
  tags: string[];
  metadata: Record<string, unknown> | null;
  task_counts: Record<TaskStatus, number>;
  progress_percentage: number;
}

export interface TaskFailure {
  code: string;
  name: string;
  message: string;
  service_code?: string;
  details?: unknown;
}

export interface TaskInfo {
  id: string;
  key: string | null;
  name: string;
  workflow_id: string;
  task_type: string;
  external_task_type: string | null;
  service_name: string | null;
  status: TaskStatus;
  priority: string;
  /** The attempt that runs or ran last, from 1; 0 before the first. */
  attempt: number;
  failures: number;
  max_attempts: number;
  timeout_seconds: number;
  dependencies: string[];
  worker: string | null;
  started_at: string | null;
  ended_at: string | null;
  retry_at: string | null;
  error: TaskFailure | null;
}

export interface TaskDetail extends TaskInfo {
  parameters: Record<string, any>;
  parameters_edited: boolean;
  result: any;
  progress: { percent: number; message: string; at: string } | null;
  attempts: { attempt: number; worker: string | null; ended_at: string; code: string; message: string }[];
  tags: string[];
  metadata: Record<string, unknown> | null;
}

export interface Why {
  task_id: string;
  task_name: string;
  status: TaskStatus;
  /** The whole answer in one sentence. */
  summary: string;
  reasons: { kind: string; message: string; [fact: string]: unknown }[];
}

/** By task name exactly the completed and the failed ones; a result may be null. */
export interface WorkflowResults {
  workflow_id: string;
  name: string;
  status: WorkflowStatus;
  total_tasks: number;
  completed_tasks: number;
  failed_tasks: number;
  execution_time_seconds: number;
  results: Record<string, any>;
  errors: Record<string, TaskFailure>;
}

/** Something that has happened, and is on disk; further members depend on the `type`. */
export interface FeedEvent {
  /** Reading on from `seq + 1` misses nothing and repeats nothing. */
  seq: number;
  at: string;
  type: string;
  workflow_id?: string;
  task_id?: string;
  [fact: string]: any;
}

export interface FeedFilter {
  /** The first position that is wanted; without one, what happens from now on. */
  since?: number;
  workflow?: string;
  /** Ends the feed. */
  signal?: AbortSignal;
}

export interface Service {
  id: string;
  name: string;
  node_type: "external_service" | "executor" | "built_in";
  connected: boolean;
  status: string;
  draining: boolean;
  task_types: string[];
  capabilities: string[];
  capacity: number;
  active_tasks: number;
  task_ids: string[];
  tasks_completed: number;
  tasks_failed: number;
  breaker: "closed" | "open" | "half_open";
  [more: string]: unknown;
}

export interface Page<T> {
  items: T[];
  /** Where the next page begins; null on the last one. */
  next_cursor: string | null;
}

export interface PageRequest {
  cursor?: string;
  limit?: number;
}

export interface WorkflowFilter extends PageRequest {
  status?: WorkflowStatus | WorkflowStatus[];
  /** Beginnings of words of the name. */
  text?: string;
  /** A part of the name. */
  name?: string;
  /** All of these. */
  tag?: string | string[];
  metadata?: Record<string, string | number | boolean | null>;
  /** RFC 3339 or milliseconds since 1970. */
  createdAfter?: string | number;
  createdBefore?: string | number;
}

export interface TaskFilter extends PageRequest {
  status?: TaskStatus;
}

export interface EventFilter extends PageRequest {
  since?: number;
}

export interface DeadLetterFilter extends WorkflowFilter {
  code?: string | string[];
  service?: string;
  failedAfter?: string | number;
  failedBefore?: string | number;
}

/** Who asks for something, and why; kept with the event. */
export interface Note {
  by?: string;
  reason?: string;
}

export interface RetryOptions extends Note {
  /** A JSON merge patch (RFC 7396); for a workflow, patches by task name, key or id. */
  parameters?: Record<string, unknown>;
}

export interface SkipOptions extends Note {
  /** What depends on the task runs with this as its result. */
  with?: unknown;
}

export interface FailureByHand extends Note {
  error: string;
  code?: string;
  /** Tried again as its policy says; without this the failure is final. */
  retryable?: boolean;
  retryAfterMs?: number;
  details?: unknown;
}

export interface Bulk {
  /** Conditions as in the query of the list, by the names they have there; lists for several values. */
  filter: Record<string, unknown>;
  limit?: number;
  /** Only says what would be done. */
  dryRun?: boolean;
  cursor?: string;
}

export interface BulkDone {
  dry_run: boolean;
  done: { id: string; name: string; status: string; workflow_id?: string; seq?: number }[];
  refused: { id: string; name: string; error: Record<string, unknown> }[];
  next_cursor: string | null;
}

export interface Receipt {
  id: string;
  status: string;
  seq: number;
}

export interface NewWebhook {
  url: string;
  /** `workflow.completed`, `task.*`, ... */
  events: string[];
  /** Conditions on the workflow. */
  filter?: { name?: string; tag?: string[]; metadata?: Record<string, unknown> };
  description?: string;
  /** `whsec_` and base64, or any text. Without one the server makes one. */
  secret?: string;
}

export interface Webhook {
  id: string;
  url: string;
  events: string[];
  status: "enabled" | "paused" | "disabled";
  /** Told once, in the answer that made it. */
  secret?: string;
  [more: string]: unknown;
}

export interface Delivery {
  id: string;
  type: string;
  seq: number;
  status: "delivered" | "retrying" | "given_up";
  tries: number;
  response_status: number | null;
  [more: string]: unknown;
}

export interface FunctionInfo {
  name: string;
  summary: string;
  usage: string;
  parameters: Record<string, unknown>[];
  example: { args: unknown; result: unknown };
}

export interface Stats {
  version: string;
  pid: number;
  uptime_seconds: number;
  rss_bytes: number;
  cpu_seconds: number;
  seq: number;
  [more: string]: unknown;
}

export interface Health {
  status: "healthy" | "degraded" | "unhealthy";
  version: string;
  read_only: boolean;
  problems: string[];
}

/**
 * A client of one server. Calls that may be repeated without harm are repeated a few times when the server cannot be
 * reached or says that it is overloaded; a submission carries an idempotency key, so it is among them.
 */
export class Client {
  /** `url` is `GLEITZEIT_URL` unless given, or else http://127.0.0.1:8000; a path in it is a prefix of all paths. */
  constructor(url?: string, options?: ClientOptions);
  readonly url: string;
  /** A `Workflow`, or anything that becomes the same JSON. Returns once it is on disk. */
  submit(workflow: unknown, options?: SubmitOptions): Promise<Submitted>;
  submitYaml(text: string, options?: SubmitOptions): Promise<Submitted>;
  /** Checks without storing anything. */
  validate(workflow: unknown): Promise<Validation>;
  validateYaml(text: string): Promise<Validation>;
  /** Submits, and waits for the end. */
  run(workflow: unknown, options?: RunOptions): Promise<WorkflowResults>;
  /** Waits for the end, also over a restart of the server, and gives the results, also of a workflow that failed. */
  waitFor(id: string, options?: WaitOptions): Promise<WorkflowResults>;
  workflows(filter?: WorkflowFilter): Promise<Page<WorkflowInfo>>;
  workflow(id: string): Promise<WorkflowDetail>;
  tasks(id: string, filter?: TaskFilter): Promise<Page<TaskInfo>>;
  results(id: string): Promise<WorkflowResults>;
  workflowEvents(id: string, filter?: EventFilter): Promise<Page<FeedEvent>>;
  cancelWorkflow(id: string): Promise<Receipt>;
  pauseWorkflow(id: string): Promise<Receipt>;
  resumeWorkflow(id: string): Promise<Receipt>;
  retryWorkflow(id: string, options?: RetryOptions): Promise<Receipt>;
  task(id: string): Promise<TaskDetail>;
  /** What a task waits for. */
  why(id: string): Promise<Why>;
  cancelTask(id: string): Promise<Receipt>;
  retryTask(id: string, options?: RetryOptions): Promise<Receipt>;
  completeTask(id: string, result: unknown, note?: Note): Promise<Receipt>;
  failTask(id: string, failure: FailureByHand): Promise<Receipt>;
  skipTask(id: string, options?: SkipOptions): Promise<Receipt>;
  deadLetters(filter?: DeadLetterFilter): Promise<Page<TaskInfo & { workflow_name: string; workflow_status: WorkflowStatus }>>;
  retryTasks(bulk: Bulk): Promise<BulkDone>;
  cancelWorkflows(bulk: Bulk): Promise<BulkDone>;
  retryWorkflows(bulk: Bulk): Promise<BulkDone>;
  services(page?: PageRequest): Promise<Page<Service>>;
  service(id: string): Promise<Service>;
  drainService(id: string): Promise<Receipt>;
  resumeService(id: string): Promise<Receipt>;
  webhooks(): Promise<Page<Webhook>>;
  webhook(id: string): Promise<Webhook>;
  /** Has the ends of workflows or tasks posted to a URL. */
  addWebhook(webhook: NewWebhook): Promise<Webhook>;
  removeWebhook(id: string): Promise<Receipt>;
  /** Nothing is sent until it is resumed; what happens meanwhile is kept. */
  pauseWebhook(id: string): Promise<Receipt>;
  /** With `now` what happened meanwhile is left out. */
  resumeWebhook(id: string, options?: { from?: "cursor" | "now" }): Promise<Receipt>;
  /** Has one message sent that tells of nothing. */
  testWebhook(id: string): Promise<{ delivered: boolean; response_status: number | null; error: unknown }>;
  /** What became of the latest ends, the latest first. */
  deliveries(id: string, page?: PageRequest): Promise<Page<Delivery>>;
  /** Has an end sent once more, under the id that it had before. */
  redeliver(id: string, delivery: string): Promise<Delivery>;
  /** Those inside the server whose name or summary hold the words of `search`. */
  functions(search?: string): Promise<Page<FunctionInfo>>;
  stats(): Promise<Stats>;
  health(): Promise<Health>;
  isReady(): Promise<boolean>;
  /** Stops the server; with `services` the connected ones as well. */
  shutdown(options?: { services?: boolean }): Promise<void>;
  /** Everything that happens. It ends with the connection; open the next one from the last `seq + 1`. */
  events(filter?: FeedFilter): AsyncGenerator<FeedEvent, void, undefined>;
}
