// A run in columns, as the server sends it, and what the events of the log change in it.
import { signal } from '../html.js';
import { TASK_STATUSES } from '../ui/status.js';

const ENDED_FROM = 5;

/**
 * @typedef {{names: string[], routes: any[], route: Uint32Array, offsets: Uint32Array, parents: Uint32Array,
 *   childOffsets: Uint32Array, children: Uint32Array}} Shape
 */

/**
 * Dependencies and dependents in compressed rows.
 * @param {{names: string[], routes: any[], route: number[], dependency_counts: number[], dependencies: number[]}} graph
 * @returns {Shape}
 */
export function shapeOf(graph) {
  const total = graph.names.length;
  const offsets = new Uint32Array(total + 1);
  for (let at = 0; at < total; at += 1) offsets[at + 1] = offsets[at] + graph.dependency_counts[at];
  const parents = Uint32Array.from(graph.dependencies);
  const childOffsets = new Uint32Array(total + 1);
  for (const parent of parents) childOffsets[parent + 1] += 1;
  for (let at = 0; at < total; at += 1) childOffsets[at + 1] += childOffsets[at];
  const children = new Uint32Array(parents.length);
  const next = childOffsets.slice(0, total);
  for (let at = 0; at < total; at += 1) {
    for (let edge = offsets[at]; edge < offsets[at + 1]; edge += 1) children[next[parents[edge]]++] = at;
  }
  return { names: graph.names, routes: graph.routes, route: Uint32Array.from(graph.route), offsets, parents, childOffsets, children };
}

/** Who or what does a task, in a word or two. @param {any} route */
export function routeName(route) {
  return route.function ?? route.service_name ?? route.external_task_type ?? route.task_type;
}

/** The same in full. @param {any} route */
export function routeTitle(route) {
  const parts = [route.task_type, route.external_task_type, route.function, route.service_name && `service ${route.service_name}`];
  return parts.filter(Boolean).join(' · ');
}

export class Run {
  /** @type {any} the answer of the server, of which what changes is kept in the columns below */
  workflow = null;
  seq = 0;
  created = 0;
  /** @type {string[]} */
  statuses = [];
  /** @type {Record<string, number>} the number of each word */
  numbers = {};
  status = new Uint8Array(0);
  attempt = new Uint32Array(0);
  /** Milliseconds from the creation, -1 where there is none yet. */
  started = new Float64Array(0);
  ended = new Float64Array(0);
  /** @type {string[]} */
  workers = [];
  worker = new Int32Array(0);
  /** @type {Record<string, any>} */
  errors = {};
  /** @type {Map<number, {progress: number, message: string}>} */
  progress = new Map();
  /** Where somebody looks in its graph, so that a way back leads there. @type {any} */
  look = null;
  /** Tells drafts apart, where one follows another. */
  serial = 0;

  /** @param {any} graph the answer of `/workflows/{id}/graph` */
  constructor(graph) {
    this.shape = shapeOf(graph);
    this.total = graph.names.length;
    /** Changes with anything in here, at most once a frame. */
    this.version = signal(0);
    this.pending = false;
    this.load(graph);
  }

  /** Takes over a newer answer about the same run. @param {any} graph */
  load(graph) {
    this.workflow = graph;
    this.seq = graph.seq;
    this.created = graph.created_ms;
    this.statuses = graph.statuses;
    this.numbers = Object.fromEntries(graph.statuses.map((word, number) => [word, number]));
    this.status = Uint8Array.from(graph.task_status);
    this.attempt = Uint32Array.from(graph.attempt);
    this.started = Float64Array.from(graph.started);
    this.ended = Float64Array.from(graph.ended);
    this.workers = graph.workers;
    this.worker = Int32Array.from(graph.worker);
    this.errors = graph.errors;
    this.progress = new Map();
    this.touch();
  }

  touch() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.version.value += 1;
    });
  }

  /** @param {number} at */
  idOf(at) {
    return this.workflow.own_ids[at] ?? `${this.workflow.generated_id}.${at}`;
  }

  /** The place of a task by its generated or own id, -1 where there is none. @param {string} id */
  placeOf(id) {
    const generated = id.lastIndexOf('.');
    if (id.slice(0, generated) === this.workflow.generated_id) {
      const at = Number(id.slice(generated + 1));
      return at < this.total ? at : -1;
    }
    for (const [at, own] of Object.entries(this.workflow.own_ids)) if (own === id) return Number(at);
    return -1;
  }

  /** @param {number} at */
  word(at) {
    return this.statuses[this.status[at]];
  }

  counts() {
    const found = new Array(this.statuses.length).fill(0);
    for (const status of this.status) found[status] += 1;
    return Object.fromEntries(TASK_STATUSES.map((word) => [word, found[this.numbers[word]]]));
  }

  /** @param {number} at */
  parentsOf(at) {
    return this.shape.parents.subarray(this.shape.offsets[at], this.shape.offsets[at + 1]);
  }

  /** @param {number} at */
  childrenOf(at) {
    return this.shape.children.subarray(this.shape.childOffsets[at], this.shape.childOffsets[at + 1]);
  }

  /** When it could have started: with the end of the last one it waited for. Milliseconds from the creation. @param {number} at */
  readyAt(at) {
    let ready = 0;
    for (const parent of this.parentsOf(at)) {
      if (this.ended[parent] < 0) return -1;
      ready = Math.max(ready, this.ended[parent]);
    }
    return ready;
  }

  /**
   * Applies what the log says. Returns whether something happened that only the server can tell in full.
   * @param {import('../state/live.js').LogEvent[]} events
   */
  apply(events) {
    let stale = false;
    for (const event of events) {
      this.seq = Math.max(this.seq, event.seq);
      stale = this.applyOne(event) || stale;
    }
    this.touch();
    return stale;
  }

  /** @param {import('../state/live.js').LogEvent} event */
  applyOne(event) {
    const place = event.task_id ? Number(event.task_id.slice(event.task_id.lastIndexOf('.') + 1)) : -1;
    const at = Date.parse(event.at) - this.created;
    switch (event.type) {
      case 'task_assigned':
        this.set(place, 'assigned');
        this.attempt[place] = event.attempt;
        this.worker[place] = this.workerNumber(event.worker);
        if (this.started[place] < 0) this.started[place] = at;
        if (this.workflow.status === 'pending') this.workflow = { ...this.workflow, status: 'running' };
        return false;
      case 'task_accepted':
        this.set(place, 'processing');
        return false;
      case 'task_completed':
      case 'task_completed_by_hand':
        this.end(place, 'completed', at);
        delete this.errors[place];
        return event.task_indexes_again?.length > 0;
      case 'task_failed':
      case 'task_failed_by_hand':
        this.errors[place] = { code: event.code, message: event.message };
        if (event.final) this.end(place, 'failed', at);
        else this.set(place, 'retrying');
        return false;
      case 'attempt_lost':
      case 'attempt_refused':
      case 'task_requeued':
        this.set(place, 'queued');
        return false;
      case 'task_cancelled':
        this.end(place, 'cancelled', at);
        return false;
      case 'task_skipped':
        this.end(place, 'skipped', at);
        return false;
      case 'workflow_paused':
      case 'workflow_resumed':
        this.workflow = { ...this.workflow, status: event.type === 'workflow_paused' ? 'paused' : 'running' };
        return false;
      case 'workflow_ended':
      case 'workflow_cancelled': {
        const status = event.type === 'workflow_cancelled' ? 'cancelled' : event.status;
        this.workflow = { ...this.workflow, status, ended_at: event.at };
        // Whatever had not ended was ended with it, without an event of its own.
        return this.status.some((number) => number < ENDED_FROM);
      }
      case 'task_skipped_by_hand':
      case 'tasks_retried':
      case 'workflow_round_started':
        return true;
      default:
        return false;
    }
  }

  set(place, word) {
    this.status[place] = this.numbers[word];
    this.ended[place] = -1;
    if (word !== 'processing') this.progress.delete(place);
  }

  end(place, word, at) {
    this.status[place] = this.numbers[word];
    this.ended[place] = at;
    this.progress.delete(place);
    const { pending, queued, completed } = this.numbers;
    for (const child of this.childrenOf(place)) {
      if (this.status[child] === pending && this.parentsOf(child).every((parent) => this.status[parent] === completed)) {
        this.status[child] = queued;
      }
    }
  }

  /** @param {string} name */
  workerNumber(name) {
    let number = this.workers.indexOf(name);
    if (number < 0) number = this.workers.push(name) - 1;
    return number;
  }

  /** @param {import('../state/live.js').Progress[]} list */
  hear(list) {
    for (const one of list) {
      const place = this.placeOf(one.task_id);
      if (place >= 0) this.progress.set(place, { progress: one.progress, message: one.message });
    }
    this.touch();
  }

  /** The first failed task, -1 where there is none. */
  firstFailure() {
    return this.status.indexOf(this.numbers.failed);
  }
}
