// Copying: values, ids, and the same request for a terminal.
import { html } from '../html.js';
import { heldKey } from '../state/api.js';
import { Icon } from './icons.js';
import { toast } from './toast.js';

/** @param {string} text @param {string} [what] */
export async function copy(text, what = 'Copied') {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without a secure context the clipboard is there only through a selection.
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
  toast(what);
}

/** @param {{text: string, label: string, what?: string}} props */
export function CopyButton({ text, label, what }) {
  return html`<button class="button quiet small square" aria-label=${label} title=${label} onClick=${() => copy(text, what)}><${Icon} name="copy" /></button>`;
}

/** A word for a shell. @param {string} text */
export const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** @param {string[]} words */
export const cli = (words) => ['gleitzeit', ...words, '--url', location.origin].map(quoted).join(' ');

/** @param {string} method @param {string} path @param {any} [body] */
export function curl(method, path, body) {
  const words = ['curl'];
  if (method !== 'GET') words.push('-X', method);
  if (heldKey()) words.push('-H', 'Authorization: Bearer $GLEITZEIT_TOKEN');
  if (body !== undefined) words.push('-H', 'content-type: application/json', '-d', JSON.stringify(body));
  words.push(`${location.origin}/api/v1${path}`);
  // The token stands for itself: a variable is not expanded inside single quotes.
  return words.map((word) => (word.includes('$GLEITZEIT_TOKEN') ? `"${word}"` : quoted(word))).join(' ');
}
