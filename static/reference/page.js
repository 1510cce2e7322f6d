// The reference: the description of the interface that the server gives, as a page to read.
import { html, render, useEffect, useMemo, useState } from '../html.js';
import { nextTheme, theme } from '../state/theme.js';
import { Operation } from './operation.js';
import { Inline, Prose } from './text.js';

/** @typedef {import('./operation.js').Entry} Entry */

const VERBS = ['get', 'post', 'patch', 'delete'];
const COPIED_MS = 2000;

/** @param {any} document @returns {Entry[]} */
function entriesOf(document) {
  return Object.entries(document.paths).flatMap(([path, item]) => VERBS.filter((verb) => item[verb]).map((verb) => (
    { id: item[verb].operationId, verb: verb.toUpperCase(), path, tag: item[verb].tags[0], operation: item[verb] })));
}

/** @param {Entry} entry @param {string} words */
function fits({ id, verb, path, operation }, words) {
  const text = `${verb} ${path} ${id} ${operation.summary}`.toLowerCase();
  return words.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

function Page({ document: description }) {
  const [words, setWords] = useState('');
  const [said, setSaid] = useState('');
  const all = useMemo(() => entriesOf(description), [description]);
  const found = all.filter((entry) => fits(entry, words.trim()));
  const chapters = description.tags.map((tag) => ({ ...tag, entries: found.filter((entry) => entry.tag === tag.name) })).filter(({ entries }) => entries.length > 0);
  useEffect(() => keys(), []);
  useEffect(() => {
    // The target of the address is there only now.
    if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
  }, []);
  const copied = async (text) => {
    await navigator.clipboard.writeText(text).then(() => setSaid('Copied'), () => setSaid('This browser does not let a page copy'));
    setTimeout(() => setSaid(''), COPIED_MS);
  };
  return html`<a class="skip" href="#content">To the content</a>
    <nav class="contents" aria-label="Operations">
      <a class="brand" href="/"><span>Gleitzeit</span></a>
      <input class="field" type="search" data-filter placeholder="Filter  /" aria-label="Filter the operations" value=${words} onInput=${(event) => setWords(event.target.value)} />
      ${chapters.map(({ name, entries }) => html`<section key=${name}><h2>${name}</h2><ul>${entries.map(({ id, operation }) => html`<li key=${id}><a href=${`#${id}`}><${Inline} text=${operation.summary} /></a></li>`)}</ul></section>`)}
      ${chapters.length === 0 && html`<p class="muted">Nothing fits.</p>`}
      <p class="foot"><button class="button quiet small" onClick=${nextTheme}>Theme: ${theme.value}</button> <a class="link" href="/openapi.json">openapi.json</a></p>
    </nav>
    <main id="content" tabindex="-1">
      <h1>REST reference</h1><p class="muted">Gleitzeit ${description.info.version}. Keys: <kbd>/</kbd> filter, <kbd>j</kbd> <kbd>k</kbd> next and previous.</p>
      <${Prose} text=${description.info.description} />
      ${chapters.map(({ name, description: text, entries }) => html`<section key=${name} aria-label=${name}><h2 class="chapter">${name}</h2><p class="muted">${text}</p>
        ${entries.map((entry) => html`<${Operation} key=${entry.id} document=${description} entry=${entry} copied=${copied} />`)}</section>`)}
    </main>
    <div class="said" role="status">${said}</div>`;
}

/** `/` filters, `j` and `k` walk through the operations. */
function keys() {
  const pressed = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const filter = /** @type {HTMLInputElement | null} */ (document.querySelector('[data-filter]'));
    if (document.activeElement === filter) {
      if (event.key === 'Escape') filter?.blur();
      return;
    }
    if (event.key === '/') filter?.focus();
    else if (event.key === 'j' || event.key === 'k') walk(event.key === 'j' ? 1 : -1);
    else return;
    event.preventDefault();
  };
  addEventListener('keydown', pressed);
  return () => removeEventListener('keydown', pressed);
}

/** @param {number} by */
function walk(by) {
  const operations = /** @type {HTMLElement[]} */ ([...document.querySelectorAll('article.operation')]);
  const focused = operations.findIndex((operation) => operation.contains(document.activeElement));
  const next = operations[focused < 0 ? 0 : Math.min(Math.max(focused + by, 0), operations.length - 1)];
  next?.focus();
  next?.scrollIntoView();
  if (next) history.replaceState(null, '', `#${next.id}`);
}

async function start() {
  const place = /** @type {Element} */ (document.getElementById('app'));
  try {
    const answer = await fetch('/openapi.json');
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    render(html`<${Page} document=${await answer.json()} />`, place);
  } catch (error) {
    render(html`<p class="boot" role="alert">The description could not be read: ${String(error)}. Load the page again.</p>`, place);
  }
}

start();
