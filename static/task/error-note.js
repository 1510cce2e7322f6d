// The error of a task: what happened, what to do about it, and the whole of it to be pasted into a ticket.
import { html, useEffect, useState } from '../html.js';
import { get, segment } from '../state/api.js';
import { CopyButton } from '../ui/copy.js';
import { Json } from '../ui/json.js';
import { Code } from '../ui/pieces.js';

/** What the catalogue advises, by code; a code is asked for once. @type {Map<string, Promise<string>>} */
const advice = new Map();

/** @param {string} code */
function useAdvice(code) {
  const [said, setSaid] = useState('');
  useEffect(() => {
    let gone = false;
    setSaid('');
    const asked = advice.get(code) ?? get(`/errors/${segment(code)}`).then((entry) => entry.fix);
    advice.set(code, asked);
    asked.then((fix) => gone || setSaid(fix), () => advice.delete(code));
    return () => { gone = true; };
  }, [code]);
  return said;
}

/** What was left out has not failed. @param {{error: any, status: string}} props */
export function ErrorNote({ error, status }) {
  const fix = useAdvice(error.code);
  const failed = status !== 'skipped';
  return html`<div class=${`note rows${failed ? ' bad' : ''}`}><div class="row"><span class="grow"><${Code} code=${error.code} /> <span class="muted">${error.name}</span>${error.service_code ? html` <span class="tag">${error.service_code}</span>` : ''}</span>
      <${CopyButton} text=${`${error.code} ${error.name}: ${error.message}`} label="Copy the error" what="Error copied" /></div>
    <span class="wrap" style=${{ whiteSpace: 'pre-wrap' }}>${error.message}</span>
    ${failed && fix && html`<span class="muted wrap">${fix}</span>`}
    ${error.details && html`<${Json} value=${error.details} label="Details" />`}</div>`;
}
