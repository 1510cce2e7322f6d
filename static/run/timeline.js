// When each task ran: a bar from its start to its end, shaded before for how long it waited, and the chain of tasks
// that decided how long the whole took.
import { html, useEffect, useMemo, useRef, useState } from '../html.js';
import { duration, plural } from '../format.js';
import { now, serverTime } from '../state/clock.js';
import { themeEpoch } from '../state/theme.js';
import { Choice } from '../ui/pieces.js';
import { wordOf } from '../ui/status.js';
import { fitted, glyph, palette } from './draw.js';

const ROW = 24;
const AXIS = 26;
/** Names have this much room, and on a small screen no more than a share of it. */
const labelOf = (width) => Math.min(226, Math.round(width * 0.36));
/** Behind the last bar there is room for how long it took. */
const BEHIND = 72;
/** Between two times on the axis. */
const TICK = 76;

/** @param {{run: import('./model.js').Run, chosen: number, open: (task: number) => void}} props */
export function Timeline({ run, chosen, open }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const [view, setView] = useState({ top: 0, width: 0, height: 0 });
  const [only, setOnly] = useState('');
  const version = run.version.value;
  const active = !['completed', 'failed', 'cancelled'].includes(run.workflow.status);
  const tick = active ? now.value : 0;
  const critical = useMemo(() => criticalPath(run), [run, version]);
  const rows = useMemo(() => ordered(run, only === 'critical' ? critical : null), [run, version, only]);
  const theme = themeEpoch.value;
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const look = () => setView({ top: element.scrollTop, width: element.clientWidth, height: element.clientHeight });
    const watcher = new ResizeObserver(look);
    watcher.observe(element);
    element.addEventListener('scroll', look);
    return () => {
      watcher.disconnect();
      element.removeEventListener('scroll', look);
    };
  }, []);
  useEffect(() => {
    if (canvas.current && view.width > 0) paint(canvas.current, run, rows, critical, view, chosen);
  }, [view, rows, critical, chosen, tick, theme]);
  const rowAt = (event) => {
    const top = event.clientY - (canvas.current?.getBoundingClientRect().top ?? 0);
    return top < AXIS ? -1 : Math.floor((top - AXIS + view.top) / ROW);
  };
  const span = spanOf(run);
  return html`<div class="row flow">
      <${Choice} name="Rows" options=${[['critical', `Critical path (${critical.size})`]]} value=${only} change=${setOnly} />
      <span class="muted num">${plural(rows.length, 'task')} over ${duration(span)}${critical.size > 0 ? `, of which ${duration(waitOf(run, critical))} waiting on the critical path` : ''}</span>
    </div>
    <div class="board"><div class="scroller" ref=${box} tabindex="0" role="group" aria-label="Timeline. The tab Tasks has the same figures as a table.">
      <canvas ref=${canvas} role="img" aria-label=${`When each of ${plural(rows.length, 'task')} waited and ran`} style=${{ width: `${view.width}px`, height: `${view.height}px` }}
        onClick=${(event) => { const at = rows[rowAt(event)]; if (at !== undefined) open(at); }}></canvas>
      <div style=${{ height: `${Math.max(0, rows.length * ROW + AXIS + 12 - view.height)}px` }}></div>
    </div></div>`;
}

const spanOf = (run) => (['completed', 'failed', 'cancelled'].includes(run.workflow.status) ? lastEnd(run) : serverTime() - run.created);

function lastEnd(run) {
  let last = 1;
  for (const end of run.ended) last = Math.max(last, end);
  return last;
}

/** Backwards from what ended last, always to the dependency that ended last. */
export function criticalPath(run) {
  const path = new Set();
  let at = -1;
  for (let task = 0; task < run.total; task += 1) if (run.started[task] >= 0 && run.ended[task] >= 0 && (at < 0 || run.ended[task] > run.ended[at])) at = task;
  while (at >= 0 && !path.has(at)) {
    path.add(at);
    let before = -1;
    for (const parent of run.parentsOf(at)) if (run.ended[parent] >= 0 && (before < 0 || run.ended[parent] > run.ended[before])) before = parent;
    at = before;
  }
  return path;
}

function waitOf(run, path) {
  let sum = 0;
  for (const at of path) if (run.started[at] >= 0) sum += Math.max(0, run.started[at] - Math.max(0, run.readyAt(at)));
  return sum;
}

function ordered(run, only) {
  const rows = [];
  for (let at = 0; at < run.total; at += 1) if (!only || only.has(at)) rows.push(at);
  const key = (at) => (run.started[at] >= 0 ? run.started[at] : Infinity);
  return rows.sort((a, b) => (key(a) === key(b) ? a - b : key(a) - key(b)));
}

function paint(canvas, run, rows, critical, view, chosen) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  canvas.width = Math.round(view.width * devicePixelRatio);
  canvas.height = Math.round(view.height * devicePixelRatio);
  context.scale(devicePixelRatio, devicePixelRatio);
  const colours = palette();
  const span = spanOf(run);
  const label = labelOf(view.width);
  const room = view.width - label - BEHIND;
  const x = (ms) => label + (Math.max(0, ms) / span) * room;
  axis(context, colours, span, x, view, room);
  context.font = '12px Inter, system-ui, sans-serif';
  context.textBaseline = 'middle';
  const first = Math.max(0, Math.floor(view.top / ROW));
  const last = Math.min(rows.length, Math.ceil((view.top + view.height) / ROW));
  context.save();
  context.beginPath();
  context.rect(0, AXIS, view.width, view.height);
  context.clip();
  for (let row = first; row < last; row += 1) line(context, colours, run, rows[row], AXIS + row * ROW - view.top, x, view, critical, chosen);
  context.restore();
}

function line(context, colours, run, at, top, x, view, critical, chosen) {
  const word = run.word(at);
  if (at === chosen) {
    context.fillStyle = colours.sunken;
    context.fillRect(0, top, view.width, ROW);
  }
  context.fillStyle = critical.has(at) ? colours.text : colours.muted;
  context.font = `${critical.has(at) ? '600 ' : ''}12px Inter, system-ui, sans-serif`;
  context.fillText(fitted(context, run.shape.names[at], labelOf(view.width) - 42), 32, top + ROW / 2);
  context.save();
  context.translate(11, top + 4);
  context.strokeStyle = colours.states[word];
  context.lineWidth = 1.7;
  context.lineCap = 'round';
  context.lineJoin = 'round';
  context.stroke(glyph(word));
  context.restore();
  const ready = run.readyAt(at);
  const start = run.started[at];
  if (ready >= 0 && !(start < 0 && ['skipped', 'cancelled'].includes(word))) {
    const until = start >= 0 ? start : spanOf(run);
    context.fillStyle = colours.states.queued;
    context.globalAlpha = 0.28;
    context.fillRect(x(ready), top + 9, Math.max(0, x(until) - x(ready)), ROW - 18);
    context.globalAlpha = 1;
  }
  if (start < 0) {
    // What never ran has no bar; a word says that nothing is missing.
    if (!['skipped', 'cancelled', 'failed'].includes(word)) return;
    context.font = '11px Inter, system-ui, sans-serif';
    context.fillStyle = colours.muted;
    context.fillText(wordOf(word).toLowerCase(), x(Math.max(0, run.ended[at])) + 6, top + ROW / 2);
    return;
  }
  const end = run.ended[at] >= 0 ? run.ended[at] : spanOf(run);
  const width = Math.max(2, x(end) - x(start));
  context.fillStyle = colours.states[word];
  context.beginPath();
  context.roundRect(x(start), top + 5, width, ROW - 10, 3);
  context.fill();
  if (critical.has(at)) {
    context.strokeStyle = colours.text;
    context.lineWidth = 1.2;
    context.stroke();
  }
  context.font = '11px Inter, system-ui, sans-serif';
  context.fillStyle = colours.muted;
  context.fillText(duration(end - start), x(start) + width + 6, top + ROW / 2);
}

function axis(context, colours, span, x, view, room) {
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 15000, 30000, 60000, 120000, 300000, 600000, 1800000, 3600000, 21600000, 86400000];
  const step = steps.find((one) => (room * one) / span >= TICK) ?? span;
  context.font = '11px Inter, system-ui, sans-serif';
  context.textBaseline = 'middle';
  context.fillStyle = colours.muted;
  context.strokeStyle = colours.soft;
  context.lineWidth = 1;
  context.beginPath();
  for (let at = 0; at <= span; at += step) {
    context.moveTo(Math.round(x(at)) + 0.5, AXIS - 4);
    context.lineTo(Math.round(x(at)) + 0.5, view.height);
    context.fillText(at === 0 ? '0' : duration(at), x(at) + 4, 11);
  }
  context.stroke();
}
