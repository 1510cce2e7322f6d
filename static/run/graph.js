// The graph of a run on a canvas: pan, zoom, fold, and a walk along the edges by the keyboard.
import { html, useEffect, useLayoutEffect, useRef, useState } from '../html.js';
import { plural } from '../format.js';
import { themeEpoch } from '../state/theme.js';
import { bind } from '../ui/keyboard.js';
import { Icon } from '../ui/icons.js';
import { wordOf } from '../ui/status.js';
import { draw, palette, TEXT_FROM } from './draw.js';
import { NODE } from './layout.js';
import { Scene } from './scene.js';

const SCALE_MIN = 0.01;
const SCALE_MAX = 2.5;
/** Around a graph that is shown as a whole, and for the words below it. */
const MARGIN = 40;
const FIGURES = 20;
/** A board that has no size yet is taken for this. */
const SCREEN_MIN = 240;
/** At this scale names are read without effort. */
const READABLE = 0.8;
/** At this one they can be read. */
const LEGIBLE = 0.6;
/** A graph of more nodes is shown as a whole at first: its shape says more than the few that would be seen. */
const APPROACHED = 400;

/**
 * @param {{run: import('./model.js').Run, chosen: number, open: (task: number) => void, asTable: () => void, draft?: boolean}} props
 */
export function Graph({ run, chosen, open, asTable, draft }) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const board = useRef(/** @type {Board | null} */ (null));
  const [told, setTold] = useState('');
  const [state, setState] = useState({ nodes: 0, took: 0, ready: false, everything: false, opened: 0 });
  useEffect(() => {
    const element = canvas.current;
    if (!element) return undefined;
    const made = new Board(element, run, { open, told: setTold, state: setState });
    board.current = made;
    return () => made.end();
  }, [run]);
  useEffect(() => board.current?.choose(chosen), [run, chosen]);
  useEffect(() => { if (board.current) board.current.open = open; });
  const version = run.version.value;
  useEffect(() => board.current?.redraw(), [version]);
  const theme = themeEpoch.value;
  useEffect(() => board.current?.recolour(), [theme]);
  useLayoutEffect(() => bind({
    '+': () => board.current?.zoom(1.25), '=': () => board.current?.zoom(1.25), '-': () => board.current?.zoom(0.8), 0: () => board.current?.fit(),
  }), []);
  const folds = state.ready && state.nodes < run.total;
  return html`<div class="board" data-graph-ready=${state.ready ? state.nodes : undefined} data-layout-ms=${Math.round(state.took)}>
    <canvas ref=${canvas} tabindex="0" role="application" aria-label=${`Graph of ${plural(run.total, 'task')}. Arrow keys walk along the edges, Enter opens a task or a stack. The tab Tasks has the same as a table.`}></canvas>
    <div class="hidden-text" aria-live="polite">${told}</div>
    ${!state.ready && html`<div class="waiting">Placing ${plural(run.total, 'task')}</div>`}
    <div class="tools">
      ${!draft && html`<button class="button small" onClick=${asTable}><${Icon} name="table" />As a table</button>`}
      ${(folds || state.everything || state.opened > 0) && html`<button class="button small"
        onClick=${() => board.current?.toggleFolding()}><${Icon} name="fold" />${state.everything || state.opened > 0 ? 'Fold' : 'Unfold all'}</button>`}
      <button class="button small square" aria-label="Further away" onClick=${() => board.current?.zoom(0.75)}>−</button>
      <button class="button small square" aria-label="Closer" onClick=${() => board.current?.zoom(1.33)}>+</button>
      <button class="button small square" aria-label="Show all of it" onClick=${() => board.current?.fit()}><${Icon} name="fit" /></button>
    </div>
    ${state.ready && html`<div class="figures">${folds ? `${plural(run.total, 'task')} in ${plural(state.nodes, 'node')}` : plural(run.total, 'task')}</div>`}
  </div>`;
}

/** Not further than the edges of the graph: there is nothing to see beyond. @param {number} at @param {number} least */
const within = (at, least) => (least > MARGIN ? (least + MARGIN) / 2 : Math.max(least, Math.min(MARGIN, at)));

class Board {
  constructor(element, run, { open, told, state }) {
    this.element = element;
    this.context = element.getContext('2d');
    this.run = run;
    this.open = open;
    this.told = told;
    this.state = state;
    /** What was looked at when this run was last on the screen. */
    const before = run.look;
    this.view = before ? { ...before.view } : { scale: 1, x: 0, y: 0 };
    /** @type {Scene | null} */
    this.scene = null;
    this.hovered = -1;
    this.chosen = -1;
    this.chosenTask = before?.chosenTask ?? -1;
    this.near = new Set();
    this.opened = new Set(before?.opened);
    this.everything = before?.everything ?? false;
    this.placedBefore = Boolean(before);
    this.ticket = 0;
    this.frame = 0;
    this.width = 0;
    this.height = 0;
    this.colours = palette();
    /** What there is for the graph; it is placed for this, and not anew whenever a drawer opens beside it. */
    this.screen = { width: Math.max(SCREEN_MIN, element.clientWidth - MARGIN * 2), height: Math.max(SCREEN_MIN, element.clientHeight - MARGIN * 2 - FIGURES) };
    this.worker = new Worker(new URL('./layout-worker.js', import.meta.url), { type: 'module' });
    this.worker.onmessage = (message) => this.placed(message.data);
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(element);
    this.off = new AbortController();
    this.listen();
    this.ask(true);
  }

  end() {
    if (this.scene) this.run.look = { view: this.view, chosenTask: this.chosenTask, opened: this.opened, everything: this.everything };
    this.worker.terminate();
    this.watcher.disconnect();
    this.off.abort();
    cancelAnimationFrame(this.frame);
  }

  ask(first = false) {
    const { route, offsets, parents, childOffsets, children } = this.run.shape;
    const shape = first ? { total: this.run.total, route, offsets, parents, childOffsets, children } : undefined;
    this.ticket += 1;
    this.worker.postMessage({ shape, opened: [...this.opened], everything: this.everything, ticket: this.ticket, screen: this.screen });
  }

  placed({ ticket, folded, placed, took }) {
    if (ticket !== this.ticket) return;
    const first = this.scene === null && !this.placedBefore;
    const all = this.everything && this.scene !== null;
    this.scene = new Scene(this.run, folded, placed);
    this.state({ nodes: folded.keys.length, took, ready: true, everything: this.everything, opened: this.opened.size });
    if (first || all) this.fit();
    this.choose(this.chosenTask);
    if (first) this.approach();
    this.redraw();
  }

  toggleFolding() {
    this.everything = !(this.everything || this.opened.size > 0);
    this.opened.clear();
    this.ask();
  }

  resize() {
    const { clientWidth, clientHeight } = this.element;
    const before = this.width;
    this.width = clientWidth;
    this.height = clientHeight;
    this.element.width = Math.round(clientWidth * devicePixelRatio);
    this.element.height = Math.round(clientHeight * devicePixelRatio);
    if (before === 0 && !this.placedBefore) {
      this.fit();
      this.approach();
    }
    this.redraw();
  }

  recolour() {
    this.colours = palette();
    this.redraw();
  }

  redraw() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      if (!this.scene || !this.width) return;
      this.context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
      draw(this.context, this.scene, this.view, {
        width: this.width, height: this.height, colours: this.colours, hovered: this.hovered, chosen: this.chosen, near: this.near,
      });
      this.element.dataset.drawn = String(this.run.version.peek());
      this.element.dataset.scale = this.view.scale.toFixed(3);
    });
  }

  fit() {
    if (!this.scene || !this.width) return;
    const { width, height } = this.scene.placed;
    const scale = Math.min(1.1, (this.width - MARGIN * 2) / width, (this.height - MARGIN * 2 - FIGURES) / height);
    this.view.scale = Math.max(SCALE_MIN, scale);
    this.view.x = (this.width - width * this.view.scale) / 2;
    this.view.y = (this.height - height * this.view.scale) / 2;
    this.redraw();
  }

  /**
   * Whoever follows a link to a task wants to read it, not to see where in the whole it lies; and a graph of which no name can be
   * read as a whole begins where somebody would look first.
   */
  approach() {
    if (!this.scene || !this.width) return;
    const { x, y } = this.scene.placed;
    let node = this.chosen;
    let scale = READABLE;
    if (node < 0 && this.view.scale < TEXT_FROM && x.length <= APPROACHED) {
      node = this.scene.firstToLookAt();
      scale = LEGIBLE;
    }
    if (node < 0 || this.view.scale >= scale) return;
    const { width, height } = this.scene.placed;
    this.view = {
      scale, x: within(this.width / 2 - (x[node] + NODE.width / 2) * scale, this.width - width * scale - MARGIN),
      y: within(this.height / 2 - (y[node] + NODE.height / 2) * scale, this.height - height * scale - MARGIN - FIGURES),
    };
    this.redraw();
  }

  zoom(by, x = this.width / 2, y = this.height / 2) {
    const scale = Math.max(SCALE_MIN, Math.min(SCALE_MAX, this.view.scale * by));
    const ratio = scale / this.view.scale;
    this.view = { scale, x: x - (x - this.view.x) * ratio, y: y - (y - this.view.y) * ratio };
    this.redraw();
  }

  /** Marks a task, and moves it into view when it is out of it. Where none is open any more, the walk goes on from the last one. */
  choose(task) {
    if (task >= 0) this.chosenTask = task;
    if (!this.scene) return;
    this.chosen = this.chosenTask >= 0 ? this.scene.folded.nodeOf[this.chosenTask] : -1;
    this.near = new Set();
    if (this.chosen >= 0) {
      const { from, to } = this.scene.placed;
      for (let edge = 0; edge < from.length; edge += 1) {
        if (from[edge] === this.chosen) this.near.add(to[edge]);
        if (to[edge] === this.chosen) this.near.add(from[edge]);
      }
      this.reveal(this.chosen);
    }
    this.redraw();
  }

  reveal(node) {
    if (!this.scene) return;
    const { x, y } = this.scene.placed;
    const left = x[node] * this.view.scale + this.view.x;
    const top = y[node] * this.view.scale + this.view.y;
    const inside = left > 20 && top > 40 && left < this.width - 200 && top < this.height - 60;
    if (!inside) {
      this.view.x += this.width / 3 - left;
      this.view.y += this.height / 2 - top;
    }
  }

  nodeAt(event) {
    const box = this.element.getBoundingClientRect();
    if (!this.scene) return -1;
    return this.scene.at((event.clientX - box.left - this.view.x) / this.view.scale, (event.clientY - box.top - this.view.y) / this.view.scale);
  }

  activate(node) {
    if (!this.scene) return;
    const members = this.scene.membersOf(node);
    if (members.length === 1) {
      this.open(members[0]);
    } else {
      this.opened.add(this.scene.folded.keys[node]);
      this.ask();
    }
  }

  listen() {
    const { signal } = this.off;
    const on = (name, run, more = {}) => this.element.addEventListener(name, run, { signal, ...more });
    /** @type {{x: number, y: number} | null} */
    let from = null;
    let moved = false;
    /** Fingers on the graph; two of them stretch it. @type {Map<number, {x: number, y: number}>} */
    const fingers = new Map();
    on('pointerdown', (event) => {
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      from = { x: event.clientX, y: event.clientY };
      moved = fingers.size > 1;
      this.element.setPointerCapture(event.pointerId);
    });
    on('pointermove', (event) => {
      if (fingers.size === 2 && fingers.has(event.pointerId)) {
        this.stretch(fingers, event);
        return;
      }
      if (from) {
        moved = moved || Math.hypot(event.clientX - from.x, event.clientY - from.y) > 4;
        if (!moved) return;
        this.view.x += event.movementX;
        this.view.y += event.movementY;
        this.redraw();
        return;
      }
      const hovered = this.nodeAt(event);
      if (hovered !== this.hovered) {
        this.hovered = hovered;
        this.element.style.cursor = hovered >= 0 ? 'pointer' : 'grab';
        this.redraw();
      }
    });
    on('pointerup', (event) => {
      const node = moved || !from ? -1 : this.nodeAt(event);
      fingers.delete(event.pointerId);
      if (fingers.size === 0) from = null;
      if (node >= 0) this.activate(node);
    });
    on('pointercancel', (event) => {
      fingers.delete(event.pointerId);
      from = null;
    });
    on('wheel', (event) => {
      event.preventDefault();
      const box = this.element.getBoundingClientRect();
      if (event.ctrlKey || !event.shiftKey) this.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)), event.clientX - box.left, event.clientY - box.top);
      else this.view.x -= event.deltaY;
      this.redraw();
    }, { passive: false });
    on('keydown', (event) => this.key(event));
  }

  /** What lies between two fingers stays between them. */
  stretch(fingers, event) {
    const box = this.element.getBoundingClientRect();
    const measured = () => {
      const [one, other] = [...fingers.values()];
      return { apart: Math.hypot(one.x - other.x, one.y - other.y), x: (one.x + other.x) / 2 - box.left, y: (one.y + other.y) / 2 - box.top };
    };
    const before = measured();
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const after = measured();
    this.view.x += after.x - before.x;
    this.view.y += after.y - before.y;
    if (before.apart > 0) this.zoom(after.apart / before.apart, after.x, after.y);
  }

  key(event) {
    if (!this.scene) return;
    const at = this.chosen >= 0 ? this.chosen : 0;
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      event.stopPropagation();
      this.activate(at);
      return;
    }
    const { down } = this.scene.placed;
    const to = (down ? { ArrowDown: 1, ArrowUp: -1, ArrowRight: 2, ArrowLeft: -2 } : { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 2, ArrowUp: -2 })[event.key];
    if (!to) return;
    event.preventDefault();
    const next = this.chosen < 0 ? 0 : this.neighbour(at, to);
    if (next < 0) return;
    this.chosen = next;
    const members = this.scene.membersOf(next);
    this.chosenTask = members[0];
    this.reveal(next);
    this.redraw();
    const name = members.length === 1 ? this.run.shape.names[members[0]] : `${this.scene.labelOf(next)}, ${members.length} tasks`;
    this.told(`${name}, ${wordOf(members.length === 1 ? this.run.word(members[0]) : this.scene.mainStateOf(members))}`);
  }

  /** Along an edge (1 forth, -1 back), or to the nearest of the same layer (2 onward, -2 back). */
  neighbour(node, to) {
    if (!this.scene) return -1;
    const { x, y, from, to: ends, down } = this.scene.placed;
    const [along, across] = down ? [y, x] : [x, y];
    let best = -1;
    let least = Infinity;
    if (Math.abs(to) === 1) {
      for (let edge = 0; edge < from.length; edge += 1) {
        const other = to === 1 ? (from[edge] === node ? ends[edge] : -1) : ends[edge] === node ? from[edge] : -1;
        if (other >= 0 && Math.abs(across[other] - across[node]) < least) {
          least = Math.abs(across[other] - across[node]);
          best = other;
        }
      }
      return best;
    }
    for (let other = 0; other < x.length; other += 1) {
      const away = (across[other] - across[node]) * Math.sign(to);
      if (other !== node && Math.abs(along[other] - along[node]) < NODE.height && away > 0 && away < least) {
        least = away;
        best = other;
      }
    }
    return best;
  }
}
