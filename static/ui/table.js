// A table that draws only the rows that are seen, with a row that the keyboard stands on.
import { html, useEffect, useLayoutEffect, useRef, useState } from '../html.js';
import { bind } from './keyboard.js';

const ROW = 36;
const HEAD = 32;
/** Rows drawn above and below what is seen, so that a fast scroll finds them there. */
const BESIDE = 8;

/**
 * @typedef {{key: string, title: string, track: string, right?: boolean, cell: (row: any, at: number) => any}} Column
 * @param {{label: string, columns: Column[], length: number, row: (at: number) => any, keyOf: (row: any, at: number) => string,
 *   open?: (row: any, at: number) => void, picked?: Set<string>, onPick?: (picked: Set<string>) => void,
 *   onEnd?: () => void, least?: string, empty?: any, follow?: boolean, focus?: boolean}} props
 */
export function Table(props) {
  const { label, columns, length, row, keyOf, open, picked, onPick, onEnd, least, empty, follow } = props;
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const [view, setView] = useState({ top: 0, height: 800 });
  const [at, setAt] = useState(-1);
  const latest = useRef(/** @type {any} */ (null));
  latest.current = { length, at, row, open, picked, onPick, keyOf };

  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const look = () => setView({ top: element.scrollTop, height: element.clientHeight });
    look();
    const watcher = new ResizeObserver(look);
    watcher.observe(element);
    return () => watcher.disconnect();
  }, [length === 0]);

  useLayoutEffect(() => {
    if (follow && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [follow, length]);

  const move = (by) => {
    const { length: rows, at: from } = latest.current;
    if (rows === 0) return;
    const to = Math.max(0, Math.min(rows - 1, from + by));
    setAt(to);
    const element = box.current;
    if (!element) return;
    const top = to * ROW;
    if (top < element.scrollTop) element.scrollTop = top;
    if (top + ROW + HEAD > element.scrollTop + element.clientHeight) element.scrollTop = top + ROW + HEAD - element.clientHeight;
  };
  const enter = () => {
    const { at: from, length: rows, row: rowAt, open: opening } = latest.current;
    if (from >= 0 && from < rows) opening?.(rowAt(from), from);
  };
  const pick = () => {
    const { at: from, length: rows, row: rowAt, picked: before, onPick: tell, keyOf: key } = latest.current;
    if (from >= 0 && from < rows && tell) tell(toggled(before, key(rowAt(from), from)));
  };
  useEffect(() => bind({ j: () => move(1), k: () => move(-1), Enter: enter, x: pick }), []);

  const keys = (event) => {
    const page = Math.max(1, Math.floor(view.height / ROW) - 2);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -length, End: length };
    if (event.target !== box.current) return;
    if (event.key in steps) {
      event.preventDefault();
      move(steps[event.key]);
    } else if (event.key === ' ' && onPick) {
      event.preventDefault();
      pick();
    }
  };

  if (length === 0) return html`<div class="grid">${empty ?? html`<div class="empty">Nothing here</div>`}</div>`;
  const first = Math.max(0, Math.floor(view.top / ROW) - BESIDE);
  const last = Math.min(length, Math.ceil((view.top + view.height) / ROW) + BESIDE);
  const lines = [];
  for (let index = first; index < last; index += 1) {
    const item = row(index);
    if (item === undefined) continue;
    const key = keyOf(item, index);
    const chosen = picked?.has(key) ?? false;
    lines.push(html`<div key=${key} id=${`${label}-${index}`} class=${`line${index === at ? ' at' : ''}${chosen ? ' picked' : ''}`}
      role="row" aria-rowindex=${index + 2} aria-selected=${onPick ? chosen : undefined} style=${{ top: `${HEAD + index * ROW}px` }}
      onClick=${(event) => { setAt(index); if (open && !event.target.closest('a, button, input')) open(item, index); }}>
      ${onPick && html`<div class="cell" role="gridcell"><input type="checkbox" aria-label="Choose" checked=${chosen}
        onClick=${() => onPick(toggled(picked, key))} /></div>`}
      ${columns.map((column) => html`<div key=${column.key} class=${column.right ? 'cell right' : 'cell'} role="gridcell">${column.cell(item, index)}</div>`)}
    </div>`);
  }
  const tracks = (onPick ? '38px ' : '') + columns.map((column) => column.track).join(' ');
  return html`<div class=${open ? 'grid opens' : 'grid'} role="grid" aria-label=${label} aria-rowcount=${length + 1} aria-multiselectable=${onPick ? true : undefined}
    aria-activedescendant=${at >= first && at < last ? `${label}-${at}` : undefined} tabindex="0" ref=${box} onKeyDown=${keys}
    style=${{ '--columns': tracks, '--least': least }}
    onScroll=${(event) => {
      const element = event.currentTarget;
      setView({ top: element.scrollTop, height: element.clientHeight });
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
