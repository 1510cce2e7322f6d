// Descriptions are plain text with paragraphs, and backticks around what is code. Nothing in them is ever markup.
import { html } from '../html.js';

/** @param {{text: string | undefined}} props */
export function Prose({ text }) {
  if (!text) return null;
  return html`<div class="prose">${text.split(/\n{2,}/).map((paragraph, at) => html`<p key=${at}><${Inline} text=${paragraph} /></p>`)}</div>`;
}

/** @param {{text: string | undefined}} props */
export function Inline({ text }) {
  return (text ?? '').split('`').map((part, at) => (at % 2 === 1 ? html`<code key=${at}>${part}</code>` : part));
}
