// Short messages that go by themselves, with a way back where there is one.
import { html, signal } from '../html.js';
import { Icon } from './icons.js';

/** @typedef {{id: number, text: string, bad?: boolean, action?: {label: string, run: () => void}}} Toast */

/** @type {{value: Toast[]}} */
const toasts = signal([]);
let next = 1;
/** More would cover the page. */
const SHOWN_MAX = 4;
/** News is read at a glance. What went wrong, and what can be taken back, is there for whoever comes back to it. */
const NEWS_MS = 6000;
const CHOICE_MS = 90000;

/** @param {string} text @param {{bad?: boolean, action?: {label: string, run: () => void}}} [more] */
export function toast(text, more = {}) {
  const id = next++;
  toasts.value = [...toasts.value, { id, text, ...more }].slice(-SHOWN_MAX);
  setTimeout(() => dismiss(id), more.bad || more.action ? CHOICE_MS : NEWS_MS);
}

/** @param {any} error */
export function toastError(error) {
  const code = error?.code ? `${error.code}: ` : '';
  toast(`${code}${error?.message ?? error}${error?.fix ? ` ${error.fix}` : ''}`, { bad: true });
}

/** @param {number} id */
function dismiss(id) {
  toasts.value = toasts.value.filter((one) => one.id !== id);
}

export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">
    ${toasts.value.map((one) => html`<div key=${one.id} class=${one.bad ? 'toast bad' : 'toast'}>
      <span class="grow">${one.text}</span>
      ${one.action && html`<button class="button small" onClick=${() => { one.action?.run(); dismiss(one.id); }}>${one.action.label}</button>`}
      <button class="button quiet small square" aria-label="Dismiss" onClick=${() => dismiss(one.id)}><${Icon} name="cross" /></button>
    </div>`)}
  </div>`;
}
