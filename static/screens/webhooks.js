// Receivers outside that are told of ends: whether they are told, what became of the latest messages, and verbs for both.
import { html, useEffect } from '../html.js';
import { ago, count, fineTime, howItFails, plural, shortId } from '../format.js';
import { get, post, segment } from '../state/api.js';
import { now } from '../state/clock.js';
import { overview } from '../state/overview.js';
import { usePoll } from '../state/poll.js';
import { address, go, listAddress, workflowAddress } from '../state/route.js';
import { cli, copy, CopyButton } from '../ui/copy.js';
import { Icon } from '../ui/icons.js';
import { Empty, Failure, Loading } from '../ui/pieces.js';
import { Status } from '../ui/status.js';
import { Table } from '../ui/table.js';
import { toast, toastError } from '../ui/toast.js';

const EVERY_MS = 4000;

/** How a webhook stands: one that is enabled and does not get through is no healthy one. @param {any} hook */
function standing(hook) {
  if (hook.status === 'disabled') return html`<${Status} status="failed" word="Disabled" />`;
  if (hook.status === 'paused') return html`<${Status} status="paused" />`;
  return hook.failing ? html`<${Status} status="degraded" word="Failing" />` : html`<${Status} status="healthy" word="Enabled" />`;
}

/** @param {{id: string}} props */
export function Webhooks({ id }) {
  useEffect(() => { document.title = 'Webhooks · Gleitzeit'; }, []);
  return id ? html`<${One} key=${id} id=${id} />` : html`<${All} />`;
}

function All() {
  const { value, error, again } = usePoll((signal) => get('/webhooks', signal), EVERY_MS, []);
  const columns = [
    { key: 'status', title: 'State', track: '116px', cell: standing },
    { key: 'url', title: 'Receiver', track: 'minmax(140px, 2fr)', cell: (hook) => html`<a href=${address(['webhooks', hook.id])} title=${hook.url}>${hook.url}</a>` },
    { key: 'events', title: 'Is told', track: 'minmax(120px, 1fr)', from: 560, cell: (hook) => html`<span class="muted" title=${hook.events.join(', ')}>${hook.events.join(', ')}</span>` },
    { key: 'description', title: 'Description', track: 'minmax(100px, 1fr)', from: 800, cell: (hook) => html`<span class="muted" title=${hook.description ?? ''}>${hook.description ?? ''}</span>` },
    { key: 'error', title: 'Last error', track: 'minmax(110px, 1fr)', from: 700, cell: (hook) => (hook.failing ? html`<span class="muted" title=${`Since ${fineTime(hook.failing.since)}: ${howItFails(hook.failing, now.value)}`}>${hook.failing.error}</span>` : '') },
    { key: 'given', title: 'Given up', track: '84px', right: true, from: 640, cell: (hook) => (hook.given_up_in_a_row > 0 ? html`<span class="status s-failed">${count(hook.given_up_in_a_row)}</span>` : '') },
    { key: 'changed', title: 'Changed', track: '92px', right: true, from: 640, cell: (hook) => html`<span title=${fineTime(hook.changed_at)}>${ago(hook.changed_at, now.value)}</span>` },
  ];
  return html`<div class="screen full"><div class="title"><h1>Webhooks</h1><span class="sub num">${value ? plural(value.items.length, 'receiver') : ''}</span></div>
    <div class="pane">${error && !value ? html`<${Failure} error=${error} what="The list"><button class="button" onClick=${again}>Try again</button></${Failure}>` : !value ? html`<${Loading} what="webhooks" />`
      : html`<${Table} label="Webhooks" columns=${columns} length=${value.items.length} row=${(at) => value.items[at]} keyOf=${(hook) => hook.id} open=${(hook) => go(address(['webhooks', hook.id]))} place="webhooks"
        empty=${html`<${Empty} icon="out" title="Nobody outside is told when workflows and tasks end"><span class="mono wrap">${ADD}</span><${CopyButton} text=${ADD} label="Copy the command" what="Command copied" /></${Empty}>`} />`}</div></div>`;
}

const ADD = cli(['webhooks', 'add', 'https://shop.example/hooks', '--event', 'workflow.*']);

const DELIVERIES = { delivered: ['completed', 'Delivered'], retrying: ['retrying', 'Retrying'], given_up: ['failed', 'Given up'] };

function One({ id }) {
  const path = `/webhooks/${segment(id)}`;
  const { value: hook, error, again } = usePoll((signal) => get(path, signal), EVERY_MS, [id]);
  const { value: deliveries, again: look } = usePoll((signal) => get(`${path}/deliveries`, signal), EVERY_MS, [id]);
  const back = html`<a class="button quiet small square" href=${listAddress('webhooks')} aria-label="All webhooks"><${Icon} name="left" /></a>`;
  if (!hook) return html`<div class="screen"><div class="title">${back}<h1>Webhook</h1></div>${error ? html`<${Failure} error=${error} what="This webhook"><a class="button" href=${address(['webhooks'])}>All webhooks</a></${Failure}>` : html`<${Loading} what="the webhook" />`}</div>`;
  const changed = () => { again(); look(); };
  const act = async (verb, said, undo) => {
    try {
      await post(`${path}/${verb}`);
      toast(said, undo ? { action: { label: 'Undo', run: () => post(`${path}/${undo}`).then(changed, toastError) } } : {});
      changed();
    } catch (fault) {
      toastError(fault);
    }
  };
  // What was sent once more or as a test says at once how it went.
  const sent = async (request) => {
    try {
      const answer = await request();
      const well = answer.delivered ?? answer.status === 'delivered';
      toast(well ? `The receiver took it (${answer.response_status})` : `The receiver did not take it: ${answer.error ?? answer.response_status}`, { bad: !well });
      changed();
    } catch (fault) {
      toastError(fault);
    }
  };
  const behind = Math.max(0, (overview.value?.stats.log.durable_seq ?? hook.cursor - 1) + 1 - hook.cursor);
  const filters = [hook.filter.name && `name ${hook.filter.name}`, ...(hook.filter.tag ?? []).map((tag) => `tag ${tag}`), ...Object.entries(hook.filter.metadata ?? {}).map(([key, value]) => `${key}: ${value}`)].filter(Boolean);
  const columns = [
    { key: 'status', title: 'State', track: '116px', cell: (one) => html`<${Status} status=${DELIVERIES[one.status][0]} word=${DELIVERIES[one.status][1]} />` },
    { key: 'type', title: 'End', track: 'minmax(110px, 1fr)', cell: (one) => html`<a href=${workflowAddress(one.workflow_id, '', one.task_id ? { task: one.task_id } : {})} title=${one.type}>${one.type.replace(/^dev\.gleitzeit\./, '')} <span class="muted mono">${shortId(one.workflow_id)}</span></a>` },
    { key: 'answer', title: 'Answer', track: 'minmax(90px, 2fr)', from: 560, cell: (one) => html`<span class="muted" title=${one.error ?? ''}>${one.response_status ?? ''} ${one.error ?? ''}</span>` },
    { key: 'tries', title: 'Tries', track: '64px', right: true, from: 560, cell: (one) => one.tries },
    { key: 'last', title: 'Last', track: '92px', right: true, from: 460, cell: (one) => html`<span title=${fineTime(one.last_at)}>${ago(one.last_at, now.value)}</span>` },
    { key: 'again', title: '', track: '112px', right: true, cell: (one) => html`<button class="button quiet small" onClick=${() => sent(() => post(`${path}/deliveries/${segment(one.id)}/redeliver`))}>Send again</button>` },
  ];
  return html`<div class="screen full">
    <div class="title">${back}<h1 class="clip" title=${hook.url}>${hook.url}</h1>${standing(hook)}<span class="grow"></span><div class="row flow">
      ${hook.status === 'enabled' ? html`<button class="button" onClick=${() => act('pause', 'It is told nothing until it is resumed; what happens meanwhile is kept', 'resume')}><${Icon} name="pause" />Pause</button>`
        : html`<button class="button primary" onClick=${() => act('resume', 'It goes on where it stopped', hook.status === 'paused' ? 'pause' : undefined)}><${Icon} name="play" />Resume</button>`}
      <button class="button" onClick=${() => sent(() => post(`${path}/test`))}><${Icon} name="out" />Send a test</button>
      <button class="button quiet small" onClick=${() => copy(cli(['webhooks', 'show', hook.id]), 'Command copied')}>Copy CLI</button></div></div>
    ${hook.status === 'disabled' && html`<div class="note bad">It was disabled: ${hook.reason}. Mend the receiver, then resume it; it goes on where it stopped.</div>`}
    ${hook.failing && hook.status !== 'disabled' && html`<div class="note warn wrap">It has been failing since ${fineTime(hook.failing.since)}: ${howItFails(hook.failing, now.value)}.</div>`}
    ${hook.failing && hook.status === 'disabled' && html`<div class="note warn wrap">The last try failed: ${howItFails(hook.failing, now.value)}.</div>`}
    ${hook.missed && html`<div class="note warn">It missed what the log held from ${count(hook.missed.from)} to ${count(hook.missed.to)}: retention released it before it was told.</div>`}
    <dl class="facts">
      <dt>Id</dt><dd class="row mono" style=${{ gap: '2px' }}><span class="clip">${hook.id}</span><${CopyButton} text=${hook.id} label="Copy the id" what="Id copied" /></dd>
      ${hook.description && html`<dt>Description</dt><dd class="wrap">${hook.description}</dd>`}
      <dt>Is told</dt><dd class="chips">${hook.events.map((event) => html`<span key=${event} class="tag">${event}</span>`)}${filters.map((filter) => html`<span key=${filter} class="tag">${filter}</span>`)}</dd>
      <dt>Position</dt><dd class="num">seq ${count(hook.cursor)}, ${behind === 0 ? 'at the end of the log' : `${plural(behind, 'record')} before the end of the log`}</dd>
    </dl>
    <h2>Latest deliveries</h2>
    <div class="pane">${!deliveries ? html`<${Loading} what="deliveries" />` : html`<${Table} label="Deliveries" columns=${columns} length=${deliveries.items.length} row=${(at) => deliveries.items[at]} keyOf=${(one) => one.id}
      empty=${html`<${Empty} icon="out" title="Nothing was sent yet">Ends that fit are sent as they happen.</${Empty}>`} />`}</div>
  </div>`;
}
