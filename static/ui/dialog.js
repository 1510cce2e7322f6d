// Dialogs: one at a time, closed by Escape, with the focus kept inside and given back.
import { html, signal, useLayoutEffect, useRef, useState } from '../html.js';
import { Icon } from './icons.js';
import { toastError } from './toast.js';

/** @type {{value: any}} */
const open = signal(null);

export const isDialogOpen = () => open.value !== null;

/** Shows a component in a dialog; it gets `close`. @param {any} component @param {any} [props] */
export function openDialog(component, props = {}) {
  open.value = { component, props };
}

export function closeDialog() {
  open.value = null;
}

export function DialogHost() {
  const shown = open.value;
  return shown && html`<${shown.component} ...${shown.props} close=${closeDialog} />`;
}

/** @param {{title: string, wide?: boolean, plain?: boolean, close: () => void, children?: any, footer?: any, label?: string}} props */
export function Dialog({ title, wide, plain, close, children, footer }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  // Before the next key comes.
  useLayoutEffect(() => {
    const before = document.activeElement;
    // Where there is something to write, there; or else on the choice that changes nothing.
    const first = ['[autofocus]', 'input:not([type=checkbox]), textarea', 'footer button', 'button']
      .map((wanted) => /** @type {HTMLElement | null} */ (box.current?.querySelector(wanted) ?? null)).find(Boolean);
    first?.focus();
    return () => before instanceof HTMLElement && before.isConnected && before.focus();
  }, []);
  const keys = (event) => {
    if (event.key === 'Escape') {
      event.stopPropagation();
      close();
    } else if (event.key === 'Tab') {
      keepInside(event, box.current);
    }
  };
  return html`<div class="veil" onMouseDown=${(event) => event.target === event.currentTarget && close()}>
    <div class=${`dialog${wide ? ' wide' : ''}${plain ? ' palette' : ''}`} role="dialog" aria-modal="true" aria-label=${title} ref=${box} onKeyDown=${keys}>
      ${!plain && html`<header><h2 class="grow">${title}</h2>
        <button class="button quiet small square" aria-label="Close" onClick=${close}><${Icon} name="cross" /></button></header>`}
      ${plain ? children : html`<div class="body">${children}</div>`}
      ${footer && html`<footer>${footer}</footer>`}
    </div>
  </div>`;
}

/** @param {KeyboardEvent} event @param {HTMLElement | null} box */
function keepInside(event, box) {
  const stops = [...(box?.querySelectorAll('button, input, textarea, select, a[href], [tabindex="0"]') ?? [])]
    .filter((stop) => !stop.hasAttribute('disabled'));
  const first = /** @type {HTMLElement} */ (stops[0]);
  const last = /** @type {HTMLElement} */ (stops[stops.length - 1]);
  if (event.shiftKey && document.activeElement === first) {
    event.preventDefault();
    last.focus();
  } else if (!event.shiftKey && document.activeElement === last) {
    event.preventDefault();
    first?.focus();
  }
}

/**
 * Asks before something that cannot be taken back, and for the reason where the log keeps one.
 * @param {{title: string, text: any, action: string, danger?: boolean, reason?: boolean,
 *   run: (reason: string | undefined) => Promise<any>}} question
 */
export function confirm(question) {
  openDialog(Confirm, { question });
}

function Confirm({ question, close }) {
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const run = async (event) => {
    event?.preventDefault();
    setBusy(true);
    try {
      await question.run(reason.trim() || undefined);
      close();
    } catch (error) {
      toastError(error);
      setBusy(false);
    }
  };
  const footer = html`<button class="button" onClick=${close}>Leave it</button>
    <button class=${`button ${question.danger ? 'danger solid' : 'primary'}`} disabled=${busy} onClick=${run}>${question.action}</button>`;
  return html`<${Dialog} title=${question.title} close=${close} footer=${footer}>
    <p class="wrap">${question.text}</p>
    ${question.reason && html`<form onSubmit=${run}><label class="stacked">Reason, kept in the log
      <input class="field wide" value=${reason} maxlength="1000" placeholder="optional" onInput=${(event) => setReason(event.target.value)} /></label></form>`}
  </${Dialog}>`;
}
