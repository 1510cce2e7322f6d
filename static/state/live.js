// What happens, as it happens: frames of the log over Socket.IO. Whoever misses a part of it is told from where to
// read on.
import { io } from '../vendor/core.js';
import { effect, signal } from '../html.js';
import { get, heldKey, keyEpoch, locked } from './api.js';

/**
 * @typedef {{seq: number, at: string, type: string, workflow_id?: string, task_id?: string, [fact: string]: any}} LogEvent
 * @typedef {{task_id: string, workflow_id: string, progress: number, message: string, timestamp: string, data?: any}} Progress
 * @typedef {{events: (events: LogEvent[], seq: number) => void, progress?: (progress: Progress[]) => void,
 *   gap: (since: number) => void}} Listener
 * @typedef {{subject: string | null, seq: number, joined: boolean, listener: Listener}} Watch
 */

/** @type {{value: 'connecting' | 'live' | 'lost'}} */
export const link = signal('connecting');
/** When the connection was lost, and how long it was gone the last time it came back. */
export const lostAt = signal(0);
export const returned = signal(/** @type {{at: number, seconds: number} | null} */ (null));
/** Counts what was told about workers: a reason to look at them again. */
export const workerNews = signal(0);
/** The last position of the log that we heard of. */
export const lastSeq = signal(0);
/** The server that answers is another version than the one this page came from. */
export const outdated = signal(false);

/** @type {Set<Watch>} */
const watches = new Set();
let version = '';

/** Whether the server has said no to the key of this connection, so that its end is no surprise. */
let sentAway = false;
/** Whether there has been a connection. */
let hasBeenLive = false;

const socket = io('/cluster', {
  path: '/socket.io/', transports: ['websocket', 'polling'], tryAllTransports: true, autoConnect: false,
  reconnectionDelay: 300, reconnectionDelayMax: 2000, timeout: 8000,
});

/** So long after a refusal the connection is tried again, where the key itself is in order. */
const AGAIN_MS = 1000;

socket.on('connect', authenticate);
socket.on('disconnect', (reason) => {
  if (sentAway) pauseLink();
  else lose();
  // A connection that the server ends is not opened again by itself.
  if (reason === 'io server disconnect') askWhy();
});
socket.on('connect_error', lose);
socket.on('authentication_failed', () => {
  sentAway = true;
  askWhy();
});
for (const news of ['external_service:registered', 'external_service:disconnected', 'node:registered',
  'node:disconnected', 'node:status_change']) {
  socket.on(news, () => {
    workerNews.value += 1;
  });
}
socket.on('watch:frame', take);
// A server that says so before it goes shows the banner at once.
socket.on('cluster:shutdown', lose);

export function connect() {
  effect(() => {
    // A key that was given later is used at once.
    keyEpoch.value;
    if (socket.connected) authenticate();
    else socket.connect();
  });
  effect(() => {
    if (!locked.value) return;
    socket.disconnect();
    link.value = 'connecting';
  });
}

let asking = false;

/**
 * Finds out why the server wants nothing of this connection. A key that is gone has the page ask for another; one whose role
 * has changed opens a new connection.
 */
async function askWhy() {
  if (asking || locked.peek()) return;
  asking = true;
  // Where the key is gone the request itself asks for another.
  await get('/whoami').catch(() => {});
  setTimeout(() => {
    asking = false;
    if (locked.peek()) return;
    if (socket.connected) authenticate();
    else socket.connect();
  }, AGAIN_MS);
}

function authenticate() {
  socket.emit('authenticate', { token: heldKey() ?? undefined, client_type: 'dashboard' }, (answer) => {
    if (answer?.success !== true) return;
    const was = link.value;
    sentAway = false;
    hasBeenLive = true;
    link.value = 'live';
    if (was === 'lost') returned.value = { at: Date.now(), seconds: Math.round((Date.now() - lostAt.value) / 1000) };
    workerNews.value += 1;
    for (const watch of watches) join(watch);
    checkVersion();
  });
}

function lose() {
  if (link.value !== 'lost') lostAt.value = Date.now();
  // Nobody waits for the connection of a page that asks for a key.
  link.value = hasBeenLive && !locked.peek() ? 'lost' : 'connecting';
  for (const watch of watches) watch.joined = false;
}

/** The same, while the server is there and another connection is on its way. */
function pauseLink() {
  lostAt.value = Date.now();
  link.value = 'connecting';
  for (const watch of watches) watch.joined = false;
}

async function checkVersion() {
  const page = await fetch('/', { credentials: 'omit' }).then((answer) => answer.text()).catch(() => '');
  const found = /\/static\/([^/]+)\//.exec(page)?.[1] ?? '';
  if (version && found && found !== version) outdated.value = true;
  version ||= found;
}

/** @param {Watch} watch */
function join(watch) {
  const wanted = watch.subject === null ? {} : { workflow_id: watch.subject };
  socket.emit('watch', wanted, (answer) => {
    if (!answer?.ok || !watches.has(watch)) return;
    lastSeq.value = Math.max(lastSeq.value, answer.seq);
    // Whatever happened before this position is in no frame.
    if (watch.seq < answer.seq) {
      const since = watch.seq + 1;
      watch.seq = answer.seq;
      watch.listener.gap(since);
    }
    watch.joined = true;
  });
}

/** @param {{workflow_id?: string, since: number, seq: number, gap: boolean, events: LogEvent[], progress: Progress[]}} frame */
function take(frame) {
  lastSeq.value = Math.max(lastSeq.value, frame.seq);
  for (const watch of watches) {
    if (watch.subject !== null ? generated(watch.subject) !== frame.workflow_id : frame.workflow_id !== undefined) {
      continue;
    }
    if (frame.progress.length > 0) watch.listener.progress?.(frame.progress);
    if (frame.seq <= watch.seq) continue;
    const missed = frame.gap || frame.since > watch.seq + 1;
    const since = watch.seq + 1;
    const fresh = frame.events.filter((event) => event.seq >= since);
    watch.seq = frame.seq;
    if (missed) watch.listener.gap(since);
    else if (fresh.length > 0) watch.listener.events(fresh, frame.seq);
  }
}

/** Frames name a workflow by its generated id; whoever watches may know it by its own. */
const generatedIds = new Map();
/** @param {string} subject */
const generated = (subject) => generatedIds.get(subject) ?? subject;
/** @param {string} label @param {string} id */
export function knowAs(label, id) {
  if (label !== id) generatedIds.set(label, id);
}

/**
 * Watches one workflow, or with null all there is, from the position `seq` on.
 * @param {string | null} subject @param {number} seq @param {Listener} listener
 * @returns {() => void} ends it
 */
export function watch(subject, seq, listener) {
  /** @type {Watch} */
  const watching = { subject, seq, joined: false, listener };
  watches.add(watching);
  if (link.value === 'live') join(watching);
  return () => {
    watches.delete(watching);
    const others = [...watches].some((other) => other.subject === subject);
    if (!others && link.value === 'live') socket.emit('unwatch', subject === null ? {} : { workflow_id: subject });
  };
}

/**
 * All events from a position on, in pages, oldest first.
 * @param {number} since @param {{workflow?: string, max?: number, signal?: AbortSignal}} [options]
 * @returns {AsyncGenerator<LogEvent[]>}
 */
export async function* readEvents(since, options = {}) {
  let next = since;
  let left = options.max ?? 100000;
  while (left > 0) {
    const limit = Math.min(1000, left);
    const path = options.workflow
      ? `/workflows/${encodeURIComponent(options.workflow)}/events?since=${next}&limit=${limit}`
      : `/events?since=${next}&limit=${limit}`;
    const page = await get(path, options.signal);
    if (page.items.length > 0) yield page.items;
    left -= page.items.length;
    if (page.next_cursor === null) return;
    // A page that looked far and found little goes on from where it stopped.
    next = Number(page.next_cursor);
  }
}
