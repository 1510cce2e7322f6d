// A table that draws only the rows that are seen, with a row that the keyboard stands on. It knows rows by their keys: the
// one that is stood on and the first that is seen stay the same while others come, go and change places.
import { html, useLayoutEffect, useRef, useState } from '../html.js';
import { bind } from './keyboard.js';

const ROW = 36;
const HEAD = 32;
/** Rows drawn above and below what is seen, so that a fast scroll finds them there. */
const BESIDE = 8;

/** So far a row is looked for from where it was; one that went further is another list. */
const LOOKED_AROUND = 2000;
/** Boxes narrower than this drop columns instead of being scrolled sideways. */
const NARROW = 640;
/** Tables whose place is remembered; the oldest is forgotten. */
const PLACES_MAX = 50;

/** Where somebody was in a table, so that the way back leads there. @type {Map<string, {key: string | null, top: number}>} */
const places = new Map();

function leave(place, key, top) {
  places.delete(place);
  places.set(place, { key, top });
  if (places.size > PLACES_MAX) places.delete(places.keys().next().value ?? '');
}

/**
 * The row with this key, looked for around where it was; -1 where there is none.
 * @param {string | null} key @param {number} near @param {number} length @param {(at: number) => string} keyAt @param {number} [reach]
 */
function find(key, near, length, keyAt, reach = length) {
  if (key === null) return -1;
  const from = Math.max(0, Math.min(length - 1, near));
  for (let away = 0; away <= reach && (from - away >= 0 || from + away < length); away += 1) {
    if (from - away >= 0 && keyAt(from - away) === key) return from - away;
    if (from + away < length && keyAt(from + away) === key) return from + away;
  }
  return -1;
}

/**
 * `from` is the width of the table from which on a column is shown; `place` a name under which the table is found again as
 * it was left; `follow` keeps the last row in view until somebody scrolls away from it.
 * @typedef {{key: string, title: string, track: string, right?: boolean, from?: number, cell: (row: any, at: number) => any}} Column
 * @param {{label: string, columns: Column[], length: number, row: (at: number) => any, keyOf: (row: any, at: number) => string,
 *   open?: (row: any, at: number) => void, picked?: Set<string>, onPick?: (picked: Set<string>) => void,
 *   onEnd?: () => void, least?: string, empty?: any, follow?: boolean, place?: string}} props
 */
export function Table(props) {
  const { label, length, row, keyOf, open, picked, onPick, onEnd, least, empty, follow, place } = props;
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const [view, setView] = useState({ top: 0, width: 0, height: 800 });
  const [loose, setLoose] = useState(false);
  const [atKey, setAtKey] = useState(() => (place === undefined ? null : places.get(place)?.key ?? null));
  const keyAt = (index) => keyOf(row(index), index);
  const held = useRef({ at: -1, place, anchor: /** @type {{index: number, keys: string[]} | null} */ (null) }).current;
  const at = length > 0 ? find(atKey, held.at, length, keyAt) : -1;
  if (at >= 0) held.at = at;
  const latest = useRef(/** @type {any} */ (null));
  latest.current = { length, at, row, open, picked, onPick, keyOf, keyAt };

  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const look = () => setView({ top: element.scrollTop, width: element.clientWidth, height: element.clientHeight });
    const before = place === undefined ? undefined : places.get(place);
    if (before && length > 0) {
      element.scrollTop = before.top;
      setAtKey(before.key);
    }
    look();
    const watcher = new ResizeObserver(look);
    watcher.observe(element);
    return () => watcher.disconnect();
  }, [length === 0, place]);

  const last = length > 0 ? keyAt(length - 1) : '';
  useLayoutEffect(() => {
    if (follow && !loose && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [follow, loose, length, last]);

  // What is read stays where it is while rows come or go above it.
  useLayoutEffect(() => {
    const element = box.current;
    if (!element || length === 0) return;
    const { anchor } = held;
    if (anchor && element.scrollTop > 0 && !(follow && !loose)) {
      const index = find(anchor.keys[0], anchor.index, length, keyAt, LOOKED_AROUND);
      if (index >= 0 && index !== anchor.index && index + 1 < length && keyAt(index + 1) === anchor.keys[1]) element.scrollTop += (index - anchor.index) * ROW;
    }
    const top = Math.min(length - 1, Math.floor(element.scrollTop / ROW));
    held.anchor = { index: top, keys: [keyAt(top), top + 1 < length ? keyAt(top + 1) : ''] };
  });

  const stand = (index) => {
    const key = latest.current.keyAt(index);
    held.at = index;
    latest.current.at = index;
    setAtKey(key);
    if (place !== undefined) leave(place, key, box.current?.scrollTop ?? 0);
  };
  const move = (by) => {
    const { length: rows, at: from } = latest.current;
    if (rows === 0) return;
    const to = Math.max(0, Math.min(rows - 1, from + by));
    const element = box.current;
    if (element) {
      const top = to * ROW;
      if (top < element.scrollTop) element.scrollTop = top;
      if (top + ROW + HEAD > element.scrollTop + element.clientHeight) element.scrollTop = top + ROW + HEAD - element.clientHeight;
    }
    stand(to);
  };
  const enter = () => {
    const { at: from, length: rows, row: rowAt, open: opening } = latest.current;
    if (from >= 0 && from < rows) opening?.(rowAt(from), from);
  };
  const pick = () => {
    const { at: from, length: rows, row: rowAt, picked: before, onPick: tell, keyOf: key } = latest.current;
    if (from >= 0 && from < rows && tell) tell(toggled(before, key(rowAt(from), from)));
  };
  const steps = useRef({ move, enter, pick });
  steps.current = { move, enter, pick };
  useLayoutEffect(() => bind({ j: () => steps.current.move(1), k: () => steps.current.move(-1), Enter: () => steps.current.enter(), x: () => steps.current.pick() }), []);

  const keys = (event) => {
    const page = Math.max(1, Math.floor(view.height / ROW) - 2);
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -length, End: length }[event.key];
    if (event.target !== box.current) return;
    if (by !== undefined) {
      event.preventDefault();
      move(by);
    } else if (event.key === ' ' && onPick) {
      event.preventDefault();
      pick();
    }
  };

  if (length === 0) return html`<div class="grid">${empty ?? html`<div class="empty">Nothing here</div>`}</div>`;
  const columns = props.columns.filter((column) => view.width === 0 || view.width >= (column.from ?? 0));
  const first = Math.max(0, Math.floor(view.top / ROW) - BESIDE);
  const end = Math.min(length, Math.ceil((view.top + view.height) / ROW) + BESIDE);
  const lines = [];
  for (let index = first; index < end; index += 1) {
    const item = row(index);
    if (item === undefined) continue;
    const key = keyOf(item, index);
    const chosen = picked?.has(key) ?? false;
    lines.push(html`<div key=${key} id=${`${label}-${index}`} class=${`line${index === at ? ' at' : ''}${chosen ? ' picked' : ''}`}
      role="row" aria-rowindex=${index + 2} aria-selected=${onPick ? chosen : undefined} style=${{ top: `${HEAD + index * ROW}px` }}
      onClick=${(event) => { stand(index); if (open && !event.target.closest('a, button, input')) open(item, index); }}>
      ${onPick && html`<div class="cell" role="gridcell"><input type="checkbox" aria-label="Choose" checked=${chosen}
        onClick=${() => onPick(toggled(picked, key))} /></div>`}
      ${columns.map((column) => html`<div key=${column.key} class=${column.right ? 'cell right' : 'cell'} role="gridcell">${column.cell(item, index)}</div>`)}
    </div>`);
  }
  const tracks = (onPick ? '38px ' : '') + columns.map((column) => column.track).join(' ');
  return html`<div class=${open ? 'grid opens' : 'grid'} role="grid" aria-label=${label} aria-rowcount=${length + 1} aria-multiselectable=${onPick ? true : undefined}
    aria-activedescendant=${at >= first && at < end ? `${label}-${at}` : undefined} tabindex="0" ref=${box} onKeyDown=${keys}
    style=${{ '--columns': tracks, '--least': view.width > 0 && view.width < NARROW ? '0' : least }}
    onScroll=${(event) => {
      const element = event.currentTarget;
      setView({ top: element.scrollTop, width: element.clientWidth, height: element.clientHeight });
      if (follow) setLoose(element.scrollTop + element.clientHeight < element.scrollHeight - ROW * 2);
      if (place !== undefined) leave(place, atKey, element.scrollTop);
      if (onEnd && element.scrollTop + element.clientHeight > element.scrollHeight - ROW * 20) onEnd();
    }}>
    <div class="head" role="row" aria-rowindex="1">
      ${onPick && html`<div class="cell" role="columnheader"><input type="checkbox" aria-label="Choose all that are loaded"
        checked=${picked !== undefined && picked.size > 0 && picked.size >= length}
        onClick=${(event) => onPick(event.target.checked ? new Set(all(length, row, keyOf)) : new Set())} /></div>`}
      ${columns.map((column) => html`<div key=${column.key} class=${column.right ? 'cell right' : 'cell'} role="columnheader">${column.title}</div>`)}
    </div>
    <div role="presentation" style=${{ height: `${length * ROW}px` }}></div>
    ${lines}
    ${follow && loose && html`<button class="button primary small newest" onClick=${() => setLoose(false)}>To the newest</button>`}
  </div>`;
}

function toggled(picked, key) {
  const next = new Set(picked);
  if (!next.delete(key)) next.add(key);
  return next;
}

function* all(length, row, keyOf) {
  for (let index = 0; index < length; index += 1) yield keyOf(row(index), index);
}
