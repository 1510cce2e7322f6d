// Services as people know them: by name, however many workers share it.
import { duration } from '../format.js';

/** What somebody should look at first. */
const URGENCY = ['open', 'half_open', 'unhealthy', 'offline', 'degraded', 'overloaded', 'draining', 'starting', 'busy', 'healthy', 'ready'];

/** How a worker stands, its breaker and a drain included. @param {any} service */
export function stateOf(service) {
  if (!service.connected) return 'offline';
  if (service.breaker !== 'closed') return service.breaker;
  return service.draining ? 'draining' : service.status;
}

/** The word for it, where the state alone does not say of what. @param {string} state */
export const wordOfState = (state) => ({ open: 'Breaker open', half_open: 'Breaker tries' })[state];

/**
 * @param {any[]} services
 * @returns {{name: string, workers: number, away: number, state: string, word?: string, active: number, slots: number, recent: any}[]}
 */
export function byName(services) {
  const named = new Map();
  for (const service of services) {
    if (service.node_type === 'built_in') continue;
    const known = named.get(service.name) ?? { name: service.name, workers: 0, away: 0, states: [], active: 0, slots: 0, recent: service.recent };
    named.set(service.name, known);
    known.states.push(stateOf(service));
    known.active += service.active_tasks;
    if (service.connected) {
      known.workers += 1;
      known.slots += service.capacity;
      known.recent = service.recent;
    } else {
      known.away += 1;
    }
  }
  const found = [...named.values()].map(({ states, ...known }) => {
    // One of several that went away is told beside those that are there.
    const here = known.workers > 0 ? states.filter((state) => state !== 'offline') : states;
    const state = here.sort((a, b) => place(a) - place(b))[0];
    return { ...known, state, word: known.workers > 0 && known.away > 0 ? `${known.away} of ${known.workers + known.away} away` : wordOfState(state) };
  });
  return found.sort((a, b) => place(a.state) - place(b.state) || b.active - a.active || (a.name < b.name ? -1 : 1));
}

const place = (state) => {
  const at = URGENCY.indexOf(state);
  return at < 0 ? URGENCY.length : at;
};

/** Success and p95 of the last minutes, where there were any. @param {any} recent */
export function speedOf(recent) {
  if (!recent || recent.success_rate === null) return '';
  return ` · ${percent(recent.success_rate)}${recent.run.p95_ms === null ? '' : ` · p95 ${duration(recent.run.p95_ms)}`}`;
}

/** Never 100 % while something failed. @param {number} share */
export function percent(share) {
  const hundred = share * 100;
  if (hundred > 99 && hundred < 100) return `${Math.min(99.99, hundred).toFixed(hundred > 99.9 ? 2 : 1)}%`;
  return `${Math.round(hundred)}%`;
}
