// All workflows: a list of any length, filters in the address, and verbs for many at once.
import { html, useEffect, useMemo, useRef, useState } from '../html.js';
import { ago, count, duration, fineTime, ms, shortId } from '../format.js';
import { get, query } from '../state/api.js';
import { now } from '../state/clock.js';
import { lastSeq, watch } from '../state/live.js';
import { usePoll } from '../state/poll.js';
import { address, go, refine, route, workflowAddress } from '../state/route.js';
import { may } from '../state/session.js';
import { Icon } from '../ui/icons.js';
import { Empty, Failure, Loading } from '../ui/pieces.js';
import { ProgressOf, Status, WORKFLOW_STATUSES } from '../ui/status.js';
import { Table } from '../ui/table.js';
import { BulkBar } from './bulk.js';

const PAGE = 100;
/** One request reads so many at most, so a longer list is refreshed at its top alone. */
const REFRESHED = 1000;
const SPANS = [['', 'any time'], ['3600', 'last hour'], ['86400', 'last day'], ['604800', 'last week']];

/** The conditions in the address as the server takes them. @param {URLSearchParams} search */
export function conditions(search) {
  /** @type {Record<string, any>} */
  const found = {};
  for (const key of new Set(search.keys())) {
    if (key === 'since') found.created_after = Math.floor(Date.now() / 60000) * 60000 - Number(search.get('since')) * 1000;
    else found[key] = search.getAll(key);
  }
  return found;
}

export function Workflows() {
  const { search } = route.value;
  const key = search.toString();
  const [more, setMore] = useState({ key, items: /** @type {any[]} */ ([]), cursor: /** @type {string | null | undefined} */ (undefined) });
  const [picked, setPicked] = useState(/** @type {Set<string>} */ (new Set()));
  const kept = more.key === key ? more : { key, items: [], cursor: undefined };
  const wanted = Math.min(REFRESHED, PAGE + kept.items.length);
  const { value, error, again } = usePoll(async (signal) => {
    const page = await get(`/workflows${query({ ...conditions(search), limit: wanted })}`, signal);
    return { key, ...page };
  }, 4000, [key, wanted]);
  useEffect(() => { document.title = 'Workflows · Gleitzeit'; }, []);
  useEffect(() => setPicked(new Set()), [key]);
  useNews(again);
  // What fitted before stays until it is known what fits now.
  const top = value;
  const current = value?.key === key;
  const items = useMemo(() => merged(top?.items ?? [], kept.items), [top, kept.items]);
  const cursor = !current ? null : kept.cursor === undefined ? top?.next_cursor : kept.cursor;
  const reading = useRef(false);
  const readOn = async () => {
    if (!cursor || reading.current) return;
    reading.current = true;
    try {
      const page = await get(`/workflows${query({ ...conditions(search), limit: PAGE, cursor })}`);
      setMore((before) => ({ key, items: [...(before.key === key ? before.items : []), ...page.items], cursor: page.next_cursor }));
    } finally {
      reading.current = false;
    }
  };
  // A page may be short and still have more behind it.
  useEffect(() => { if (top && items.length < PAGE / 2 && cursor) readOn(); }, [top, cursor]);
  const chosen = items.filter((workflow) => picked.has(workflow.id));
  return html`<div class="screen full">
    <div class="title"><h1>Workflows</h1><span class="sub num">${top ? `${count(items.length)}${cursor ? '+' : ''} ${key ? 'that fit' : 'in all'}` : ''}</span><span class="grow"></span>${may('user') && html`<a class="button primary" href=${address(['submit'])}><${Icon} name="plus" />Submit</a>`}</div>
    <${Filters} search=${search} />
    <${BulkBar} chosen=${chosen} search=${search} done=${() => { setPicked(new Set()); again(); }} />
    <div class="pane">${error && !top ? html`<${Failure} error=${error} what="The list">${key ? html`<button class="button" onClick=${() => go(address(['workflows']))}>Show all</button>` : html`<button class="button" onClick=${again}>Try again</button>`}</${Failure}>` : !top ? html`<${Loading} what="workflows" />` : html`<${Table} label="Workflows" columns=${COLUMNS} length=${items.length} row=${(at) => items[at]} keyOf=${(workflow) => workflow.id}
      open=${(workflow) => go(workflowAddress(workflow.id))} picked=${picked} onPick=${may('user') ? setPicked : undefined} onEnd=${readOn} least="900px" place=${`workflows ${key}`}
      empty=${key ? html`<${Empty} icon="search" title="No workflow fits"><button class="button small" onClick=${() => go(address(['workflows']))}>Show all</button></${Empty}>`
        : html`<${Empty} icon="flow" title="No workflows yet">${may('user') && html`<a class="button primary" href=${address(['submit'])}>Submit the first one</a>`}</${Empty}>`} />`}</div>
  </div>`;
}

/** A list that is read on while its top is read again: each workflow once, the newest word counts. */
function merged(top, rest) {
  const known = new Set(top.map((workflow) => workflow.id));
  return [...top, ...rest.filter((workflow) => !known.has(workflow.id))];
}

/** Looks again soon after a workflow was submitted or has ended. */
function useNews(again) {
  useEffect(() => {
    /** @type {any} */
    let timer = 0;
    const soon = () => { timer ||= setTimeout(() => { timer = 0; again(); }, 400); };
    const stop = watch(null, lastSeq.peek(), {
      events: (events) => { if (events.some((event) => event.type.startsWith('workflow_'))) soon(); },
      gap: soon,
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, []);
}

function Filters({ search }) {
  const statuses = new Set(search.getAll('status').flatMap((value) => value.split(',')));
  const toggle = (status) => {
    const next = new Set(statuses);
    if (!next.delete(status)) next.add(status);
    refine({ status: next.size > 0 ? [...next] : undefined });
  };
  // Whatever has no place of its own above, and states that there are not, can be taken out of the address here.
  const others = [...search.entries()].filter(([key, value]) => !['status', 'name', 'since'].includes(key) || (key === 'status' && !value.split(',').every((word) => WORKFLOW_STATUSES.includes(word))));
  return html`<div class="row flow">
    <input class="field" style=${{ width: '260px' }} type="search" data-filter aria-label="Filter by name" placeholder="Filter by name  /" value=${search.get('name') ?? ''} onInput=${(event) => refine({ name: event.target.value || undefined })} />
    <div class="chips" role="group" aria-label="Status">${WORKFLOW_STATUSES.map((status) => html`<button key=${status} class="chip" aria-pressed=${statuses.has(status)} onClick=${() => toggle(status)}><${Status} status=${status} /></button>`)}</div>
    <label class="row muted">Created <select class="field" value=${search.get('since') ?? ''} onChange=${(event) => refine({ since: event.target.value || undefined })}>${SPANS.map(([value, title]) => html`<option key=${value} value=${value}>${title}</option>`)}</select></label>
    <${TagField} />
    ${others.map(([key, value]) => html`<button key=${`${key}${value}`} class="chip" aria-pressed="true" aria-label=${`Remove the condition ${key} ${value}`} onClick=${() => refine({ [key]: search.getAll(key).filter((one) => one !== value) })}>${key}: ${value}<${Icon} name="cross" /></button>`)}
  </div>`;
}

function TagField() {
  const [text, setText] = useState('');
  const add = (event) => {
    event.preventDefault();
    if (text.trim()) refine({ tag: [...route.value.search.getAll('tag'), text.trim()] });
    setText('');
  };
  return html`<form onSubmit=${add}><input class="field" style=${{ width: '110px' }} aria-label="Add a tag" placeholder="+ tag" value=${text} onInput=${(event) => setText(event.target.value)} /></form>`;
}

const COLUMNS = [
  { key: 'status', title: 'State', track: '116px', cell: (workflow) => html`<${Status} status=${workflow.status} />` },
  { key: 'name', title: 'Name', track: 'minmax(110px, 2fr)', cell: (workflow) => html`<a href=${workflowAddress(workflow.id)} title=${workflow.name} style=${{ fontWeight: 550 }}>${workflow.name}</a>` },
  { key: 'progress', title: 'Progress', track: 'minmax(90px, 1fr)', from: 560, cell: (workflow) => html`<${ProgressOf} workflow=${workflow} />` },
  { key: 'tasks', title: 'Tasks', track: '148px', right: true, from: 640, cell: (workflow) => `${count(workflow.completed_tasks)} of ${count(workflow.total_tasks)}` },
  { key: 'failed', title: 'Failed', track: '72px', right: true, from: 460, cell: (workflow) => (workflow.failed_tasks > 0 ? html`<span class="status s-failed">${count(workflow.failed_tasks)}</span>` : '') },
  { key: 'took', title: 'Took', track: '92px', right: true, from: 720, cell: (workflow) => (workflow.started_at ? duration((workflow.ended_at ? ms(workflow.ended_at) : now.value) - ms(workflow.started_at)) : '') },
  { key: 'created', title: 'Created', track: '92px', right: true, cell: (workflow) => html`<span title=${fineTime(workflow.created_at)}>${ago(workflow.created_at, now.value)}</span>` },
  { key: 'id', title: 'Id', track: '140px', from: 860, cell: (workflow) => html`<span class="mono faint" title=${workflow.id}>${shortId(workflow.id)}</span>` },
];

