// Whoever runs tasks: services, executor nodes, and the workers inside the server.
import { html, useEffect } from '../html.js';
import { ago, count, duration, ms, plural, shortId } from '../format.js';
import { post, segment } from '../state/api.js';
import { now } from '../state/clock.js';
import { lookAgain, overview } from '../state/overview.js';
import { address, listAddress, refine, route } from '../state/route.js';
import { CopyButton } from '../ui/copy.js';
import { Icon } from '../ui/icons.js';
import { Choice, Empty, Loading } from '../ui/pieces.js';
import { Status } from '../ui/status.js';
import { toast, toastError } from '../ui/toast.js';

/** Slots that are drawn one by one; more are only counted. */
const DRAWN_SLOTS = 60;
const TASKS_SHOWN = 6;

/** @param {any} service */
const stateOf = (service) => (!service.connected ? 'offline' : service.draining ? 'draining' : service.status);

/** @param {{id: string}} props an id or a name, or nothing for all */
export function Services({ id }) {
  useEffect(() => { document.title = 'Services · Gleitzeit'; }, []);
  const known = overview.value;
  if (!known) return html`<div class="screen"><div class="title"><h1>Services</h1></div><${Loading} what="services" /></div>`;
  const { search } = route.value;
  const text = (search.get('text') ?? '').toLowerCase();
  const state = search.get('state') ?? '';
  const { services } = known;
  const one = id ? services.filter((service) => service.id === id || service.name === id) : null;
  const shown = (one ?? services).filter((service) => (!text || `${service.name} ${service.id} ${service.task_types.join(' ')}`.toLowerCase().includes(text))
    && (!state || (state === 'connected' ? service.connected : state === 'offline' ? !service.connected : state === 'draining' ? service.draining : service.breaker !== 'closed')));
  const outside = shown.filter((service) => service.node_type !== 'built_in');
  const inside = shown.filter((service) => service.node_type === 'built_in');
  return html`<div class="screen">
    <div class="title">${id && html`<a class="button quiet small square" href=${listAddress('services')} aria-label="All services"><${Icon} name="left" /></a>`}<h1>${id || 'Services'}</h1>
      <span class="sub num">${connectedSlots(services)}</span></div>
    ${!id && html`<div class="row flow"><input class="field" type="search" data-filter aria-label="Filter services" placeholder="Filter  /" value=${search.get('text') ?? ''} onInput=${(event) => refine({ text: event.target.value || undefined })} />
      <${Choice} name="State" options=${[['connected', 'Connected'], ['offline', 'Offline'], ['draining', 'Draining'], ['breaker', 'Breaker open']]} value=${state} change=${(value) => refine({ state: value || undefined })} /></div>`}
    ${outside.length > 0 && html`<div class="cards">${outside.map((service) => html`<${Service} key=${service.id} service=${service} all=${Boolean(id)} />`)}</div>`}
    ${outside.length === 0 && !id && html`<div class="card"><${Empty} icon="plug" title=${text || state ? 'No service fits' : 'No service has connected yet'}>Any Socket.IO client can register: ${location.origin}, namespace /cluster.</${Empty}></div>`}
    ${id && shown.length === 0 && html`<div class="card"><${Empty} icon="plug" title="No service goes by this name"><a class="link" href=${address(['services'])}>All services</a></${Empty}></div>`}
    ${inside.length > 0 && html`<h2>Inside the server</h2><div class="cards">${inside.map((service) => html`<${Service} key=${service.id} service=${service} all=${Boolean(id)} />`)}</div>`}
  </div>`;
}

function connectedSlots(services) {
  const connected = services.filter((service) => service.connected && service.node_type !== 'built_in');
  const sum = (key) => count(connected.reduce((total, service) => total + service[key], 0));
  return `${plural(connected.length, 'service')} connected, ${sum('active_tasks')} of ${sum('capacity')} slots in use`;
}

function Service({ service, all }) {
  const runs = service.tasks_completed + service.tasks_failed;
  const success = runs > 0 ? (service.tasks_completed * 100) / runs : NaN;
  const builtIn = service.node_type === 'built_in';
  const tasks = all ? service.task_ids : service.task_ids.slice(0, TASKS_SHOWN);
  return html`<article class=${`card service${service.connected ? '' : ' gone'}`} aria-label=${service.name}>
    <div class="row"><h2 class="grow clip" style=${{ fontSize: '14px' }}><a href=${address(['services', service.id])}>${service.name}</a></h2><${Status} status=${stateOf(service)} /></div>
    <div class="row faint mono"><span class="clip">${service.id}</span><${CopyButton} text=${service.id} label="Copy the id" what="Id copied" /></div>
    <div class="rows" style=${{ gap: '5px' }}><div class="row spread"><span class="muted">Slots</span><span class="num">${count(service.active_tasks)} of ${count(service.capacity)}</span></div><${Slots} service=${service} /></div>
    <dl class="facts">
      <dt>Tasks</dt><dd class="num">${count(service.tasks_completed)} completed, ${count(service.tasks_failed)} failed${Number.isFinite(success) ? ` (${success.toFixed(success > 99 && success < 100 ? 2 : 0)}% succeed)` : ''}</dd>
      <dt>Mean run</dt><dd class="num">${service.tasks_completed > 0 ? duration(service.average_run_ms) : '–'}</dd>
      <dt>Types</dt><dd class="chips">${service.task_types.map((type) => html`<span key=${type} class="tag">${type}</span>`)}</dd>
      ${service.connected ? html`<dt>Connected</dt><dd class="num">for ${duration(now.value - ms(service.connected_at))}</dd>` : html`<dt>Last seen</dt><dd class="num">${ago(service.last_seen_at, now.value)}</dd>`}
      ${!builtIn && html`<dt>Heartbeat</dt><dd class="num">${service.last_heartbeat_at ? ago(service.last_heartbeat_at, now.value) : 'none yet'}</dd>`}
      ${service.breaker !== 'closed' && html`<dt>Breaker</dt><dd><${Status} status=${service.breaker} />${service.breaker_open_until ? html` <span class="muted">until its next try in ${duration(Math.max(0, ms(service.breaker_open_until) - now.value))}</span>` : ''}</dd>`}
      ${!builtIn && service.reported.cpu_usage > 0 && html`<dt>Says of itself</dt><dd class="num">${service.reported.cpu_usage.toFixed(0)}% processor, ${service.reported.memory_usage.toFixed(0)}% memory</dd>`}
    </dl>
    ${tasks.length > 0 && html`<div class="rows" style=${{ gap: '5px' }}><h3>Runs now</h3><div class="chips">${tasks.map((task) => html`<a key=${task} class="chip mono" href=${address(['tasks', task])}>${shortId(task.slice(0, task.lastIndexOf('.')))}.${task.slice(task.lastIndexOf('.') + 1)}</a>`)}
      ${service.task_ids.length > tasks.length && html`<a class="link" href=${address(['services', service.id])}>and ${service.task_ids.length - tasks.length} more</a>`}</div></div>`}
    ${!builtIn && html`<div class="row">${service.draining ? html`<button class="button small primary" onClick=${() => drain(service, 'resume')}><${Icon} name="play" />Take work again</button>`
      : html`<button class="button small" onClick=${() => drain(service, 'drain')}><${Icon} name="down" />Drain</button>`}</div>`}
  </article>`;
}

function Slots({ service }) {
  if (service.capacity > DRAWN_SLOTS) {
    return html`<div class="bar" role="img" aria-label=${`${service.active_tasks} of ${service.capacity} slots in use`}>${service.active_tasks > 0 && html`<i class="s-processing" style=${{ width: `${(service.active_tasks * 100) / service.capacity}%` }} />`}</div>`;
  }
  return html`<div class="slots" role="img" aria-label=${`${service.active_tasks} of ${service.capacity} slots in use`}>${Array.from({ length: service.capacity }, (_, at) => html`<i key=${at} class=${at < service.active_tasks ? 'held' : ''} />`)}</div>`;
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
