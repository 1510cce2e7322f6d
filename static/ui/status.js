// States: always a glyph and a word, and a colour beside.
import { html } from '../html.js';
import { Icon } from './icons.js';

/** In the order in which a bar shows them. */
export const TASK_STATUSES = ['completed', 'skipped', 'failed', 'cancelled', 'processing', 'assigned', 'retrying', 'queued', 'pending'];
export const WORKFLOW_STATUSES = ['pending', 'running', 'paused', 'completed', 'failed', 'cancelled'];
export const ENDED = new Set(['completed', 'failed', 'cancelled', 'skipped']);

/** @type {Record<string, [string, string]>} */
const LOOKS = {
  completed: ['check', 'Completed'], processing: ['turn', 'Running'], running: ['turn', 'Running'], assigned: ['hand', 'Assigned'],
  queued: ['dots', 'Queued'], pending: ['ring', 'Pending'], retrying: ['again', 'Retrying'], failed: ['cross', 'Failed'],
  cancelled: ['ban', 'Cancelled'], skipped: ['leap', 'Skipped'], paused: ['pause', 'Paused'],
  healthy: ['check', 'Healthy'], ready: ['check', 'Ready'], busy: ['turn', 'Busy'], starting: ['again', 'Starting'], overloaded: ['alert', 'Overloaded'],
  unhealthy: ['alert', 'Unhealthy'], degraded: ['alert', 'Degraded'], draining: ['down', 'Draining'], offline: ['lost', 'Offline'],
  closed: ['check', 'Closed'], open: ['ban', 'Open'], half_open: ['again', 'Half open'],
};

/** @param {string} status */
export const glyphOf = (status) => LOOKS[status]?.[0] ?? 'info';
/** @param {string} status */
export const wordOf = (status) => LOOKS[status]?.[1] ?? status;

/** @param {{status: string, word?: string}} props */
export function Status({ status, word }) {
  const turning = status === 'processing' || status === 'running';
  return html`<span class=${`status s-${status}${turning ? ' turning' : ''}`}><${Icon} name=${glyphOf(status)} />${word ?? wordOf(status)}</span>`;
}

/**
 * A bar of how many are in each state; the words are there for those who do not see it.
 * @param {{counts: Record<string, number>, total: number}} props
 */
export function StateBar({ counts, total }) {
  const parts = TASK_STATUSES.filter((status) => counts[status] > 0);
  const said = parts.map((status) => `${counts[status]} ${wordOf(status).toLowerCase()}`).join(', ');
  return html`<div class="bar" role="img" aria-label=${said || 'no tasks'} title=${said}>
    ${parts.map((status) => html`<i key=${status} class=${`s-${status}`} style=${{ width: `${(counts[status] * 100) / Math.max(1, total)}%` }} />`)}
  </div>`;
}

/** The same from what a list knows of a workflow. @param {{workflow: any}} props */
export function ProgressOf({ workflow }) {
  const { total_tasks: total, completed_tasks: completed, failed_tasks: failed } = workflow;
  return html`<${StateBar} counts=${{ completed, failed, pending: total - completed - failed }} total=${total} />`;
}
