// What needs a person: each with what it is about and where to go.
import { html } from '../html.js';
import { duration, ms, plural, waitsFor } from '../format.js';
import { get, segment } from '../state/api.js';
import { now } from '../state/clock.js';
import { usePoll } from '../state/poll.js';
import { address, workflowAddress } from '../state/route.js';
import { may } from '../state/session.js';
import { Icon } from '../ui/icons.js';
import { byName } from './strip.js';

/** A run that waits for so long is looked into, and so many of them. */
const QUIET_MS = 10000;
const LOOKED_INTO = 8;
const QUEUED_LOOKED_AT = 20;
const KINDS_ASKED = 3;
/** Reasons that do not go by themselves. */
const STUCK = ['no_worker', 'unheard', 'no_handler', 'same_id', 'earlier_attempt'];

/** @param {{known: import('../state/overview.js').Overview, running: any, letters: any}} props */
export function NeedsYou({ known, running, letters }) {
  const stuck = useStuck(known, running);
  const hooks = useHooks();
  const needs = [...fromServer(known, hooks), ...stuck, ...fromWorkflows(running, letters), ...hooks];
  if (needs.length === 0) return html`<p class="row muted"><span class="status s-completed"><${Icon} name="check" /></span>Nothing. All is as it should be.</p>`;
  return html`<ul class="needs">${needs.map((need) => html`<li key=${need.text}><span class=${`status s-${need.state}`}><${Icon} name=${need.icon} /></span>
    <span class="grow wrap">${need.text}${need.more ? html` <span class="muted">${need.more}</span>` : ''}</span>${need.href && html`<a class="link" href=${need.href}>Look</a>`}</li>`)}</ul>`;
}

/** What is told with a way to it is not told once more. */
function fromServer({ health, services, stats }, hooks) {
  const needs = health.problems.map((text) => ({ state: 'failed', icon: 'disk', text: text.charAt(0).toUpperCase() + text.slice(1), href: '' }));
  if (!health.read_only) needs.push(...health.warnings.filter((text) => !hooks.some(({ hook }) => text.includes(hook))).map((text) => ({ state: 'retrying', icon: 'disk', text: text.charAt(0).toUpperCase() + text.slice(1), href: '' })));
  for (const service of byName(services)) {
    if (service.workers === 0) needs.push({ state: 'failed', icon: 'lost', text: `${service.name} is away`, more: service.active > 0 ? `and holds ${plural(service.active, 'task')}` : '', href: address(['services', service.name]) });
  }
  const told = new Set();
  for (const service of services) {
    const href = address(['services', service.id]);
    // The breaker is one for all workers of a name.
    if (service.connected && service.breaker !== 'closed' && !told.has(service.name)) {
      told.add(service.name);
      const left = service.breaker_open_until ? ms(service.breaker_open_until) - now.value : NaN;
      needs.push({ state: 'failed', icon: 'ban', text: `${service.name} failed repeatedly and pauses`, more: left > 0 ? `for ${duration(left)}` : 'until its next try', href });
    }
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

/** Asks why the oldest runs wait, when tasks are queued; what waits for the same is said once. */
function useStuck(known, running) {
  const open = (running?.items ?? []).filter((workflow) => workflow.status !== 'paused' && now.value - ms(workflow.started_at ?? workflow.created_at) > QUIET_MS);
  const oldest = open.slice(-LOOKED_INTO);
  const queued = Object.values(known.stats.tasks.queued).reduce((sum, n) => sum + Number(n), 0);
  const key = queued > 0 ? oldest.map((workflow) => workflow.id).join(' ') : '';
  const { value } = usePoll(async (signal) => (key === '' ? [] : (await Promise.all(oldest.map((workflow) => whyOf(workflow, signal)))).flat()), key === '' ? 0 : 5000, [key]);
  const groups = new Map();
  for (const found of value ?? []) {
    const reason = found.why.reasons.find((one) => STUCK.includes(one.kind));
    if (!reason || !oldest.some((workflow) => workflow.id === found.workflow.id)) continue;
    const group = groups.get(reason.message) ?? { ...found, reason, workflows: new Set() };
    group.workflows.add(found.workflow.id);
    groups.set(reason.message, group);
  }
  return [...groups.values()].map(({ workflow, why, reason, workflows }) => ({
    state: 'retrying', icon: 'lost', text: `${why.task_name} of ${workflow.name} ${reason.message}`, more: workflows.size > 1 ? `and so do tasks of ${plural(workflows.size - 1, 'other workflow')}` : '',
    href: workflowAddress(workflow.id, '', { task: why.task_id }),
  }));
}

/** One task of each kind waits for what all of its kind wait for. */
async function whyOf(workflow, signal) {
  const tasks = await get(`/workflows/${segment(workflow.id)}/tasks?status=queued&limit=${QUEUED_LOOKED_AT}`, signal);
  const kinds = new Map(tasks.items.map((task) => [`${task.task_type} ${task.external_task_type} ${task.service_name}`, task]));
  const whys = await Promise.all([...kinds.values()].slice(0, KINDS_ASKED).map((task) => get(`/tasks/${segment(task.id)}/why`, signal)));
  return whys.map((why) => ({ workflow, why }));
}

/** Receivers outside that are told nothing any more, or that do not answer. */
function useHooks() {
  const shown = may('operator');
  const { value } = usePoll((signal) => (shown ? get('/webhooks', signal) : Promise.resolve(null)), 15000, [shown]);
  return (value?.items ?? []).filter((hook) => hook.status === 'disabled' || (hook.status === 'enabled' && hook.failing)).map((hook) => ({
    state: hook.status === 'disabled' ? 'failed' : 'retrying', icon: 'out', href: address(['webhooks', hook.id]), hook: hook.id,
    text: hook.status === 'disabled' ? `The webhook to ${hook.url} is disabled` : `The webhook to ${hook.url} fails: ${hook.failing.error}`, more: hook.reason ?? waitsFor(hook.failing, now.value),
  }));
}
