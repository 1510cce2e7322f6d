// What needs a person: each with what it is about and where to go.
import { html } from '../html.js';
import { duration, ms, plural } from '../format.js';
import { get, segment } from '../state/api.js';
import { now } from '../state/clock.js';
import { usePoll } from '../state/poll.js';
import { address, workflowAddress } from '../state/route.js';
import { Icon } from '../ui/icons.js';

/** A run of which nothing has moved for so long is looked into. */
const QUIET_MS = 10000;

/** @param {{known: import('../state/overview.js').Overview, running: any, letters: any}} props */
export function NeedsYou({ known, running, letters }) {
  const stuck = useStuck(known, running);
  const needs = [...fromServer(known), ...stuck, ...fromWorkflows(running, letters)];
  if (needs.length === 0) return html`<p class="row muted"><span class="status s-completed"><${Icon} name="check" /></span>Nothing. All is as it should be.</p>`;
  return html`<ul class="needs">${needs.map((need) => html`<li key=${need.text}><span class=${`status s-${need.state}`}><${Icon} name=${need.icon} /></span>
    <span class="grow wrap">${need.text}${need.more ? html` <span class="muted">${need.more}</span>` : ''}</span>${need.href && html`<a class="link" href=${need.href}>Look</a>`}</li>`)}</ul>`;
}

function fromServer({ health, services, stats }) {
  const needs = health.problems.map((text) => ({ state: 'failed', icon: 'disk', text: text.charAt(0).toUpperCase() + text.slice(1), href: '' }));
  for (const service of services) {
    const href = address(['services', service.id]);
    if (service.breaker !== 'closed') {
      const left = service.breaker_open_until ? ms(service.breaker_open_until) - now.value : NaN;
      needs.push({ state: 'failed', icon: 'ban', text: `${service.name} failed repeatedly and pauses`, more: left > 0 ? `for ${duration(left)}` : 'until its next try', href });
    }
    if (!service.connected && service.active_tasks > 0) needs.push({ state: 'failed', icon: 'lost', text: `${service.name} is away and holds ${plural(service.active_tasks, 'task')}`, href });
    if (service.draining && service.connected) needs.push({ state: 'paused', icon: 'down', text: `${service.name} is being drained`, more: `${plural(service.active_tasks, 'task')} left`, href });
  }
  if (stats.archive_backlog > 1000) needs.push({ state: 'paused', icon: 'disk', text: `${plural(stats.archive_backlog, 'ended workflow')} wait for the store`, href: '' });
  return needs;
}

function fromWorkflows(running, letters) {
  const needs = [];
  const paused = (running?.items ?? []).filter((workflow) => workflow.status === 'paused');
  if (paused.length > 0) {
    needs.push({ state: 'paused', icon: 'pause', text: paused.length === 1 ? `${paused[0].name} is paused` : `${plural(paused.length, 'workflow')} are paused`,
      href: paused.length === 1 ? workflowAddress(paused[0].id) : address(['workflows'], { status: 'paused' }) });
  }
  const failed = new Set((letters?.items ?? []).filter((letter) => letter.workflow_status === 'failed').map((letter) => letter.workflow_id));
  if (failed.size > 0) {
    const one = letters.items.find((letter) => letter.workflow_status === 'failed');
    needs.push({ state: 'failed', icon: 'cross', text: failed.size === 1 ? `${one.workflow_name} failed` : `${plural(failed.size, 'workflow')} failed in the last hour`,
      more: failed.size === 1 ? one.error?.message : '', href: failed.size === 1 ? workflowAddress(one.workflow_id, '', { task: one.id }) : address(['workflows'], { status: 'failed' }) });
  }
  return needs;
}

/** Asks why the oldest run waits, when tasks wait and none of it runs. */
function useStuck(known, running) {
  const open = (running?.items ?? []).filter((workflow) => workflow.status !== 'paused' && now.value - ms(workflow.started_at ?? workflow.created_at) > QUIET_MS);
  const oldest = open[open.length - 1];
  const queued = Object.values(known.stats.tasks.queued).reduce((sum, n) => sum + Number(n), 0);
  const wanted = queued > 0 && oldest ? oldest.id : '';
  const { value } = usePoll(async (signal) => {
    if (!wanted) return null;
    const tasks = await get(`/workflows/${segment(wanted)}/tasks?status=queued&limit=1`, signal);
    return tasks.items.length > 0 ? get(`/tasks/${segment(tasks.items[0].id)}/why`, signal) : null;
  }, wanted ? 5000 : 0, [wanted]);
  const reason = value?.reasons.find((one) => ['no_worker', 'unheard', 'no_handler', 'same_id', 'earlier_attempt'].includes(one.kind));
  if (!reason) return [];
  return [{ state: 'retrying', icon: 'lost', text: `${value.task_name} of ${oldest.name} ${reason.message}`, href: workflowAddress(oldest.id, '', { task: value.task_id }) }];
}
