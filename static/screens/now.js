// Now: what somebody who was woken wants to know first.
import { html, useEffect, useMemo } from '../html.js';
import { ago, bytes, compact, count, duration, ms, plural } from '../format.js';
import { get, query } from '../state/api.js';
import { now } from '../state/clock.js';
import { history, overview } from '../state/overview.js';
import { usePoll } from '../state/poll.js';
import { address, workflowAddress } from '../state/route.js';
import { may } from '../state/session.js';
import { Chart, latest } from '../ui/chart.js';
import { Icon } from '../ui/icons.js';
import { Code, Empty, Loading } from '../ui/pieces.js';
import { ProgressOf, Status } from '../ui/status.js';
import { NeedsYou } from './needs.js';
import { byName, speedOf } from './strip.js';

const HOUR_MS = 3600000;
/** A server that has just begun shows this much at least, so that the first lines are no cliffs. */
const SHOWN_SECONDS = 300;
/** Workflows under way that are listed; more are looked at for what needs somebody. */
const LISTED = 12;
const LOOKED_AT = 50;
const SERVICES_LISTED = 8;

export function Now() {
  const { value: running } = usePoll((signal) => get(`/workflows${query({ status: 'running,paused,pending', limit: LOOKED_AT })}`, signal), 2000, []);
  const { value: recent } = usePoll((signal) => get(`/workflows${query({ status: 'completed,failed,cancelled', limit: 8 })}`, signal), 4000, []);
  const { value: letters } = usePoll((signal) => get(`/dead-letters${query({ failed_after: Date.now() - HOUR_MS, limit: 1000 })}`, signal), 10000, []);
  useEffect(() => { document.title = 'Now · Gleitzeit'; }, []);
  const known = overview.value;
  if (!known) return html`<div class="screen"><div class="title"><h1>Now</h1></div><${Loading} what="the server" /></div>`;
  return html`<div class="screen">
    <div class="title"><h1>Now</h1><${Status} status=${known.health.status} /><span class="sub">version ${known.stats.version} · up ${duration(known.stats.uptime_seconds * 1000)}</span></div>
    <${Tiles} stats=${known.stats} services=${known.services} gone=${known.gone} letters=${letters} />
    <div class="overview">
      <div>
        <${Charts} />
        <section class="card" aria-label="Workflows under way"><header><h2 class="grow">Under way</h2><a class="link" href=${address(['workflows'], { status: ['running', 'paused', 'pending'] })}>All</a></header>
          <div class="body"><${Runs} page=${running} empty="Nothing runs" /></div></section>
        <section class="card" aria-label="Workflows that ended last"><header><h2 class="grow">Ended last</h2><a class="link" href=${address(['workflows'])}>All</a></header>
          <div class="body"><${Runs} page=${recent} empty="Nothing has ended yet" ended /></div></section>
      </div>
      <div>
        <section class="card first" aria-label="What needs somebody"><header><h2>Needs you</h2></header><div class="body"><${NeedsYou} known=${known} running=${running} letters=${letters} /></div></section>
        <section class="card" aria-label="Services"><header><h2 class="grow">Services</h2><a class="link" href=${address(['services'])}>All</a></header><div class="body"><${Services} services=${known.services} /></div></section>
        <section class="card" aria-label="Errors of the last hour"><header><h2 class="grow">Errors of the last hour</h2><a class="link" href=${address(['errors'])}>All</a></header><div class="body"><${TopErrors} letters=${letters} /></div></section>
        <section class="card" aria-label="Storage"><header><h2>Disk and log</h2></header><div class="body"><${Storage} stats=${known.stats} health=${known.health} /></div></section>
      </div>
    </div>
  </div>`;
}

function Tiles({ stats, services, gone, letters }) {
  const { completed, failed } = history.value;
  const failing = latest(failed) ?? 0;
  const queued = stats.tasks.queued;
  const waiting = Object.values(queued).reduce((sum, n) => sum + n, 0);
  const outside = services.filter((service) => service.node_type !== 'built_in');
  const connected = outside.filter((service) => service.connected).length;
  const away = outside.length - connected;
  const failures = letters ? letters.items.length : 0;
  return html`<div class="tiles">
    <div class="tile"><span class="name">Throughput</span><span class="value">${compact(latest(completed) ?? 0)} <small>tasks/s</small></span><span class="under">${failing > 0 ? `${compact(failing)} fail a second` : 'none fails now'}</span></div>
    <a class="tile" href=${address(['workflows'], { status: 'running' })}><span class="name">Workflows running</span><span class="value">${count(stats.workflows.running ?? 0)}</span><span class="under">${count(stats.workflows.paused ?? 0)} paused, ${count(stats.workflows.pending ?? 0)} pending</span></a>
    <div class="tile"><span class="name">Tasks running</span><span class="value">${count(stats.tasks.running)}</span><span class="under">on ${plural(services.filter((service) => service.active_tasks > 0).length, 'worker')}</span></div>
    <div class="tile"><span class="name">Queued</span><span class="value">${count(waiting)}</span><span class="under num">${byPriority(queued)}</span></div>
    <a class="tile" href=${address(['services'])}><span class="name">Services</span><span class="value">${connected} <small>of ${outside.length}</small></span><span class="under">${outside.length === 0 ? (gone.length > 0 ? `${count(gone.length)} ${gone.length === 1 ? 'has' : 'have'} gone` : 'none has connected') : away > 0 ? `${count(away)} ${away === 1 ? 'is' : 'are'} away` : 'all are connected'}</span></a>
    <a class="tile" href=${address(['errors'], { only: 'occurred' })}><span class="name">Failed in the last hour</span><span class="value" style=${failures > 0 ? { color: 'var(--failed)' } : undefined}>${count(failures)}${letters?.next_cursor ? '+' : ''}</span><span class="under">tasks, for good</span></a>
  </div>`;
}

/** Only those that have some: a line has no room for zeros. */
function byPriority(queued) {
  const some = ['urgent', 'high', 'normal', 'low'].filter((name) => queued[name] > 0);
  return some.map((name) => `${name} ${count(queued[name])}`).join(' · ') || 'nothing waits';
}

function Charts() {
  const { at, completed, failed, queued, running, dispatch, sync } = history.value;
  const to = Math.max(at[at.length - 1] ?? 0, now.value / 1000);
  const span = Math.min(HOUR_MS / 1000, Math.max(SHOWN_SECONDS, to - (at[0] ?? to)));
  const when = { from: to - span, to };
  const perSecond = (value) => `${compact(value)}/s`;
  return html`<section class="card" aria-label="The last hour"><header><h2 class="grow">${span < HOUR_MS / 1000 ? `Last ${plural(Math.round(span / 60), 'minute')}` : 'Last hour'}</h2></header><div class="body charts">
    <${Chart} title="Throughput" data=${useColumns(at, completed)} ...${when} say=${perSecond} series=${[{ label: 'completed', tone: 'completed', fill: true }]} />
    <${Chart} title="Queue" data=${useColumns(at, queued, running)} ...${when} series=${[{ label: 'queued', tone: 'queued', fill: true }, { label: 'running', tone: 'processing' }]} />
    <${Chart} title="Failures" data=${useColumns(at, failed)} ...${when} say=${perSecond} series=${[{ label: 'failed for good', tone: 'failed', fill: true }]} />
    <${Chart} title="Speed" data=${useColumns(at, dispatch, sync)} ...${when} say=${(value) => duration(value)} series=${[{ label: 'dispatch p95', tone: 'assigned' }, { label: 'disk sync p99', tone: 'retrying' }]} />
  </div></section>`;
}

/** The same list as long as its columns are the same, so that a chart is drawn again only with new figures. */
function useColumns(...columns) {
  return useMemo(() => columns, columns);
}

function Runs({ page, empty, ended }) {
  if (!page) return html`<${Loading} what="workflows" />`;
  if (page.items.length === 0) return html`<${Empty} icon="flow" title=${empty}>${!ended && may('user') && html`<a class="link" href=${address(['submit'])}>Submit a workflow</a>`}</${Empty}>`;
  return html`<ul class="list">${page.items.slice(0, LISTED).map((workflow) => html`<li key=${workflow.id}><a class="entry run-entry" href=${workflowAddress(workflow.id)}>
    <span class="rows" style=${{ gap: '5px' }}><span class="row"><span class="name clip" style=${{ fontWeight: 550 }} title=${workflow.name}>${workflow.name}</span>${!ended && workflow.started_at && html`<span class="faint num whole">${duration(now.value - ms(workflow.started_at))}</span>`}</span><${ProgressOf} workflow=${workflow} /></span>
    <${Status} status=${workflow.status} />
    <span class="right num muted">${ended ? ago(workflow.ended_at, now.value) : `${count(workflow.completed_tasks)}/${count(workflow.total_tasks)}`}</span></a></li>`)}</ul>`;
}

function Services({ services }) {
  const named = byName(services);
  const shown = named.slice(0, SERVICES_LISTED);
  if (shown.length === 0) return html`<${Empty} icon="plug" title="No service is connected">Tasks of the built-in types run all the same.</${Empty}>`;
  return html`<ul class="list">${shown.map((service) => html`<li key=${service.name}><a class="entry service-entry" href=${address(['services', service.name])}>
    <span class="row"><span class="name clip" title=${service.name}>${service.name}</span>${service.workers > 1 && html`<span class="faint">×${service.workers}</span>`}</span><${Status} status=${service.state} word=${service.word} />
    <span class="muted num under">${count(service.active)} of ${plural(service.slots, 'slot')}${speedOf(service.recent)}</span></a></li>`)}
    ${named.length > shown.length && html`<li class="muted"><a class="link" href=${address(['services'])}>and ${named.length - shown.length} more</a></li>`}</ul>`;
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
  const { disk, log, latency } = stats;
  return html`<dl class="facts">
    <dt>Disk</dt><dd>${health.read_only ? html`<${Status} status="failed" word="full: new work is refused" />` : html`<${Status} status="completed" word=${`takes writes, ${bytes(disk.free_bytes)} free`} />`}</dd>
    <dt>Log</dt><dd class="num">${bytes(disk.log_bytes)}, at seq ${count(log.durable_seq)}</dd>
    <dt>Store</dt><dd class="num">${bytes(disk.store_bytes)}, ${stats.archive_backlog > 0 ? `${plural(stats.archive_backlog, 'ended workflow')} on the way to it` : 'up to date'}</dd>
    <dt>Syncs</dt><dd class="num">p50 ${duration(latency.sync.p50_ms ?? NaN)}, p99 ${duration(latency.sync.p99_ms ?? NaN)}</dd>
    <dt>Dispatch</dt><dd class="num">p50 ${duration(latency.dispatch.p50_ms ?? NaN)}, p95 ${duration(latency.dispatch.p95_ms ?? NaN)}</dd>
    <dt>Memory</dt><dd class="num">${bytes(stats.rss_bytes)}, ${duration(stats.cpu_seconds * 1000)} of processor time</dd>
  </dl>`;
}
