// Ctrl-K: go anywhere, find a workflow, paste an id.
import { html, useEffect, useRef, useState } from '../html.js';
import { get, query, segment } from '../state/api.js';
import { address, go, workflowAddress } from '../state/route.js';
import { isLoggedIn, leave, may } from '../state/session.js';
import { nextTheme } from '../state/theme.js';
import { Dialog, openDialog } from './dialog.js';
import { Help } from './help.js';
import { Icon } from './icons.js';
import { glyphOf, wordOf } from './status.js';

/** @typedef {{icon: string, name: string, hint: string, id?: string, offered?: () => boolean, run: () => void}} Choice */

/** @type {Choice[]} */
const COMMANDS = [
  { icon: 'now', name: 'Now', hint: 'g n', run: () => go(address([])) },
  { icon: 'flow', name: 'Workflows', hint: 'g w', run: () => go(address(['workflows'])) },
  { icon: 'cross', name: 'Failed workflows', hint: '', run: () => go(address(['workflows'], { status: 'failed' })) },
  { icon: 'turn', name: 'Running workflows', hint: '', run: () => go(address(['workflows'], { status: 'running' })) },
  { icon: 'plug', name: 'Services', hint: 'g s', run: () => go(address(['services'])) },
  { icon: 'list', name: 'Events', hint: 'g e', run: () => go(address(['events'])) },
  { icon: 'alert', name: 'Errors', hint: 'g r', run: () => go(address(['errors'])) },
  { icon: 'out', name: 'Webhooks', hint: 'g h', offered: () => may('operator'), run: () => go(address(['webhooks'])) },
  { icon: 'plus', name: 'Submit a workflow', hint: 'g c', offered: () => may('user'), run: () => go(address(['submit'])) },
  { icon: 'lock', name: 'Admin', hint: 'g a', offered: () => may('operator'), run: () => go(address(['admin'])) },
  { icon: 'sun', name: 'Change the theme', hint: '', run: nextTheme },
  { icon: 'keys', name: 'Keyboard', hint: '?', run: () => openDialog(Help) },
  { icon: 'leave', name: 'Log out', hint: '', offered: isLoggedIn, run: leave },
];
/** Found workflows that are listed. */
const FOUND = 8;

const ID = /^[0-9a-f]{8}-[0-9a-f-]{27}(\.\d+)?$/;

/** @param {{close: () => void}} props */
export function Palette({ close }) {
  const [text, setText] = useState('');
  const [found, setFound] = useState(/** @type {Choice[]} */ ([]));
  const [at, setAt] = useState(0);
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    const wanted = text.trim();
    setAt(0);
    if (wanted.length < 2) {
      setFound([]);
      return undefined;
    }
    const abort = new AbortController();
    const timer = setTimeout(() => search(wanted, abort.signal).then(setFound, () => {}), 120);
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [text]);
  const wanted = text.trim().toLowerCase();
  // What was found for the letters before still has to fit those that came since.
  const choices = [...COMMANDS, ...found].filter((choice) => (choice.offered?.() ?? true) && `${choice.name} ${choice.id ?? ''}`.toLowerCase().includes(wanted));
  const take = (choice) => {
    close();
    choice?.run();
  };
  const keys = (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) {
      event.preventDefault();
      const to = (at + by + choices.length) % Math.max(1, choices.length);
      setAt(to);
      list.current?.children[to]?.scrollIntoView({ block: 'nearest' });
    } else if (event.key === 'Enter') {
      event.preventDefault();
      take(choices[at]);
    }
  };
  return html`<${Dialog} title="Go to" plain close=${close}>
    <input role="combobox" aria-expanded="true" aria-controls="palette-list" aria-activedescendant=${`palette-${at}`} aria-label="Go to a screen, a workflow or an id"
      autofocus autocomplete="off" placeholder="Screen, workflow name or id" value=${text} onInput=${(event) => setText(event.target.value)} onKeyDown=${keys} />
    <ul id="palette-list" role="listbox" aria-label="Places" ref=${list}>
      ${choices.map((choice, index) => html`<li key=${`${choice.name}${index}`} id=${`palette-${index}`} role="option" aria-selected=${index === at}
        onMouseMove=${() => setAt(index)} onClick=${() => take(choice)}><${Icon} name=${choice.icon} /><span class="clip">${choice.name}</span><span class="hint">${choice.hint}</span></li>`)}
      ${choices.length === 0 && html`<li role="option" aria-selected="false" class="muted">Nothing by this name</li>`}
    </ul>
  </${Dialog}>`;
}

/** @param {string} wanted @param {AbortSignal} signal @returns {Promise<Choice[]>} */
async function search(wanted, signal) {
  if (ID.test(wanted)) {
    const task = wanted.includes('.');
    const run = () => go(task ? address(['tasks', wanted]) : workflowAddress(wanted));
    return [{ icon: task ? 'ring' : 'flow', name: wanted, hint: task ? 'task' : 'workflow', run }];
  }
  const page = await get(`/workflows${query({ name: wanted, limit: FOUND })}`, signal);
  const named = page.items.map((workflow) => ({
    icon: glyphOf(workflow.status), name: workflow.name, hint: wordOf(workflow.status), run: () => go(workflowAddress(workflow.id)),
  }));
  // An id of the submitter's own is a workflow's address, too.
  const own = await get(`/workflows/${segment(wanted)}`, signal).catch(() => null);
  if (own && !named.some((one) => one.name === own.name)) {
    named.unshift({ icon: glyphOf(own.status), name: own.name, hint: own.id, id: own.id, run: () => go(workflowAddress(own.id)) });
  }
  return named;
}
