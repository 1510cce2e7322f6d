// The types of gleitzeit.js. What comes from the server keeps the names that it has on the wire; a newer server may say
// more than is written here. Times are in the unit at the end of a name.

import type { Capability } from "./node.js";

/** Of this package, the same as that of the server it was made with. */
export const VERSION: string;

// ---- errors

/**
 * `config`: the call cannot work; `unreachable`: nobody answered; `refused`: the server said no, see `code`;
 * `unexpected`: an answer that is not Gleitzeit's; `too_old`: a server that lacks what is needed;
 * `timeout`: the wait was over first; `stopped`: the node was stopped.
 */
export type ErrorKind = "config" | "unreachable" | "refused" | "unexpected" | "too_old" | "timeout" | "stopped";

export interface ErrorFacts {
  /** The stable code, such as `GZ3002`. */
  code: string | null;
  /** Of the HTTP answer. */
  status: number | null;
  /** What to do. */
  fix: string | null;
  /** The same call may succeed later. */
  retryable: boolean;
  retryAfterMs: number | null;
  /** The whole answer, in the format of RFC 9457. */
  problem: Record<string, unknown> | null;
  cause: unknown;
}

/** What calls of this package throw. */
export class GleitzeitError extends Error implements Omit<ErrorFacts, "cause"> {
  constructor(kind: ErrorKind, message: string, facts?: Partial<ErrorFacts>);
  readonly kind: ErrorKind;
  readonly code: string | null;
  readonly status: number | null;
  readonly fix: string | null;
  readonly retryable: boolean;
  readonly retryAfterMs: number | null;
  readonly problem: Record<string, unknown> | null;
}

export interface TaskErrorOptions {
  /** A stable code of the service's own, for programs that read the error. */
  code?: string;
  /** Anything else that helps to understand the failure, as JSON of at most 32 KiB. */
  details?: unknown;
  cause?: unknown;
}

export interface RetryableOptions extends TaskErrorOptions {
  /** Not tried again before this time has passed. */
  afterMs?: number;
}

/** A failure for a handler to throw. Any other error will do as well; the retry policy of the task decides then. */
export class TaskError extends Error {
  constructor(message: string, options?: TaskErrorOptions);
  readonly code: string | null;
  readonly details: unknown;
  readonly retryable: boolean | null;
  readonly retryAfterMs: number | null;
}

/** Trying again may help. */
export class Retryable extends TaskError {
  constructor(message: string, options?: RetryableOptions);
}

/** Trying again would fail in the same way: the task fails at once. */
export class Fatal extends TaskError {
  constructor(message: string, options?: TaskErrorOptions);
}

// ---- workflows

export type Priority = "urgent" | "high" | "normal" | "low";
export type ErrorStrategy = "stop" | "continue" | "skip" | "retry";

export interface WorkflowOptions {
  /** An id of the submitter's own; submitting the same body under it again changes nothing. */
  id?: string;
  description?: string;
  version?: string;
  /** `continue` unless set. */
  errorStrategy?: ErrorStrategy;
  maxParallelTasks?: number;
  timeoutSeconds?: number;
  tags?: string[];
  metadata?: Record<string, unknown>;
  /** W3C trace context, passed on to workers. */
  traceparent?: string;
}

export interface TaskOptions {
  /** A short key that other tasks may use instead of the name. */
  id?: string;
  /** For order without data: a reference to a result is a dependency by itself. */
  dependencies?: (string | TaskHandle)[];
  /** False runs the task when its dependencies have ended in any way. */
  dependsOnSuccess?: boolean;
  priority?: Priority;
  maxRetries?: number;
  /** The whole retry policy; it wins over `maxRetries`. */
  retry?: {
    maxAttempts?: number;
    strategy?: "fixed" | "linear" | "exponential";
    baseDelaySeconds?: number;
    maxDelaySeconds?: number;
    jitter?: boolean | number;
  };
  /** How long one attempt may run. */
  timeoutSeconds?: number;
  queueTimeoutSeconds?: number;
  requirements?: {
    cpuCores?: number;
    memoryMb?: number;
    gpuMemoryMb?: number;
    requiresGpu?: boolean;
    requiredModels?: string[];
    nodeTags?: string[];
  };
  tags?: string[];
  metadata?: Record<string, unknown>;
}

export interface TextTask extends TaskOptions {
  prompt?: string;
  messages?: { role: "system" | "user" | "assistant"; content: unknown }[];
  systemPrompt?: string;
  model?: string;
  temperature?: number | string;
  maxTokens?: number | string;
  endpointTags?: string[];
  pull?: boolean;
}

export interface VisionTask extends TextTask {
  imagePath?: string;
  imageUrl?: string;
  base64?: unknown;
}

export interface FunctionTask extends TaskOptions {
  functionName: string;
  args?: unknown[];
  kwargs?: Record<string, unknown>;
}

export interface HttpTask extends TaskOptions {
  url: string;
  method?: string;
  headers?: Record<string, unknown>;
  query?: Record<string, unknown>;
  data?: unknown;
  form?: Record<string, unknown>;
  body?: string;
  bodyBase64?: string;
  allowStatus?: number[];
  redirects?: number;
  maxBytes?: number;
  response?: "auto" | "text" | "json" | "base64";
}

export interface FileTask extends TaskOptions {
  operation: "read" | "write" | "append" | "copy" | "move" | "delete" | "list";
  sourcePath?: string;
  targetPath?: string;
  content?: unknown;
  encoding?: string;
}

export interface ExternalTask extends TaskOptions {
  /** One of the capabilities, or a type of the service's own. */
  externalTaskType: Capability | (string & {});
  serviceName?: string;
  externalParameters?: unknown;
  /** Hands the task to a webhook instead of a connected service. */
  serviceUrl?: string;
  callbackUrl?: string;
  webhookToken?: string;
}

export interface ExternalMlTask extends TaskOptions {
  serviceName?: string;
  /** `train` trains; any other is inference. */
  operation: string;
  modelParams?: unknown;
  dataParams?: unknown;
}

export interface ExternalApiTask extends TaskOptions {
  serviceName?: string;
  endpoint: string;
  method?: string;
  payload?: unknown;
  headers?: unknown;
}

export interface ExternalDatabaseTask extends TaskOptions {
  serviceName?: string;
  operation: string;
  queryParams?: unknown;
}

/** A task that was added to a workflow, to refer to. As a value in parameters it stands for its result. */
export class TaskHandle {
  constructor(name: string);
  readonly name: string;
  /** The template that stands for the result. */
  readonly result: string;
  /** The template for a part of the result: `train.at("scores", 0)`. */
  at(...path: (string | number)[]): string;
  toJSON(): string;
}

/** A workflow in the making; `JSON.stringify` gives what `POST /api/v1/workflows` takes. */
export class Workflow {
  constructor(name: string, options?: WorkflowOptions);
  readonly name: string;
  addTextTask(name: string, options: TextTask): TaskHandle;
  addVisionTask(name: string, options: VisionTask): TaskHandle;
  /** A function of the server, or of an executor node in any language. */
  addFunctionTask(name: string, options: FunctionTask): TaskHandle;
  /** The same, by the name that it has in the other languages. */
  addPythonTask(name: string, options: FunctionTask): TaskHandle;
  addHttpTask(name: string, options: HttpTask): TaskHandle;
  addFileTask(name: string, options: FileTask): TaskHandle;
  /** 30 minutes at most unless set. */
  addExternalTask(name: string, options: ExternalTask): TaskHandle;
  /** One hour at most unless set. */
  addExternalMlTask(name: string, options: ExternalMlTask): TaskHandle;
  /** Five minutes at most unless set. */
  addExternalApiTask(name: string, options: ExternalApiTask): TaskHandle;
  /** Ten minutes at most unless set. */
  addExternalDatabaseTask(name: string, options: ExternalDatabaseTask): TaskHandle;
  toJSON(): Record<string, unknown>;
}

export * from "./client.js";
export * from "./node.js";
