// How the server does, looked at every two seconds while the tab is seen, and what that came to over the last minutes.
import { effect, signal } from '../html.js';
import { get, tokenEpoch } from './api.js';
import { link, readEvents, workerNews } from './live.js';

const EVERY_MS = 2000;
/** Half an hour of samples. */
const KEPT = 900;
/** Events that are read once to show what was before the page was opened. */
const BEFORE = 3000;

/** @typedef {{stats: any, services: any[], health: any}} Overview */

export const overview = signal(/** @type {Overview | null} */ (null));
/** Times in seconds, then completed and failed a second, queued, and running. */
export const series = signal(/** @type {(number | null)[][]} */ ([[], [], [], [], []]));

/** @type {{at: number, completed: number, failed: number} | null} */
let last = null;
/** @type {any} */
let timer = 0;
let prefilled = false;

export function startOverview() {
  effect(() => {
    tokenEpoch.value;
    workerNews.value;
    if (link.value !== 'connecting') soon(50);
  });
  document.addEventListener('visibilitychange', () => document.hidden || soon(0));
  soon(0);
}

function soon(ms) {
  clearTimeout(timer);
  timer = setTimeout(look, ms);
}

export const lookAgain = () => soon(0);

async function look() {
  try {
    const [stats, services, health] = await Promise.all([get('/stats'), get('/services'), get('/health')]);
    overview.value = { stats, services: withGone(services.items), health };
    sample(stats, services.items);
    if (!prefilled) {
      prefilled = true;
      prefill(stats.log.durable_seq);
    }
  } catch {
    // The banner says that nobody answers; the last figures stay.
  }
  if (!document.hidden) soon(EVERY_MS);
}

/** @type {Map<string, any>} */
const seen = new Map();
/** More services that went away than this are a crowd, not news. */
const SEEN_MAX = 500;

/** The server forgets a service that has gone and holds nothing. Whoever watches wants to know that it was there. */
function withGone(services) {
  const here = new Set(services.map((service) => service.id));
  for (const service of services) if (service.node_type !== 'built_in' && (seen.has(service.id) || seen.size < SEEN_MAX)) seen.set(service.id, service);
  const gone = [...seen.values()].filter((service) => !here.has(service.id));
  return [...services, ...gone.map((service) => ({ ...service, connected: false, status: 'offline', active_tasks: 0, task_ids: [] }))];
}

function sample(stats, services) {
  const names = new Map(services.map((service) => [service.name, service]));
  let [completed, failed] = [0, 0];
  for (const service of names.values()) {
    completed += service.tasks_completed;
    failed += service.tasks_failed;
  }
  const at = Date.now() / 1000;
  const before = last;
  last = { at, completed, failed };
  const queued = Object.values(stats.tasks.queued).reduce((sum, n) => sum + n, 0);
  const span = before ? at - before.at : 0;
  // Totals that went down are those of another server; a long pause is a gap and no average.
  const known = before !== null && span > 0 && span < 20 && completed >= before.completed;
  push([at, known ? (completed - before.completed) / span : null, known ? Math.max(0, failed - before.failed) / span : null, queued, stats.tasks.running]);
}

function push(row) {
  series.value = series.value.map((column, at) => {
    const next = column.length >= KEPT ? column.slice(column.length - KEPT + 1) : column.slice();
    next.push(row[at]);
    return next;
  });
}

/** What the log knows of the minutes before the page was opened. */
async function prefill(durable) {
  const begin = Math.floor(Date.now() / 1000) - 1800;
  /** @type {Map<number, [number, number]>} */
  const buckets = new Map();
  let first = Infinity;
  try {
    for await (const page of readEvents(Math.max(1, durable - BEFORE), { max: BEFORE })) {
      for (const event of page) {
        const at = Math.floor(Date.parse(event.at) / 10000) * 10;
        if (at < begin) continue;
        first = Math.min(first, at);
        const found = buckets.get(at) ?? [0, 0];
        if (event.type === 'task_completed') found[0] += 1;
        if (event.type === 'task_failed') found[1] += 1;
        buckets.set(at, found);
      }
    }
  } catch {
    return;
  }
  const now = series.peek()[0][0] ?? Date.now() / 1000;
  /** @type {(number | null)[][]} */
  const rows = [[], [], [], [], []];
  for (let at = Math.max(begin, first); at + 10 < now; at += 10) {
    const [completed, failed] = buckets.get(at) ?? [0, 0];
    [at + 5, completed / 10, failed / 10, null, null].forEach((value, column) => rows[column].push(value));
  }
  series.value = series.peek().map((column, at) => [...rows[at], ...column].slice(-KEPT));
}
