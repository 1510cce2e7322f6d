// How the server does, looked at every two seconds while the tab is seen, and how the last hour went.
import { effect, signal } from '../html.js';
import { get, keyEpoch, locked } from './api.js';
import { serverTime } from './clock.js';
import { link, workerNews } from './live.js';

const EVERY_MS = 2000;
/** An hour of samples, as many as the server has. */
const KEPT = 720;
/** Samples further apart than this many intervals are a gap in the lines, and not a slope. */
const GAP = 2.5;

/** @typedef {{stats: any, services: any[], gone: any[], more: boolean, health: any}} Overview `more`: there are more services than these; `gone`: those that were here */

export const overview = signal(/** @type {Overview | null} */ (null));

/**
 * The last hour, oldest first: times in seconds; completed and failed tasks a second; how many were queued and running; and
 * milliseconds of dispatch and of a sync.
 * @typedef {{at: number[], completed: (number | null)[], failed: (number | null)[], queued: (number | null)[], running: (number | null)[],
 *   dispatch: (number | null)[], sync: (number | null)[]}} History
 */
export const history = signal(/** @type {History} */ ({ at: [], completed: [], failed: [], queued: [], running: [], dispatch: [], sync: [] }));

let until = 0;
/** @type {any} */
let timer = 0;

export function startOverview() {
  effect(() => {
    keyEpoch.value;
    workerNews.value;
    if (link.value !== 'connecting') soon(50);
  });
  // Whoever logs in next may be somebody else.
  effect(() => {
    if (locked.value) forget();
  });
  document.addEventListener('visibilitychange', () => document.hidden || soon(0));
  soon(0);
}

function forget() {
  overview.value = null;
  history.value = { at: [], completed: [], failed: [], queued: [], running: [], dispatch: [], sync: [] };
  until = 0;
  seen.clear();
}

function soon(ms) {
  clearTimeout(timer);
  timer = setTimeout(look, ms);
}

export const lookAgain = () => soon(0);

let looking = false;
let lookOnce = false;

/** One look at a time; whoever asks meanwhile gets another one right behind it. */
async function look() {
  // A server that asks for a key would say no each time.
  if (locked.peek()) return;
  if (looking) {
    lookOnce = true;
    return;
  }
  looking = true;
  try {
    const [stats, services, health] = await Promise.all([get('/stats'), get('/services'), get('/health'), readOn()]);
    if (!locked.peek()) overview.value = { stats, services: withGone(services), gone: services.gone, more: services.next_cursor !== null, health };
  } catch {
    // The banner says that nobody answers; the last figures stay.
  }
  looking = false;
  if (lookOnce || !document.hidden) soon(lookOnce ? 0 : EVERY_MS);
  lookOnce = false;
}

/** The samples since the last look. What was before a restart of the server is kept. */
async function readOn() {
  const page = await get(`/stats/history?since=${until}`);
  if (page.at_ms.length === 0) return;
  until = page.until_ms;
  const before = history.peek();
  const last = before.at[before.at.length - 1];
  const interval = page.interval_ms / 1000;
  /** @type {History} */
  const next = { at: page.at_ms.map((ms) => ms / 1000), completed: perSecond(page.completed, interval), failed: perSecond(page.failed, interval), queued: summed(page.queued),
    running: page.running, dispatch: page.dispatch_p95_ms, sync: page.sync_p99_ms };
  const gap = last !== undefined && next.at[0] - last > interval * GAP;
  history.value = /** @type {History} */ (Object.fromEntries(Object.entries(next).map(([name, column]) => [name, [...before[name], ...(gap ? [name === 'at' ? last + interval : null] : []), ...column].slice(-KEPT)])));
}

const perSecond = (column, seconds) => column.map((count) => count / seconds);

/** All priorities together; nothing where the engine did not say. */
const summed = (queued) => queued.normal.map((_, at) => (queued.normal[at] === null ? null : queued.urgent[at] + queued.high[at] + queued.normal[at] + queued.low[at]));

/** @type {Map<string, any>} */
const seen = new Map();
/** More services that went away than this are a crowd, not news; and so is what went away so long ago. */
const SEEN_MAX = 500;
const GONE_MS = 3600000;

/** The server forgets a service that has gone and holds nothing. Whoever watches wants to know that it was there. */
function withGone({ items: services, next_cursor: more }) {
  // Of a crowd only the first are known: whoever is not among them need not have gone.
  if (more !== null) return services;
  const here = new Set(services.map((service) => service.id));
  for (const service of services) if (service.node_type !== 'built_in' && (seen.has(service.id) || seen.size < SEEN_MAX)) seen.set(service.id, service);
  const since = serverTime() - GONE_MS;
  for (const service of seen.values()) if (!here.has(service.id) && Date.parse(service.last_seen_at) < since) seen.delete(service.id);
  const gone = [...seen.values()].filter((service) => !here.has(service.id));
  return [...services, ...gone.map((service) => ({ ...service, connected: false, status: 'offline', active_tasks: 0, task_ids: [] }))];
}
