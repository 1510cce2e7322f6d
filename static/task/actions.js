// What a person can do about a task. Whatever cannot be taken back is asked for first.
import { html, useState } from '../html.js';
import { post, segment } from '../state/api.js';
import { may } from '../state/session.js';
import { confirm, Dialog, openDialog } from '../ui/dialog.js';
import { cli, copy, curl } from '../ui/copy.js';
import { Editor } from '../ui/editor.js';
import { Icon } from '../ui/icons.js';
import { ENDED } from '../ui/status.js';
import { toast, toastError } from '../ui/toast.js';
import { mergePatch } from './patch.js';

/** @param {any} task @param {string} verb @param {any} [body] */
const act = (task, verb, body) => post(`/tasks/${segment(task.id)}/${verb}`, body);

/** @param {any} task @param {() => void} changed */
export function retryTask(task, changed) {
  confirm({
    title: 'Retry this task?', action: 'Retry', reason: true,
    text: `"${task.name}" runs again, with what it needs and with what fell with it.`,
    run: async (reason) => {
      await act(task, 'retry', { reason });
      toast(`${task.name} runs again`);
      changed();
    },
  });
}

function cancelTask(task, changed) {
  confirm({
    title: 'Cancel this task?', action: 'Cancel it', danger: true,
    text: `"${task.name}" is stopped, and tasks that need it are skipped. A retry can run it again.`,
    run: async () => {
      await act(task, 'cancel');
      toast(`${task.name} is cancelled`, { action: { label: 'Run it again', run: () => act(task, 'retry').then(changed, toastError) } });
      changed();
    },
  });
}

/** @param {{task: any, status: string, changed: () => void}} props */
export function TaskActions({ task, status, changed }) {
  const acts = may('user');
  const again = acts && ['failed', 'cancelled', 'skipped', 'retrying'].includes(status);
  const settles = acts && status !== 'completed';
  return html`<div class="row flow">
    ${again && html`<button class="button primary small" title="Key r" onClick=${() => retryTask(task, changed)}><${Icon} name="again" />Retry</button>`}
    ${again && html`<button class="button small" onClick=${() => openDialog(RetryEdited, { task, changed })}><${Icon} name="edit" />Retry with other parameters</button>`}
    ${settles && html`<button class="button small" onClick=${() => openDialog(SkipWith, { task, changed })}><${Icon} name="leap" />Skip</button>`}
    ${acts && !ENDED.has(status) && html`<button class="button danger small" onClick=${() => cancelTask(task, changed)}><${Icon} name="ban" />Cancel</button>`}
    <button class="button quiet small" onClick=${() => copy(cli(['inspect', task.id]), 'Command copied')}>Copy CLI</button>
    <button class="button quiet small" onClick=${() => copy(curl('GET', `/tasks/${segment(task.id)}`), 'Command copied')}>curl</button>
  </div>`;
}

function RetryEdited({ task, changed, close }) {
  const [text, setText] = useState(JSON.stringify(task.parameters, null, 2));
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const { value, fault } = read(text);
  const patch = fault ? null : mergePatch(task.parameters, value);
  const body = { parameters: patch ?? {}, reason: reason.trim() || undefined };
  const run = async () => {
    setBusy(true);
    try {
      await act(task, 'retry', body);
      toast(`${task.name} runs again with other parameters`);
      changed();
      close();
    } catch (error) {
      toastError(error);
      setBusy(false);
    }
  };
  const footer = html`<button class="button quiet" onClick=${() => copy(curl('POST', `/tasks/${segment(task.id)}/retry`, body), 'Command copied')}>Copy curl</button><span class="grow"></span>
    <button class="button" onClick=${close}>Leave it</button>
    <button class="button primary" disabled=${busy || Boolean(fault)} onClick=${run}>Retry</button>`;
  return html`<${Dialog} title=${`Retry ${task.name} with other parameters`} wide close=${close} footer=${footer}>
    <p class="muted">They are stored with the task. Templates may name whatever it depends on.</p>
    <${Editor} value=${text} onChange=${setText} language="json" label="Parameters" small faults=${fault ? [fault] : []} />
    ${fault ? html`<p class="note bad" role="alert">${fault.message}</p>` : html`<p class="muted wrap">Changes: <code>${JSON.stringify(patch)}</code></p>`}
    <${Reason} value=${reason} change=${setReason} />
  </${Dialog}>`;
}

function SkipWith({ task, changed, close }) {
  const [given, setGiven] = useState(false);
  const [text, setText] = useState('null');
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const { value, fault } = given ? read(text) : { value: undefined, fault: null };
  const run = async () => {
    setBusy(true);
    try {
      await act(task, 'skip', { ...(given ? { with: value } : {}), reason: reason.trim() || undefined });
      toast(`${task.name} is skipped${given ? ' with a value' : ''}`);
      changed();
      close();
    } catch (error) {
      toastError(error);
      setBusy(false);
    }
  };
  const footer = html`<button class="button" onClick=${close}>Leave it</button><button class="button primary" disabled=${busy || Boolean(fault)} onClick=${run}>Skip it</button>`;
  return html`<${Dialog} title=${`Skip ${task.name}`} wide=${given} close=${close} footer=${footer}>
    <p>${given ? 'Tasks that depend on it run with this value as its result.' : 'Tasks that need it are left out, too, unless the strategy of the workflow says otherwise.'} A result that was given is never taken back.</p>
    <label class="row"><input type="checkbox" checked=${given} onChange=${(event) => setGiven(event.target.checked)} /> Give those after it a value</label>
    ${given && html`<${Editor} value=${text} onChange=${setText} language="json" label="Value" small faults=${fault ? [fault] : []} />`}
    ${fault && html`<p class="note bad" role="alert">${fault.message}</p>`}
    <${Reason} value=${reason} change=${setReason} />
  </${Dialog}>`;
}

function Reason({ value, change }) {
  return html`<label class="stacked">Reason, kept in the log<input class="field wide" value=${value} maxlength="1000" placeholder="optional" onInput=${(event) => change(event.target.value)} /></label>`;
}

function read(text) {
  try {
    return { value: JSON.parse(text), fault: null };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const line = Number(/line (\d+)/.exec(message)?.[1] ?? 1);
    return { value: undefined, fault: { line, column: Number(/column (\d+)/.exec(message)?.[1] ?? 1), message: `This is not JSON yet: ${message}` } };
  }
}
