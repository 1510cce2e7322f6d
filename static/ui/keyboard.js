// Keys that work everywhere, and a place where screens add theirs.
import { isDialogOpen } from './dialog.js';

/** @typedef {Record<string, (event: KeyboardEvent) => void>} Bindings */

/** The latest is asked first. @type {Bindings[]} */
const layers = [];
let leader = '';
/** @type {any} */
let leaderTimer = 0;
/** A `g` waits this long for the key that follows it. */
const LEADER_MS = 1200;

/** Adds keys until the returned function is called; in a layout effect, so that what is seen has its keys. @param {Bindings} bindings */
export function bind(bindings) {
  layers.unshift(bindings);
  return () => {
    const at = layers.indexOf(bindings);
    if (at >= 0) layers.splice(at, 1);
  };
}

/** Whether what is pressed is written there. @param {EventTarget | null} target */
export function types(target) {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)
    || target.closest('.editor') !== null) && target.getAttribute('type') !== 'checkbox' && target.getAttribute('type') !== 'range';
}

addEventListener('keydown', (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  const control = event.ctrlKey || event.metaKey;
  let key = control ? `ctrl+${event.key.toLowerCase()}` : event.key;
  if (event.altKey) return;
  const typing = types(event.target);
  if (typing && key === 'Escape') {
    /** @type {HTMLElement} */ (event.target).blur();
    return;
  }
  if (typing && !control) return;
  if (isDialogOpen() && key !== 'ctrl+k') return;
  if (leader) {
    key = `${leader} ${key}`;
    leader = '';
  } else if (key === 'g') {
    leader = 'g';
    clearTimeout(leaderTimer);
    leaderTimer = setTimeout(() => { leader = ''; }, LEADER_MS);
    return;
  }
  for (const bindings of layers) {
    const found = bindings[key];
    if (found) {
      event.preventDefault();
      found(event);
      return;
    }
  }
});

/** Puts the focus into the filter of the screen. */
export function focusFilter() {
  const filter = /** @type {HTMLInputElement | null} */ (document.querySelector('[data-filter]'));
  filter?.focus();
  filter?.select();
}
