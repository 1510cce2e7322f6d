// The tasks of a run as a table: the same as the graph for those who read rather than look.
import { html, useMemo } from '../html.js';
import { count, duration, plural } from '../format.js';
import { serverTime } from '../state/clock.js';
import { refine, route } from '../state/route.js';
import { Status, TASK_STATUSES, wordOf } from '../ui/status.js';
import { Table } from '../ui/table.js';
import { Empty } from '../ui/pieces.js';
import { routeName, routeTitle } from './model.js';

/** @param {import('./model.js').Run} run @param {number} at */
export function tookOf(run, at) {
  if (run.started[at] < 0) return NaN;
  const word = run.word(at);
  const running = word === 'processing' || word === 'assigned';
  const end = run.ended[at] >= 0 ? run.ended[at] : running ? serverTime() - run.created : NaN;
  return end - run.started[at];
}

/** @param {{run: import('./model.js').Run, id: string, open: (task: number) => void}} props */
export function Tasks({ run, id, open }) {
  const version = run.version.value;
  const { search } = route.value;
  const text = (search.get('text') ?? '').toLowerCase();
  const status = search.get('status') ?? '';
  const sort = search.get('sort') ?? '';
  const found = useMemo(() => select(run, text, status, sort), [run, version, text, status, sort]);
  const counts = run.counts();
  return html`<div class="row flow">
      <input class="field" type="search" data-filter aria-label="Filter tasks by name, kind or worker" placeholder="Filter  /" value=${search.get('text') ?? ''}
        onInput=${(event) => refine({ text: event.target.value || undefined })} />
      <div class="chips" role="group" aria-label="Status">${TASK_STATUSES.filter((word) => counts[word] > 0 || word === status).map((word) => html`<button key=${word} class="chip"
        aria-pressed=${word === status} onClick=${() => refine({ status: word === status ? undefined : word })}><${Status} status=${word} word=${wordOf(word)} /><span class="num">${count(counts[word])}</span></button>`)}</div>
      <span class="grow"></span>
      <label class="row muted">Order <select class="field" value=${sort} onChange=${(event) => refine({ sort: event.target.value || undefined })}>
        <option value="">as submitted</option><option value="slow">slowest first</option><option value="waited">longest wait first</option><option value="late">latest first</option></select></label>
    </div>
    <${Table} label="Tasks" columns=${columns(run)} length=${found.length} row=${(index) => found[index]} keyOf=${(at) => String(at)} open=${(at) => open(at)} least="860px" place=${`tasks of ${id}`}
      empty=${html`<${Empty} title=${`None of ${plural(run.total, 'task')} fits`}><button class="button small" onClick=${() => refine({ text: undefined, status: undefined })}>Show all</button></${Empty}>`} />`;
}

function columns(run) {
  const { names, routes, route: kinds } = run.shape;
  return [
    { key: 'status', title: 'State', track: '118px', cell: (at) => html`<${Status} status=${run.word(at)} />` },
    { key: 'name', title: 'Task', track: 'minmax(110px, 2fr)', cell: (at) => html`<span title=${names[at]}>${names[at]}</span>` },
    { key: 'kind', title: 'Kind', track: 'minmax(100px, 1fr)', from: 700, cell: (at) => html`<span class="muted" title=${routeTitle(routes[kinds[at]])}>${routeName(routes[kinds[at]])}</span>` },
    { key: 'worker', title: 'Worker', track: 'minmax(100px, 1fr)', from: 780, cell: (at) => (run.worker[at] >= 0 ? html`<span class="muted" title=${run.workers[run.worker[at]]}>${run.workers[run.worker[at]]}</span>` : '') },
    { key: 'attempt', title: 'Attempt', track: '74px', right: true, from: 640, cell: (at) => run.attempt[at] || '' },
    { key: 'waited', title: 'Waited', track: '86px', right: true, from: 560, cell: (at) => waited(run, at) },
    { key: 'took', title: 'Ran', track: '86px', right: true, cell: (at) => (run.started[at] < 0 ? '' : duration(tookOf(run, at))) },
    { key: 'error', title: 'Error', track: 'minmax(120px, 2fr)', from: 700, cell: (at) => said(run, at) },
  ];
}

function said(run, at) {
  const error = run.errors[at];
  const progress = run.progress.get(at);
  if (error) return html`<span title=${error.message}><span class="mono">${error.code}</span> <span class="muted">${error.message}</span></span>`;
  return progress ? html`<span class="muted">${progress.progress}% ${progress.message}</span>` : '';
}

function waited(run, at) {
  const ready = run.readyAt(at);
  return run.started[at] >= 0 && ready >= 0 ? duration(run.started[at] - ready) : '';
}

function select(run, text, status, sort) {
  const { names, routes, route: kinds } = run.shape;
  const wanted = status ? run.numbers[status] : -1;
  const found = [];
  for (let at = 0; at < run.total; at += 1) {
    if (wanted >= 0 && run.status[at] !== wanted) continue;
    if (text && !`${names[at]} ${routeTitle(routes[kinds[at]])} ${run.worker[at] >= 0 ? run.workers[run.worker[at]] : ''}`.toLowerCase().includes(text)) continue;
    found.push(at);
  }
  const key = {
    slow: (at) => -(tookOf(run, at) || 0), late: (at) => -run.started[at],
    waited: (at) => (run.started[at] >= 0 ? run.readyAt(at) - run.started[at] : 0),
  }[sort];
  if (key) {
    const keys = new Map(found.map((at) => [at, key(at)]));
    found.sort((a, b) => keys.get(a) - keys.get(b));
  }
  return found;
}
