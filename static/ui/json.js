// A value as a tree. Everything in it is text: a result is never markup.
import { html, useState } from '../html.js';

/** Members of one level that are shown at once; and characters of a text. */
const MEMBERS = 100;
const CHARACTERS = 2000;

/** @param {{value: any, label: string}} props */
export function Json({ value, label }) {
  return html`<div class="json" role="group" tabindex="0" aria-label=${label}><${Value} value=${value} depth=${0} /></div>`;
}

/** @param {{name?: string, value: any, depth: number, last?: boolean}} props */
function Value({ name, value, depth }) {
  const [open, setOpen] = useState(depth < 2);
  const [shown, setShown] = useState(MEMBERS);
  const label = name === undefined ? null : html`<span class="key">${name}</span>: `;
  if (value === null || typeof value !== 'object') return html`<div>${label}<${Leaf} value=${value} /></div>`;
  const list = Array.isArray(value);
  const names = list ? value : Object.keys(value);
  const size = names.length;
  if (size === 0) return html`<div>${label}${list ? '[]' : '{}'}</div>`;
  const what = list ? `${size} ${size === 1 ? 'item' : 'items'}` : `${size} ${size === 1 ? 'member' : 'members'}`;
  const members = [];
  for (let at = 0; open && at < Math.min(size, shown); at += 1) {
    const key = list ? String(at) : names[at];
    members.push(html`<li key=${key}><${Value} name=${key} value=${value[key]} depth=${depth + 1} /></li>`);
  }
  return html`<div>${label}<button aria-expanded=${open} onClick=${() => setOpen(!open)}>${open ? '▾' : '▸'} ${list ? '[' : '{'} ${what} ${list ? ']' : '}'}</button>
    ${open && html`<ul>${members}</ul>`}
    ${open && size > shown && html`<button onClick=${() => setShown(shown + MEMBERS * 10)}>… ${size - shown} more</button>`}
  </div>`;
}

/** @param {{value: any}} props */
function Leaf({ value }) {
  const [whole, setWhole] = useState(false);
  if (typeof value !== 'string') return html`<span class=${typeof value === 'number' ? 'number' : 'word'}>${String(value)}</span>`;
  if (value.length <= CHARACTERS || whole) return html`<span class="string">"${value}"</span>`;
  return html`<span class="string">"${value.slice(0, CHARACTERS)}</span><button onClick=${() => setWhole(true)}>… ${value.length - CHARACTERS} more characters</button>`;
}

/** A value as people paste it elsewhere. @param {any} value */
export const pretty = (value) => (typeof value === 'string' ? value : JSON.stringify(value, null, 2));
