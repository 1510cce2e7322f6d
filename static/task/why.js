// Why a task is where it is, in words, with the way to whatever it waits for.
import { html } from '../html.js';
import { duration, ms } from '../format.js';
import { now } from '../state/clock.js';
import { address, refine } from '../state/route.js';
import { may } from '../state/session.js';
import { hold } from '../run/actions.js';
import { Icon } from '../ui/icons.js';
import { Status } from '../ui/status.js';

const GLYPHS = {
  dependencies: 'flow', workflow_paused: 'pause', parallel_limit: 'stack', no_worker: 'lost', workers_busy: 'turn', breaker_open: 'ban', refused: 'hand', earlier_attempt: 'again',
  same_id: 'copy', unheard: 'lost', no_handler: 'ban', backoff: 'again', in_line: 'dots', running: 'turn', handed_on: 'out', releasing: 'down', ended: 'check',
};

/** @param {{why: any, run: import('../run/model.js').Run}} props */
export function Why({ why, run }) {
  return html`<ul class="why">${why.reasons.map((reason, at) => html`<li key=${at} data-why=${reason.kind}><${Icon} name=${GLYPHS[reason.kind] ?? 'info'} />
    <div class="rows grow" style=${{ gap: '5px' }}><span class="wrap">${sentence(reason)}</span><${Links} reason=${reason} run=${run} /></div></li>`)}</ul>`;
}

/** The server's sentence, with a time that counts down. */
function sentence(reason) {
  if (reason.kind === 'dependencies') return `It waits for ${reason.waiting_on} of its dependencies:`;
  const until = reason.until ?? reason.timeout_at;
  const left = until ? ms(until) - now.value : NaN;
  const said = reason.message.charAt(0).toUpperCase() + reason.message.slice(1);
  if (reason.kind === 'running' && Number.isFinite(left)) return `${said}; its time is up in ${duration(Math.max(0, left))}`;
  if (reason.kind === 'backoff') return `It failed ${reason.failures} of ${reason.max_attempts} times and is tried again ${left > 0 ? `in ${duration(left)}` : 'now'}`;
  return said;
}

function Links({ reason, run }) {
  switch (reason.kind) {
    case 'dependencies': {
      const more = reason.waiting_on - reason.dependencies.length;
      return html`<div class="chips">${reason.dependencies.map((task) => html`<button key=${task.id} class="chip" onClick=${() => refine({ task: task.id })}>
        <${Status} status=${task.status} word=${task.name} /></button>`)}${more > 0 && html`<span class="muted">and ${more} more</span>`}</div>`;
    }
    case 'workflow_paused':
      return may('user') && html`<div><button class="button small" onClick=${() => hold(run.workflow.id, run.workflow.name, 'resume')}><${Icon} name="play" />Resume the workflow</button></div>`;
    case 'workers_busy':
      return html`<div class="chips">${reason.workers.map((worker) => html`<${Worker} key=${worker.id} id=${worker.id}>${worker.name} ${worker.active_tasks} of ${worker.capacity}${worker.takes_work ? '' : ', takes no work'}</${Worker}>`)}</div>`;
    case 'no_worker':
      return html`<div class="chips"><a class="chip" href=${address(['services'])}><${Icon} name="plug" />All services</a></div>`;
    case 'breaker_open':
      return html`<div class="chips"><${Worker} id=${reason.service}>${reason.service}</${Worker}></div>`;
    default:
      return reason.worker ? html`<div class="chips"><${Worker} id=${reason.worker}>${reason.worker}</${Worker}></div>` : null;
  }
}

function Worker({ id, children }) {
  return html`<a class="chip" href=${address(['services', id])}><${Icon} name="plug" /><span class="clip">${children}</span></a>`;
}
