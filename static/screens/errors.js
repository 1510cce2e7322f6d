// The catalogue of errors, each with what to do, and where it has occurred.
import { html, useEffect, useMemo } from '../html.js';
import { ago, count, fineTime, plural } from '../format.js';
import { get, post, query } from '../state/api.js';
import { now } from '../state/clock.js';
import { usePoll } from '../state/poll.js';
import { address, go, listAddress, refine, route, workflowAddress } from '../state/route.js';
import { may } from '../state/session.js';
import { confirm } from '../ui/dialog.js';
import { Icon } from '../ui/icons.js';
import { Empty, Failure, Loading } from '../ui/pieces.js';
import { Table } from '../ui/table.js';
import { toast } from '../ui/toast.js';

/** Failed tasks that are looked at for the numbers. */
const LOOKED_AT = 1000;

/** @param {{code: string}} props */
export function Errors({ code }) {
  useEffect(() => { document.title = `${code || 'Errors'} · Gleitzeit`; }, [code]);
  const { value: catalogue, error } = usePoll((signal) => get('/errors', signal), 0, []);
  const { value: letters, error: unread, again } = usePoll((signal) => (code && !/^GZ\d{4}$/.test(code) ? Promise.resolve(null) : get(`/dead-letters${query({ limit: LOOKED_AT, code: code || undefined })}`, signal)), 10000, [code]);
  const entry = code ? catalogue?.items.find((item) => item.code === code) : undefined;
  if (error && !catalogue) return html`<div class="screen"><${Failure} error=${error} what="The catalogue" /></div>`;
  if (!catalogue) return html`<div class="screen"><${Loading} what="the catalogue" /></div>`;
  if (code && !entry) {
    return html`<div class="screen"><div class="title"><a class="button quiet small square" href=${listAddress('errors')} aria-label="All errors"><${Icon} name="left" /></a><h1>Errors</h1></div>
      <${Empty} icon="search" title="No code of this program"><span class="mono wrap">${code}</span><a class="button" href=${address(['errors'])}>All codes</a></${Empty}></div>`;
  }
  if (entry) return html`<${One} entry=${entry} letters=${letters} unread=${unread} again=${again} />`;
  return html`<${All} items=${catalogue.items} letters=${letters} />`;
}

function All({ items, letters }) {
  const { search } = route.value;
  const text = (search.get('text') ?? '').toLowerCase();
  const only = search.get('only') ?? '';
  const occurred = useMemo(() => {
    const found = new Map();
    for (const letter of letters?.items ?? []) {
      const known = found.get(letter.error?.code) ?? { count: 0, at: '' };
      known.count += 1;
      if ((letter.ended_at ?? '') > known.at) known.at = letter.ended_at;
      found.set(letter.error?.code, known);
    }
    return found;
  }, [letters]);
  const shown = items.filter((item) => (!text || `${item.code} ${item.name} ${item.what} ${item.fix}`.toLowerCase().includes(text)) && (!only || occurred.has(item.code)))
    .sort((a, b) => (occurred.get(b.code)?.count ?? 0) - (occurred.get(a.code)?.count ?? 0));
  const columns = [
    { key: 'code', title: 'Code', track: '84px', cell: (item) => html`<a class="link mono" href=${address(['errors', item.code])}>${item.code}</a>` },
    { key: 'count', title: 'Tasks', track: '64px', right: true, cell: (item) => (occurred.has(item.code) ? html`<span class="status s-failed">${count(occurred.get(item.code).count)}</span>` : '') },
    { key: 'at', title: 'Last', track: '92px', right: true, from: 560, cell: (item) => (occurred.get(item.code)?.at ? html`<span title=${fineTime(occurred.get(item.code).at)}>${ago(occurred.get(item.code).at, now.value)}</span>` : '') },
    { key: 'what', title: 'What happened', track: 'minmax(140px, 2fr)', cell: (item) => html`<span title=${item.what}>${item.what}</span>` },
    { key: 'fix', title: 'What to do', track: 'minmax(200px, 2fr)', from: 700, cell: (item) => html`<span class="muted" title=${item.fix}>${item.fix}</span>` },
    { key: 'category', title: 'Kind', track: '104px', from: 860, cell: (item) => html`<span class="tag">${item.category}</span>` },
  ];
  return html`<div class="screen full"><div class="title"><h1>Errors</h1><span class="sub num">${plural(items.length, 'code')}; ${letters ? plural(letters.items.length, 'failed task') : 'reading failed tasks'}${letters?.next_cursor ? ' and more' : ''}</span></div>
    <div class="row flow"><input class="field" style=${{ width: '280px' }} type="search" data-filter aria-label="Search the catalogue" placeholder="Search  /" value=${search.get('text') ?? ''} onInput=${(event) => refine({ text: event.target.value || undefined })} />
      <button class="chip" aria-pressed=${Boolean(only)} onClick=${() => refine({ only: only ? undefined : 'occurred' })}>Those that occurred</button></div>
    <div class="pane"><${Table} label="Errors" columns=${columns} length=${shown.length} row=${(at) => shown[at]} keyOf=${(item) => item.code} open=${(item) => go(address(['errors', item.code]))} least="900px"
      empty=${html`<${Empty} icon="search" title=${only ? 'No task has failed for good' : 'No code fits'} />`} /></div></div>`;
}

function One({ entry, letters, unread, again }) {
  const { code } = entry;
  // The server goes from workflow to workflow; people ask what failed last.
  const items = useMemo(() => [...(letters?.items ?? [])].sort((a, b) => (a.ended_at < b.ended_at ? 1 : -1)), [letters]);
  const retry = () => confirm({
    title: 'Retry what failed with this?', action: 'Retry', text: `Up to 1,000 tasks that failed with ${code} run again, with what they need.`,
    run: async () => {
      const answer = await post('/tasks/retry', { filter: { code }, limit: LOOKED_AT });
      toast(`${plural(answer.done.length, 'task')} run again${answer.refused.length > 0 ? `, ${answer.refused.length} could not` : ''}`);
      again();
    },
  });
  const columns = [
    { key: 'at', title: 'Failed', track: '92px', cell: (letter) => html`<span class="muted" title=${fineTime(letter.ended_at)}>${ago(letter.ended_at, now.value)}</span>` },
    { key: 'task', title: 'Task', track: 'minmax(90px, 1fr)', cell: (letter) => html`<span title=${letter.name}>${letter.name}</span>` },
    { key: 'workflow', title: 'Workflow', track: 'minmax(120px, 1fr)', from: 520, cell: (letter) => html`<span class="muted" title=${letter.workflow_name}>${letter.workflow_name}</span>` },
    { key: 'message', title: 'Message', track: 'minmax(150px, 2fr)', cell: (letter) => html`<span title=${letter.error?.message}>${letter.error?.message}</span>` },
    { key: 'attempts', title: 'Attempts', track: '84px', right: true, from: 760, cell: (letter) => letter.attempt },
  ];
  return html`<div class="screen full"><div class="title"><a class="button quiet small square" href=${listAddress('errors')} aria-label="All errors"><${Icon} name="left" /></a><h1 class="mono">${code}</h1><span class="sub">${entry.name}</span></div>
    <div class="card"><div class="body rows"><p class="wrap"><strong>${entry.what}</strong></p><p class="wrap">${entry.fix}</p>
      <div class="chips"><span class="tag">${entry.category}</span><span class="tag">${entry.severity}</span><span class="tag">${entry.retryable ? 'worth another try' : 'not tried again'}</span><span class="tag">HTTP ${entry.http_status}</span></div></div></div>
    <div class="row"><h2 class="grow">${letters ? `${plural(letters.items.length, 'task')} failed with it` : 'Tasks that failed with it'}</h2>${may('user') && letters?.items.length > 0 && html`<button class="button small" onClick=${retry}><${Icon} name="again" />Retry them all</button>`}</div>
    <div class="pane">${letters ? html`<${Table} label="Occurrences" columns=${columns} length=${items.length} row=${(at) => items[at]} keyOf=${(letter) => letter.id} open=${(letter) => go(workflowAddress(letter.workflow_id, '', { task: letter.id }))} least="720px"
      empty=${html`<${Empty} icon="check" title="No task has failed for good with it" />`} />` : unread ? html`<${Failure} error=${unread} what="What failed with it" />` : html`<${Loading} what="failed tasks" />`}</div></div>`;
}
