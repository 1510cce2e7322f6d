// What can be done with a run as a whole.
import { html } from '../html.js';
import { post, segment } from '../state/api.js';
import { address } from '../state/route.js';
import { may } from '../state/session.js';
import { confirm } from '../ui/dialog.js';
import { cli, copy, curl } from '../ui/copy.js';
import { Icon } from '../ui/icons.js';
import { toast, toastError } from '../ui/toast.js';

/** @param {string} id @param {string} verb @param {any} [body] */
const act = (id, verb, body) => post(`/workflows/${segment(id)}/${verb}`, body);

/** Pauses or resumes, with the way back in the message. @param {string} id @param {string} name @param {'pause' | 'resume'} verb */
export async function hold(id, name, verb) {
  const back = verb === 'pause' ? 'resume' : 'pause';
  try {
    await act(id, verb);
    toast(verb === 'pause' ? `${name} is paused: what runs goes on, nothing else starts` : `${name} goes on`, {
      action: { label: 'Undo', run: () => act(id, back).catch(toastError) },
    });
  } catch (error) {
    toastError(error);
  }
}

/** @param {string} id @param {string} name */
export function cancelRun(id, name) {
  confirm({
    title: 'Cancel this workflow?', action: 'Cancel it', danger: true,
    text: `All that has not ended in "${name}" is cancelled, and whoever runs a task of it is told to stop. A retry can run it again later.`,
    run: async () => {
      await act(id, 'cancel');
      toast(`${name} is cancelled`, { action: { label: 'Run it again', run: () => act(id, 'retry').catch(toastError) } });
    },
  });
}

/** @param {string} id @param {string} name */
export function retryRun(id, name) {
  confirm({
    title: 'Retry this workflow?', action: 'Retry', reason: true,
    text: `Everything in "${name}" that did not succeed runs again. What has completed stays as it is.`,
    run: async (reason) => {
      await act(id, 'retry', { reason });
      toast(`${name} runs again`);
    },
  });
}

/** @param {{workflow: any, id: string, failed: number}} props */
export function RunActions({ workflow, id, failed }) {
  const { status, name } = workflow;
  const ended = ['completed', 'failed', 'cancelled'].includes(status);
  const acts = may('user');
  return html`<div class="row flow">
    ${acts && !ended && status !== 'paused' && html`<button class="button" onClick=${() => hold(id, name, 'pause')}><${Icon} name="pause" />Pause</button>`}
    ${acts && status === 'paused' && html`<button class="button primary" onClick=${() => hold(id, name, 'resume')}><${Icon} name="play" />Resume</button>`}
    ${acts && !workflow.imported && (failed > 0 || status === 'failed' || status === 'cancelled') && html`<button class=${`button${ended ? ' primary' : ''}`} onClick=${() => retryRun(id, name)}><${Icon} name="again" />Retry</button>`}
    ${acts && !ended && html`<button class="button danger" onClick=${() => cancelRun(id, name)}><${Icon} name="ban" />Cancel</button>`}
    ${acts && html`<a class="button" href=${address(['submit'], { from: id })}><${Icon} name="edit" />Run as new</a>`}
    <button class="button quiet small" onClick=${() => copy(cli(['watch', id]), 'Command copied')}>Copy CLI</button>
    <button class="button quiet small" onClick=${() => copy(curl('GET', `/workflows/${segment(id)}`), 'Command copied')}>curl</button>
  </div>`;
}
