// What does the work of tasks: services, and executor nodes.

import type { ManagerOptions, SocketOptions } from "socket.io-client";
import type { GleitzeitError } from "./gleitzeit.js";

export type Capability =
  | "ml_training" | "ml_inference" | "data_processing" | "api_integration"
  | "database_operations" | "webhook_handling" | "file_processing" | "custom_processing";

export const Capability: Readonly<{
  ML_TRAINING: "ml_training";
  ML_INFERENCE: "ml_inference";
  DATA_PROCESSING: "data_processing";
  API_INTEGRATION: "api_integration";
  DATABASE_OPERATIONS: "database_operations";
  WEBHOOK_HANDLING: "webhook_handling";
  FILE_PROCESSING: "file_processing";
  CUSTOM_PROCESSING: "custom_processing";
}>;

/** `task:assign` as it came. */
export interface Assignment {
  task_id: string;
  workflow_id: string;
  attempt: number;
  task_type: string;
  task_name: string;
  parameters: any;
  priority: string;
  max_retries: number;
  /** Seconds that the attempt may run. */
  timeout: number;
  assigned_at: string;
  traceparent?: string;
  external_task_type?: string;
  service_name?: string;
  external_parameters?: any;
  external_timeout?: number;
}

/** What a handler knows about its task, and its way to report progress. */
export interface TaskContext {
  readonly task: Assignment;
  readonly taskId: string;
  readonly workflowId: string;
  readonly taskName: string;
  /** Which try of the task this is, from 1. */
  readonly attempt: number;
  /** The same for every attempt of the task: what a payment or an upload is named by, so that it happens once. */
  readonly idempotencyKey: string;
  /** When the server gives this attempt up and cancels it. */
  readonly deadline: Date | null;
  readonly traceparent: string | null;
  /** Whether the result is no longer wanted. */
  readonly cancelled: boolean;
  /** For `fetch` and others that can be aborted. A cancelled attempt ends when its handler does. */
  readonly signal: AbortSignal;
  /** For handlers that compute: throws once the task was cancelled. */
  throwIfCancelled(): void;
  /** Waits, and throws once the task was cancelled. */
  sleep(ms: number): Promise<void>;
  /** Tells watchers how far the task is, from 0 to 100. Dropped, like all that follows, while the server cannot be reached. */
  progress(percent: number, message?: string, data?: unknown): void;
  /** Tells watchers something, without progress. */
  log(message: string): void;
  /** Tells watchers a piece of the output: text of any length, or JSON of at most 64 KiB. It is not stored. */
  stream(piece: unknown): void;
}

/**
 * Does the work of a task and returns its result, or a promise of it, which becomes JSON. `input` is the task's
 * `external_parameters`, or its `parameters` when it has no others.
 */
export type Handler<Input = any> = (input: Input, context: TaskContext) => unknown;

export type LogLevel = "debug" | "info" | "warn" | "error";
export type Log = (level: LogLevel, message: string) => void;
export type Phase = "connecting" | "registered" | "stopped";

/** What the machine has, compared with the `requirements` of tasks. */
export interface Facts {
  cpuCores?: number;
  memoryMb?: number;
  gpuMemoryMb?: number;
  hasGpu?: boolean;
  models?: string[];
  tags?: string[];
}

export interface NodeOptions {
  /** `GLEITZEIT_URL` unless set, or else http://127.0.0.1:8000. */
  url?: string;
  /** A key of the server, or its token; `GLEITZEIT_TOKEN` unless set. */
  token?: string;
  /** The identity towards the server, the same over reconnects. Set it for a node that should stay the same over restarts of its process. */
  nodeId?: string;
  capabilities?: Capability[];
  /** Task types beyond those of the capabilities. */
  taskTypes?: string[];
  /** What comes above it is refused and goes elsewhere; 10 unless set. */
  maxConcurrentTasks?: number;
  /** 30,000 unless set, or less when the server asks for less. */
  heartbeatMs?: number;
  /** A result that is not acknowledged within this time is sent again; 10,000 unless set. */
  ackTimeoutMs?: number;
  /** How long a stopping node may go on delivering what it holds; 5,000 unless set. */
  stopTimeoutMs?: number;
  facts?: Facts;
  /** `["websocket", "polling"]` unless set: the second where the first does not get through. */
  transports?: ("websocket" | "polling")[];
  /** More for socket.io-client, such as `ca` or `extraHeaders`. */
  socketOptions?: Partial<ManagerOptions & SocketOptions>;
  /** Warnings and errors go to the console unless set. */
  log?: Log;
}

export type ExecutorOptions = Omit<NodeOptions, "capabilities">;

export interface RunNodeOptions {
  /** How long running tasks may go on after a signal; 24,000 unless set. */
  drainMs?: number;
  /** Of the process, in node; `["SIGTERM", "SIGINT"]` unless set. */
  signals?: ("SIGTERM" | "SIGINT" | "SIGHUP")[];
}

export interface NodeStatus {
  nodeId: string;
  name: string;
  phase: Phase;
  draining: boolean;
  /** The server's name for the current or last registration. */
  session: string | null;
  /** Attempts whose handlers run. */
  running: number;
  /** Reports that the server has not acknowledged. */
  unacknowledged: number;
  completed: number;
  failed: number;
  cancelled: number;
  /** One more than the reconnections. */
  registrations: number;
  /** Why the node is not connected, or was not the last time. */
  lastError: GleitzeitError | null;
  uptimeMs: number;
}

/** Emits the events `registered`, `disconnected` and `stopped`. */
declare abstract class WorkerNode extends EventTarget {
  readonly name: string;
  readonly nodeId: string;
  /**
   * What does the work of a task type. The handler of a task is the one for its `external_task_type`, else the one for
   * its `task_type`, else that of the first capability that has one.
   */
  handler<Input = any>(taskType: Capability | (string & {}), handler: Handler<Input>): this;
  /**
   * Connects, and reconnects by itself until it is stopped. Resolves once the server knows the node; a server that is
   * not there is waited for. Rejects when the server refuses the key or the registration, or is too old.
   */
  start(): Promise<void>;
  /**
   * `start`, and then until the node has stopped. The first signal drains it, a second one, or the end of `drainMs`,
   * stops it.
   */
  run(options?: RunNodeOptions): Promise<void>;
  /** Takes no new task, and waits until the running ones have ended and the server has every result. */
  drain(): Promise<void>;
  /** Cancels what runs, delivers what can be delivered within the stop timeout, and hands the rest back. */
  stop(): Promise<void>;
  /** Waits until the node has stopped, also because the server shut it down. */
  stopped(): Promise<void>;
  status(): NodeStatus;
}

/** A service that takes the tasks of its capabilities. `serviceName` is what workflows call it. */
export class ExternalServiceNode extends WorkerNode {
  constructor(serviceName: string, options?: NodeOptions);
}

/** A node that runs internal types of tasks, such as `function` or `text`, beside or instead of the server. */
export class ExecutorNode extends WorkerNode {
  constructor(name: string, options?: ExecutorOptions);
  /** Registers a function for `function` tasks. It gets `args`, and behind them `kwargs` as one object when there are any. */
  function(name: string, work: (...args: any[]) => unknown): this;
}

export { WorkerNode };
