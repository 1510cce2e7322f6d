// Events in words, and a table of them.
import { html } from '../html.js';
import { bytes, fineTime, plural, shortId, words } from '../format.js';
import { Icon } from './icons.js';
import { Table } from './table.js';

/** @type {Record<string, [string, string]>} a state for the colour, and a glyph */
const LOOKS = {
  workflow_submitted: ['queued', 'plus'], workflow_ended: ['completed', 'check'], workflow_cancelled: ['cancelled', 'ban'], workflow_paused: ['paused', 'pause'],
  workflow_resumed: ['running', 'play'], task_assigned: ['assigned', 'hand'], task_accepted: ['processing', 'play'], task_completed: ['completed', 'check'],
  task_completed_by_hand: ['completed', 'edit'], task_failed: ['failed', 'cross'], task_failed_by_hand: ['failed', 'edit'], task_skipped: ['skipped', 'leap'],
  task_skipped_by_hand: ['skipped', 'edit'], task_cancelled: ['cancelled', 'ban'], task_requeued: ['queued', 'dots'], attempt_lost: ['retrying', 'lost'],
  attempt_refused: ['retrying', 'ban'], tasks_retried: ['retrying', 'again'], breaker_opened: ['failed', 'ban'], breaker_closed: ['completed', 'check'],
  parameters_edited: ['queued', 'edit'], engine_started: ['running', 'now'],
};

/** What an event says beside its name. @param {any} event @param {(event: any) => string} nameOf */
export function saying(event, nameOf) {
  const by = event.by ? ` by ${event.by}` : '';
  const because = event.reason && !['attempt_lost', 'attempt_refused'].includes(event.type) ? `: ${event.reason}` : '';
  switch (event.type) {
    case 'workflow_submitted': return `${event.name}, ${plural(event.total_tasks, 'task')}`;
    case 'workflow_ended': return event.status;
    case 'task_assigned': return `attempt ${event.attempt} to ${event.worker}`;
    case 'task_accepted': return `attempt ${event.attempt}`;
    case 'task_completed': return `attempt ${event.attempt}, ${bytes(event.result_bytes)}`;
    case 'task_failed': return `attempt ${event.attempt}, ${event.code}: ${event.message}${event.final ? ' (final)' : ''}`;
    case 'task_failed_by_hand': return `${event.code}: ${event.message}${by}${because}`;
    case 'attempt_lost': case 'attempt_refused': return `attempt ${event.attempt}: ${words(event.reason)}`;
    case 'tasks_retried': return `${plural(event.task_indexes.length, 'task')}${by}${because}`;
    case 'task_skipped': return event.cause === undefined ? '' : `because of ${nameOf({ ...event, task_id: event.cause })}`;
    case 'task_completed_by_hand': case 'parameters_edited': return `${bytes(event.result_bytes ?? event.parameters_bytes)}${by}${because}`;
    case 'grant_released': case 'late_report_seen': return `attempt ${event.attempt} of ${event.worker}`;
    case 'breaker_opened': case 'breaker_closed': return event.service;
    case 'worker_named': return `${event.worker} is ${event.name}`;
    case 'engine_started': return `version ${event.version}`;
    case 'webhook_tried': return `${event.event} to ${shortId(event.webhook)}, try ${event.try}: ${event.error ?? event.response_status}${event.next_at ? `, again at ${fineTime(event.next_at)}` : ''}`;
    case 'webhook_created': case 'webhook_changed': return `${shortId(event.webhook)} to ${event.url}`;
    case 'webhook_disabled': case 'webhook_paused': case 'webhook_resumed': case 'webhook_deleted': case 'webhook_missed': return `${shortId(event.webhook)}${because}`;
    case 'user_added': case 'user_role_changed': return `${event.user}: ${event.role}${by}`;
    case 'user_removed': return `${event.user}${by}`;
    case 'key_created': return `${event.name} of ${event.user}: ${event.role}${by}`;
    case 'key_revoked': return `${event.key}${by}`;
    case 'acted': return `${event.what}${by}`;
    case 'delivery_tried': return `${event.outcome}${event.status ? ` ${event.status}` : ''}${event.error ? ` ${event.error}` : ''}`;
    default: return `${by}${because}`.trim();
  }
}

/**
 * @param {{events: any[], nameOf: (event: any) => string, open?: (event: any) => void, workflows?: boolean, follow?: boolean}} props
 */
export function EventTable({ events, nameOf, open, workflows, follow }) {
  const columns = [
    { key: 'seq', title: 'Seq', track: '84px', right: true, from: 560, cell: (event) => html`<span class="muted">${event.seq}</span>` },
    { key: 'at', title: 'Time', track: '116px', cell: (event) => html`<span class="num muted">${fineTime(event.at)}</span>` },
    { key: 'type', title: 'Event', track: 'minmax(150px, 196px)', cell: (event) => {
      const [state, glyph] = LOOKS[event.type] ?? ['pending', 'info'];
      const failed = event.type === 'workflow_ended' && event.status === 'failed';
      return html`<span class=${`status s-${failed ? 'failed' : state}`}><${Icon} name=${failed ? 'cross' : glyph} />${words(event.type)}</span>`;
    } },
    { key: 'name', title: workflows ? 'Workflow or task' : 'Task', track: 'minmax(90px, 1fr)', cell: (event) => html`<span title=${nameOf(event)}>${nameOf(event)}</span>` },
    { key: 'said', title: 'What', track: 'minmax(180px, 2fr)', from: 700, cell: (event) => html`<span class="muted" title=${saying(event, nameOf)}>${saying(event, nameOf)}</span>` },
  ];
  return html`<${Table} label="Events" columns=${columns} length=${events.length} row=${(at) => events[at]} keyOf=${(event) => String(event.seq)} open=${open} least="780px" follow=${follow} />`;
}
