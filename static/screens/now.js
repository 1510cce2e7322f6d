// Now: what somebody who was woken wants to know first.
import { html, useEffect } from '../html.js';
import { ago, bytes, compact, count, duration, plural } from '../format.js';
import { get, query } from '../state/api.js';
import { now } from '../state/clock.js';
import { overview, series } from '../state/overview.js';
import { usePoll } from '../state/poll.js';
import { address, workflowAddress } from '../state/route.js';
import { Chart } from '../ui/chart.js';
import { Icon } from '../ui/icons.js';
import { Code, Empty, Loading } from '../ui/pieces.js';
import { ProgressOf, Status } from '../ui/status.js';
import { NeedsYou } from './needs.js';

const WINDOW_SECONDS = 900;
const HOUR_MS = 3600000;

export function Now() {
  const { value: running } = usePoll((signal) => get(`/workflows${query({ status: 'running,paused,pending', limit: 12 })}`, signal), 2000, []);
  const { value: recent } = usePoll((signal) => get(`/workflows${query({ status: 'completed,failed,cancelled', limit: 8 })}`, signal), 4000, []);
  const { value: letters } = usePoll((signal) => get(`/dead-letters${query({ failed_after: Date.now() - HOUR_MS, limit: 1000 })}`, signal), 10000, []);
  useEffect(() => { document.title = 'Now · Gleitzeit'; }, []);
  const known = overview.value;
  if (!known) return html`<div class="screen"><div class="title"><h1>Now</h1></div><${Loading} what="the server" /></div>`;
  return html`<div class="screen">
    <div class="title"><h1>Now</h1><${Status} status=${known.health.status} /><span class="sub">version ${known.stats.version} · up ${duration(known.stats.uptime_seconds * 1000)}</span></div>
    <${Tiles} stats=${known.stats} services=${known.services} letters=${letters} />
    <div class="overview">
      <div>
        <${Charts} />
        <section class="card" aria-label="Workflows under way"><header><h2 class="grow">Under way</h2><a class="link" href=${address(['workflows'], { status: ['running', 'paused', 'pending'] })}>All</a></header>
          <div class="body"><${Runs} page=${running} empty="Nothing runs" /></div></section>
        <section class="card" aria-label="Workflows that ended last"><header><h2 class="grow">Ended last</h2><a class="link" href=${address(['workflows'])}>All</a></header>
          <div class="body"><${Runs} page=${recent} empty="Nothing has ended yet" ended /></div></section>
      </div>
      <div>
        <section class="card" aria-label="What needs somebody"><header><h2>Needs you</h2></header><div class="body"><${NeedsYou} known=${known} running=${running} letters=${letters} /></div></section>
        <section class="card" aria-label="Services"><header><h2 class="grow">Services</h2><a class="link" href=${address(['services'])}>All</a></header><div class="body"><${Services} services=${known.services} /></div></section>
        <section class="card" aria-label="Errors of the last hour"><header><h2 class="grow">Errors of the last hour</h2><a class="link" href=${address(['errors'])}>All</a></header><div class="body"><${TopErrors} letters=${letters} /></div></section>
        <section class="card" aria-label="Storage"><header><h2>Disk and log</h2></header><div class="body"><${Storage} stats=${known.stats} health=${known.health} /></div></section>
      </div>
    </div>
  </div>`;
}

function Tiles({ stats, services, letters }) {
  const [, completed, failed] = series.value;
  const rate = latest(completed);
  const queued = stats.tasks.queued;
  const waiting = Object.values(queued).reduce((sum, n) => sum + n, 0);
  const outside = services.filter((service) => service.node_type !== 'built_in');
  const connected = outside.filter((service) => service.connected).length;
  const failures = letters ? letters.items.length : 0;
  return html`<div class="tiles">
    <div class="tile"><span class="name">Throughput</span><span class="value">${compact(rate)} <small>tasks/s</small></span><span class="under">${latest(failed) > 0 ? `${compact(latest(failed))} failing/s` : 'no failures'}</span></div>
    <a class="tile" href=${address(['workflows'], { status: 'running' })}><span class="name">Workflows running</span><span class="value">${count(stats.workflows.running ?? 0)}</span><span class="under">${count(stats.workflows.paused ?? 0)} paused, ${count(stats.workflows.pending ?? 0)} pending</span></a>
    <div class="tile"><span class="name">Tasks running</span><span class="value">${count(stats.tasks.running)}</span><span class="under">on ${plural(services.filter((service) => service.active_tasks > 0).length, 'worker')}</span></div>
    <div class="tile"><span class="name">Queued</span><span class="value">${count(waiting)}</span><span class="under num">${byPriority(queued)}</span></div>
    <a class="tile" href=${address(['services'])}><span class="name">Services</span><span class="value">${connected} <small>of ${outside.length}</small></span><span class="under">${outside.length - connected > 0 ? `${plural(outside.length - connected, 'one', 'are')} away`.replace('1 one', '1 is') : 'all are connected'}</span></a>
    <a class="tile" href=${address(['workflows'], { status: 'failed' })}><span class="name">Failed in the last hour</span><span class="value s-failed" style=${failures > 0 ? { color: 'var(--failed)' } : undefined}>${count(failures)}${letters?.next_cursor ? '+' : ''}</span><span class="under">tasks, for good</span></a>
  </div>`;
}

/** Only those that have some: a line has no room for zeros. */
function byPriority(queued) {
  const some = ['urgent', 'high', 'normal', 'low'].filter((name) => queued[name] > 0);
  return some.map((name) => `${name} ${count(queued[name])}`).join(' · ') || 'nothing waits';
}

const latest = (column) => column.findLast((value) => value !== null) ?? 0;

function Charts() {
  const data = series.value;
  const to = Math.max(data[0][data[0].length - 1] ?? 0, Date.now() / 1000 - 2);
  const from = to - WINDOW_SECONDS;
  const [at, completed, failed, queued, running] = data;
  return html`<section class="card" aria-label="The last 15 minutes"><header><h2 class="grow">Last 15 minutes</h2></header><div class="body charts">
    <div><div class="legend"><span class="s-completed"><i />completed <b>${compact(latest(completed))}/s</b></span><span class="s-failed"><i />failed attempts <b>${compact(latest(failed))}/s</b></span></div>
      <${Chart} label=${`Tasks completed a second, now ${compact(latest(completed))}`} data=${[at, completed, failed]} from=${from} to=${to} series=${[{ label: 'completed', tone: 'completed', fill: true }, { label: 'failed', tone: 'failed' }]} /></div>
    <div><div class="legend"><span class="s-queued"><i />queued <b>${compact(latest(queued))}</b></span><span class="s-processing"><i />running <b>${compact(latest(running))}</b></span></div>
      <${Chart} label=${`Tasks that wait, now ${compact(latest(queued))}`} data=${[at, queued, running]} from=${from} to=${to} series=${[{ label: 'queued', tone: 'queued', fill: true }, { label: 'running', tone: 'processing' }]} /></div>
  </div></section>`;
}

function Runs({ page, empty, ended }) {
  if (!page) return html`<${Loading} what="workflows" />`;
  if (page.items.length === 0) return html`<${Empty} icon="flow" title=${empty}>${!ended && html`<a class="link" href=${address(['submit'])}>Submit a workflow</a>`}</${Empty}>`;
  return html`<ul class="list">${page.items.map((workflow) => html`<li key=${workflow.id}><a class="entry run-entry" href=${workflowAddress(workflow.id)}>
    <span class="rows" style=${{ gap: '5px' }}><span class="row"><span class="name clip" style=${{ fontWeight: 550 }}>${workflow.name}</span></span><${ProgressOf} workflow=${workflow} /></span>
    <${Status} status=${workflow.status} />
    <span class="right num muted">${ended ? ago(workflow.ended_at, now.value) : `${count(workflow.completed_tasks)}/${count(workflow.total_tasks)}`}</span></a></li>`)}</ul>`;
}

function Services({ services }) {
  const outside = services.filter((service) => service.node_type !== 'built_in');
  const shown = [...outside].sort((a, b) => Number(b.connected) - Number(a.connected) || b.active_tasks - a.active_tasks).slice(0, 8);
  if (shown.length === 0) return html`<${Empty} icon="plug" title="No service is connected">Tasks of the built-in types run all the same.</${Empty}>`;
  return html`<ul class="list">${shown.map((service) => html`<li key=${service.id}><a class="entry service-entry" href=${address(['services', service.id])}>
    <span class="name clip">${service.name}</span><${Status} status=${service.draining ? 'draining' : service.connected ? service.status : 'offline'} />
    <span class="right num muted">${service.active_tasks}/${service.capacity}</span></a></li>`)}
    ${outside.length > shown.length && html`<li class="muted">and ${outside.length - shown.length} more</li>`}</ul>`;
}

/** @param {any[]} items */
export function byCode(items) {
  const groups = new Map();
  for (const letter of items) {
    const code = letter.error?.code ?? 'GZ0000';
    const group = groups.get(code) ?? { code, name: letter.error?.name ?? '', count: 0, latest: letter };
    group.count += 1;
    if ((letter.ended_at ?? '') > (group.latest.ended_at ?? '')) group.latest = letter;
    groups.set(code, group);
  }
  return [...groups.values()].sort((a, b) => b.count - a.count);
}

function TopErrors({ letters }) {
  if (!letters) return html`<${Loading} what="errors" />`;
  const groups = byCode(letters.items).slice(0, 6);
  if (groups.length === 0) return html`<p class="muted row"><${Icon} name="check" />None</p>`;
  return html`<ul class="list">${groups.map((group) => html`<li key=${group.code}><div class="entry error-entry"><${Code} code=${group.code} />
    <a class="clip" title=${group.latest.error?.message} href=${workflowAddress(group.latest.workflow_id, '', { task: group.latest.id })}>${group.latest.error?.message ?? group.name}</a><span class="num right">${count(group.count)}</span></div></li>`)}</ul>`;
}

function Storage({ stats, health }) {
  return html`<dl class="facts">
    <dt>Log</dt><dd class="num">seq ${count(stats.log.durable_seq)}, ${bytes(stats.log.appended_bytes)} written since the start</dd>
    <dt>Commits</dt><dd class="num">${count(stats.log.batches)} syncs, ${stats.log.batches > 0 ? bytes(stats.log.appended_bytes / stats.log.batches) : '–'} each</dd>
    <dt>Disk</dt><dd>${health.read_only ? html`<${Status} status="failed" word="full: new work is refused" />` : html`<${Status} status="completed" word="takes writes" />`}</dd>
    <dt>Archive</dt><dd class="num">${stats.archive_backlog > 0 ? `${plural(stats.archive_backlog, 'workflow')} on the way` : 'up to date'}</dd>
    <dt>Memory</dt><dd class="num">${bytes(stats.rss_bytes)}, ${duration(stats.cpu_seconds * 1000)} of processor time</dd>
  </dl>`;
}
