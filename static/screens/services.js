// Whoever runs tasks: services, executor nodes, and the workers inside the server.
import { html, useEffect, useRef, useState } from '../html.js';
import { ago, count, duration, fineTime, ms, plural, shortId } from '../format.js';
import { get, post, query, segment } from '../state/api.js';
import { now } from '../state/clock.js';
import { lookAgain, overview } from '../state/overview.js';
import { usePoll } from '../state/poll.js';
import { address, go, listAddress, refine, route, workflowAddress } from '../state/route.js';
import { may } from '../state/session.js';
import { copy, CopyButton, curl } from '../ui/copy.js';
import { Icon } from '../ui/icons.js';
import { Choice, Empty, Failure, Loading } from '../ui/pieces.js';
import { Status } from '../ui/status.js';
import { toast, toastError } from '../ui/toast.js';
import { percent, stateOf, wordOfState } from './strip.js';

/** Slots that are drawn one by one; more are only counted. */
const DRAWN_SLOTS = 60;

/** @param {{id: string}} props an id or a name, or nothing for all */
export function Services({ id }) {
  useEffect(() => { document.title = `${id || 'Services'} · Gleitzeit`; }, [id]);
  const known = overview.value;
  if (!known) return html`<div class="screen"><div class="title"><h1>Services</h1></div><${Loading} what="services" /></div>`;
  const { search } = route.value;
  const text = (search.get('text') ?? '').toLowerCase();
  const state = search.get('state') ?? '';
  const { services, more } = known;
  const gone = goneOf(known).filter((service) => !state && (!text || `${service.name} ${service.task_types.join(' ')}`.toLowerCase().includes(text)));
  const one = id ? services.filter((service) => service.id === id || service.name === id) : null;
  const shown = (one ?? services).filter((service) => (!text || `${service.name} ${service.id} ${service.task_types.join(' ')}`.toLowerCase().includes(text))
    && (!state || (state === 'connected' ? service.connected : state === 'offline' ? !service.connected : state === 'draining' ? service.draining : service.breaker !== 'closed')));
  const outside = shown.filter((service) => service.node_type !== 'built_in');
  const inside = shown.filter((service) => service.node_type === 'built_in');
  if (id) return html`<${One} id=${id} workers=${shown} />`;
  const shownOf = more ? `the first ${count(services.length)} services by id` : connectedSlots(services);
  return html`<div class="screen">
    <div class="title"><h1>Services</h1><span class="sub num">${shownOf}</span></div>
    <div class="row flow"><input class="field" type="search" data-filter aria-label="Filter services" placeholder="Filter  /" value=${search.get('text') ?? ''} onInput=${(event) => refine({ text: event.target.value || undefined })} />
      <${Choice} name="State" options=${[['connected', 'Connected'], ['offline', 'Offline'], ['draining', 'Draining'], ['breaker', 'Breaker open']]} value=${state} change=${(value) => refine({ state: value || undefined })} /></div>
    ${outside.length > 0 && html`<div class="cards">${outside.map((service) => html`<${Service} key=${service.id} service=${service} sharing=${sharing(services, service)} />`)}</div>`}
    ${outside.length === 0 && html`<div class="card">${text || state ? html`<${Empty} icon="plug" title="No service fits"><button class="button" onClick=${() => go(address(['services']))}>Show all</button></${Empty}>`
      : html`<${Empty} icon="plug" title=${gone.length > 0 ? 'No service is connected' : 'No service has connected yet'}>Any Socket.IO client can register at ${location.origin}, namespace /cluster.</${Empty}>`}</div>`}
    ${gone.length > 0 && html`<section class="rows" aria-label="Gone"><h2>Gone</h2><div class="card"><div class="body"><ul class="list">${gone.map((service) => html`<${Gone} key=${service.name} service=${service} />`)}</ul></div></div></section>`}
    ${inside.length > 0 && html`<h2>Inside the server</h2><div class="cards">${inside.map((service) => html`<${Service} key=${service.id} service=${service} sharing=${1} />`)}</div>`}
  </div>`;
}

/** Services that were here, but for those that are shown already. @param {import('../state/overview.js').Overview} known */
const goneOf = ({ gone, services }) => gone.filter(({ name }) => !services.some((service) => service.name === name));

const LEFT = { clean: 'said goodbye', drained: 'was drained', lost: 'its connection broke', refused: 'the server closed its connection', unreadable: 'it sent what is no JSON, such as NaN' };

function Gone({ service }) {
  const types = service.task_types.join(', ');
  return html`<li class="entry gone-entry muted"><${Status} status="offline" word="Gone" /><span class="name clip" title=${service.name}>${service.name}</span>
    <span class="clip" title=${types}>${types}</span><span class="clip">${LEFT[service.left] ?? 'last reported'}</span><span class="num right" title=${fineTime(service.last_seen_at)}>${ago(service.last_seen_at, now.value)}</span></li>`;
}

/** One worker by its id, or all that share a name; what runs there now, and what failed there lately. */
function One({ id, workers: listed }) {
  const { services, more } = /** @type {import('../state/overview.js').Overview} */ (overview.value);
  const alone = useUnlisted(id, more && listed.length === 0);
  const workers = alone ? [alone] : listed;
  const back = html`<a class="button quiet small square" href=${listAddress('services')} aria-label="All services"><${Icon} name="left" /></a>`;
  if (workers.length === 0) {
    const gone = goneOf(/** @type {import('../state/overview.js').Overview} */ (overview.value)).find((service) => service.name === id || service.id === id);
    return html`<div class="screen"><div class="title">${back}<h1 class="clip">${id}</h1></div>
      <div class="card">${gone ? html`<div class="body"><ul class="list"><${Gone} service=${gone} /></ul></div>` : html`<${Empty} icon="plug" title="No service goes by this name">It may have gone while this page was not open.<a class="button" href=${address(['services'])}>All services</a></${Empty}>`}</div></div>`;
  }
  const { name } = workers[0];
  return html`<div class="screen">
    <div class="title">${back}<h1 class="clip" title=${name}>${name}</h1><span class="sub num">${workers.length > 1 ? connectedSlots(workers, 'worker') : ''}</span></div>
    <div class="cards">${workers.map((service) => html`<${Service} key=${service.id} service=${service} sharing=${sharing(services, service)} />`)}</div>
    <${RunsNow} ids=${workers.flatMap((service) => service.task_ids)} />
    ${workers[0].node_type !== 'built_in' && html`<${FailedLately} key=${id} service=${id} />`}
  </div>`;
}

/** One of a crowd of which the list has only the first, read again as often as the list. */
function useUnlisted(id, wanted) {
  const [found, setFound] = useState(/** @type {any} */ (null));
  const looked = overview.value;
  useEffect(() => {
    if (wanted) get(`/services/${segment(id)}`).then(setFound, () => setFound(null));
    else setFound(null);
  }, [id, wanted, looked]);
  return found;
}

/** How many workers share this one's name. */
const sharing = (services, service) => services.filter((other) => other.name === service.name && other.connected).length;

function connectedSlots(services, what = 'service') {
  const connected = services.filter((service) => service.connected && service.node_type !== 'built_in');
  const sum = (key) => count(connected.reduce((total, service) => total + service[key], 0));
  return `${plural(connected.length, what)} connected, ${sum('active_tasks')} of ${sum('capacity')} slots in use`;
}

function Service({ service, sharing: others }) {
  const runs = service.tasks_completed + service.tasks_failed;
  const builtIn = service.node_type === 'built_in';
  const { recent } = service;
  const state = stateOf(service);
  return html`<article class=${`card service${service.connected ? '' : ' gone'}`} aria-label=${service.name}>
    <div class="row"><h2 class="grow clip" style=${{ fontSize: '14px' }}><a href=${address(['services', service.id])} title=${service.name}>${service.name}</a></h2><${Status} status=${state} word=${wordOfState(state)} /></div>
    <div class="row faint mono"><span class="clip" title=${service.id}>${service.id}</span><${CopyButton} text=${service.id} label="Copy the id" what="Id copied" /></div>
    <div class="rows" style=${{ gap: '5px' }}><div class="row spread"><span class="muted">Slots</span><span class="num">${count(service.active_tasks)} of ${count(service.capacity)}</span></div><${Slots} service=${service} /></div>
    <dl class="facts">
      ${others > 1 && html`<dt>Figures</dt><dd class="muted">of the ${others} workers of this name together</dd>`}
      <dt>Lately</dt><dd class="num">${recent.success_rate === null ? 'nothing in the last minutes' : `${percent(recent.success_rate)} of ${count(recent.completed + recent.failed)} succeeded`}</dd>
      <dt>Run</dt><dd class="num">${recent.run.p95_ms === null ? service.tasks_completed > 0 ? `mean ${duration(service.average_run_ms)}` : '–' : `p50 ${duration(recent.run.p50_ms)}, p95 ${duration(recent.run.p95_ms)}`}</dd>
      ${!builtIn && html`<dt>Round trip</dt><dd class="num">${recent.round_trip.p95_ms === null ? '–' : `p50 ${duration(recent.round_trip.p50_ms)}, p95 ${duration(recent.round_trip.p95_ms)}`}</dd>`}
      <dt>Ever</dt><dd class="num">${count(service.tasks_completed)} completed, ${count(service.tasks_failed)} failed${runs > 0 ? ` (${percent(service.tasks_completed / runs)})` : ''}</dd>
      <dt>Types</dt><dd class="chips">${service.task_types.map((type) => html`<span key=${type} class="tag">${type}</span>`)}</dd>
      ${service.connected ? html`<dt>Connected</dt><dd class="num" title=${fineTime(service.connected_at)}>for ${duration(now.value - ms(service.connected_at))}</dd>` : html`<dt>Last seen</dt><dd class="num" title=${fineTime(service.last_seen_at)}>${ago(service.last_seen_at, now.value)}</dd>`}
      ${!builtIn && html`<dt>Heartbeat</dt><dd class="num">${service.last_heartbeat_at ? ago(service.last_heartbeat_at, now.value) : 'none yet'}</dd>`}
      ${service.breaker !== 'closed' && service.breaker_open_until && html`<dt>Breaker</dt><dd class="num">next try in ${duration(Math.max(0, ms(service.breaker_open_until) - now.value))}</dd>`}
      ${!builtIn && service.reported.cpu_usage > 0 && html`<dt>Says of itself</dt><dd class="num">${service.reported.cpu_usage.toFixed(0)}% processor, ${service.reported.memory_usage.toFixed(0)}% memory</dd>`}
    </dl>
    <div class="row flow verbs">${may('operator') && !builtIn && service.connected && (service.draining ? html`<button class="button small primary" onClick=${() => drain(service, 'resume')}><${Icon} name="play" />Take work again</button>`
      : html`<button class="button small" onClick=${() => drain(service, 'drain')}><${Icon} name="down" />Drain</button>`)}
      ${service.task_ids.length > 0 && html`<a class="button quiet small" href=${address(['services', service.id])}>${plural(service.task_ids.length, 'task')} now</a>`}
      <button class="button quiet small" onClick=${() => copy(curl('GET', `/services/${segment(service.id)}`), 'Command copied')}>curl</button></div>
  </article>`;
}

function Slots({ service }) {
  if (service.capacity > DRAWN_SLOTS) {
    return html`<div class="bar" role="img" aria-label=${`${service.active_tasks} of ${service.capacity} slots in use`}>${service.active_tasks > 0 && html`<i class="s-processing" style=${{ width: `${(service.active_tasks * 100) / service.capacity}%` }} />`}</div>`;
  }
  return html`<div class="slots" role="img" aria-label=${`${service.active_tasks} of ${service.capacity} slots in use`}>${Array.from({ length: service.capacity }, (_, at) => html`<i key=${at} class=${at < service.active_tasks ? 'held' : ''} />`)}</div>`;
}

/** Running tasks that are named; each is asked for once. */
const NAMED = 20;
const FAILED_SHOWN = 20;
const LATELY_MS = 3600000;

function RunsNow({ ids }) {
  const shown = ids.slice(0, NAMED);
  const kept = useRef(new Map()).current;
  const { value } = usePoll(async (signal) => {
    for (const id of kept.keys()) if (!shown.includes(id)) kept.delete(id);
    await Promise.all(shown.filter((id) => !kept.has(id)).map(async (id) => kept.set(id, await get(`/tasks/${segment(id)}`, signal).catch(() => null))));
    return shown.map((id) => kept.get(id)).filter(Boolean);
  }, 0, [shown.join(' ')]);
  return html`<section class="card" aria-label="What runs now"><header><h2 class="grow">Runs now</h2><span class="muted num">${ids.length > NAMED ? `${NAMED} of ${count(ids.length)}` : ''}</span></header>
    <div class="body">${ids.length === 0 ? html`<p class="muted">Nothing.</p>` : !value ? html`<${Loading} what="the tasks" />` : html`<ul class="list">${value.map((task) => html`<li key=${task.id}><a class="entry task-entry" href=${address(['tasks', task.id])}>
      <span class="name clip" title=${task.name}>${task.name}</span><span class="faint mono clip">${shortId(task.workflow_id)}</span><span class="num muted right">${task.started_at ? duration(now.value - ms(task.started_at)) : ''}</span></a></li>`)}</ul>`}</div></section>`;
}

function FailedLately({ service }) {
  const { value, error } = usePoll((signal) => get(`/dead-letters${query({ service, failed_after: Date.now() - LATELY_MS, limit: FAILED_SHOWN })}`, signal), 10000, [service]);
  const items = [...(value?.items ?? [])].sort((a, b) => (a.ended_at < b.ended_at ? 1 : -1));
  return html`<section class="card" aria-label="What failed in the last hour"><header><h2 class="grow">Failed in the last hour</h2></header>
    <div class="body">${error && !value ? html`<${Failure} error=${error} what="What failed" />` : !value ? html`<${Loading} what="failed tasks" />` : items.length === 0 ? html`<p class="muted">Nothing.</p>`
      : html`<ul class="list">${items.map((letter) => html`<li key=${letter.id}><a class="entry letter-entry" href=${workflowAddress(letter.workflow_id, '', { task: letter.id })}>
        <span class="mono status s-failed">${letter.error?.code}</span><span class="name clip" title=${letter.name}>${letter.name}</span><span class="muted clip" title=${letter.error?.message}>${letter.error?.message}</span><span class="muted num right">${ago(letter.ended_at, now.value)}</span></a></li>`)}
        ${value.next_cursor && html`<li class="muted">and more</li>`}</ul>`}</div></section>`;
}

async function drain(service, verb) {
  const back = verb === 'drain' ? 'resume' : 'drain';
  try {
    await post(`/services/${segment(service.id)}/${verb}`);
    toast(verb === 'drain' ? `${service.name} gets no new work; what it holds goes on` : `${service.name} takes work again`, { action: { label: 'Undo', run: () => drain(service, back) } });
    lookAgain();
  } catch (error) {
    toastError(error);
  }
}
