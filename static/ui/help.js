// Which keys there are.
import { html } from '../html.js';
import { Dialog } from './dialog.js';

const KEYS = [
  ['Go anywhere', 'Ctrl K'], ['Filter of this screen', '/'], ['Next, previous row', 'j  k'], ['Open', 'Enter'],
  ['Close, back', 'Esc'], ['Choose a row', 'x'], ['Now', 'g n'], ['Workflows', 'g w'], ['Services', 'g s'],
  ['Events', 'g e'], ['Errors', 'g r'], ['Webhooks', 'g h'], ['Submit', 'g c'], ['Admin', 'g a'], ['Tabs of a run', '1 … 6'], ['First failure of a run', 'f'],
  ['Graph: walk', 'arrows'], ['Graph: closer, further', '+  −'], ['Graph: all of it', '0'], ['Retry a task', 'r'], ['Submit what is written', 'Ctrl Enter'], ['These keys', '?'],
];

/** @param {{close: () => void}} props */
export function Help({ close }) {
  return html`<${Dialog} title="Keyboard" wide close=${close}>
    <div class="keys">${KEYS.map(([what, key]) => html`<div key=${what}><span>${what}</span><kbd>${key}</kbd></div>`)}</div>
    <p class="muted">Everything has an address: a link to a tab, a filter or an open task shows the same to somebody else.</p>
  </${Dialog}>`;
}
