// Asks for a key, and says what is wrong with one.
import { html, useEffect, useRef, useState } from '../html.js';
import { enter } from '../state/session.js';
import { now, serverTime } from '../state/clock.js';
import { Icon } from '../ui/icons.js';

/** What is wrong, in a line; the server's own words follow. @type {Record<string, string>} */
const WRONG = {
  GZ4010: 'This key does not count', GZ4002: 'This key has expired', GZ4021: 'This key opens no screens',
  GZ4022: 'Too many wrong keys came from your address',
};
const NO_KEY = 'GZ4001';

/** @typedef {{code: string, message: string, fix?: string, until?: number}} Fault */

/** @param {{reason: Fault}} props why the page asks */
export function Login({ reason }) {
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);
  const [tried, setTried] = useState(/** @type {Fault | null} */ (null));
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => {
    document.title = 'Log in · Gleitzeit';
    field.current?.focus();
  }, []);
  const submit = async (event) => {
    event.preventDefault();
    if (!text.trim() || busy) return;
    setBusy(true);
    try {
      await enter(text.trim());
    } catch (/** @type {any} */ error) {
      setBusy(false);
      setTried({ code: error.code, message: error.message, fix: error.fix, until: error.retryAfterMs && serverTime() + error.retryAfterMs });
      field.current?.focus();
      field.current?.select();
    }
  };
  const fault = tried ?? (reason.code === NO_KEY ? null : reason);
  return html`<div class="screen"><form class="login card" onSubmit=${submit} aria-label="Log in">
    <div class="row"><${Icon} name="lock" /><h1>${tried || !fault ? 'Log in' : 'You were logged out'}</h1></div>
    <p class="muted">This server asks for a key. It stays in this tab, and is forgotten with it.</p>
    ${fault && html`<${What} fault=${fault} />`}
    <label class="stacked">Key<input class="field wide mono" type="password" autocomplete="off" spellcheck=${false} ref=${field} placeholder="gzt_…" aria-invalid=${tried ? 'true' : undefined} value=${text} onInput=${(event) => setText(event.target.value)} /></label>
    <div class="row"><button class="button primary" disabled=${busy || !text.trim()}>${busy ? 'Trying it' : 'Log in'}</button></div>
    <p class="faint">You have none? An admin makes one: <code>gleitzeit auth key create</code></p>
  </form></div>`;
}

/** @param {{fault: Fault}} props */
function What({ fault }) {
  const left = fault.until === undefined ? 0 : Math.ceil((fault.until - now.value) / 1000);
  return html`<div class="note bad rows" role="alert"><strong>${WRONG[fault.code] ?? 'That did not work'}</strong>
    <span class="wrap">${fault.code && html`<span class="mono">${fault.code}</span> `}${sentence(fault.message)}</span>
    ${fault.until !== undefined && html`<span class="num" data-wait>${left > 0 ? `Try again in ${left} s.` : 'You can try again now.'}</span>`}
    ${fault.fix && fault.until === undefined && html`<span class="muted">${fault.fix}</span>`}</div>`;
}

/** @param {string} text */
const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
