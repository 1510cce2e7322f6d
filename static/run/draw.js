// Draws a placed graph: only what is seen, with less detail the further away it is.
import { PATHS } from '../ui/icons.js';
import { glyphOf, TASK_STATUSES, wordOf } from '../ui/status.js';
import { NODE } from './layout.js';

/** Below these scales there is no text, and nothing but blocks of colour. */
export const TEXT_FROM = 0.42;
const SHAPES_FROM = 0.16;
/** How far beside its node an edge to another line turns. */
const ASIDE = 22;

/** @typedef {{scale: number, x: number, y: number}} View */

/** The colours of the page, read once for each theme. */
export function palette() {
  const style = getComputedStyle(document.documentElement);
  const tone = (name) => style.getPropertyValue(`--${name}`).trim();
  const states = Object.fromEntries(TASK_STATUSES.map((word) => [word, tone(word)]));
  return {
    states, text: tone('text'), muted: tone('muted'), line: tone('line-strong'), soft: tone('line'), surface: tone('raised'),
    sunken: tone('sunken'), accent: tone('accent'), mono: tone('mono'),
  };
}

const glyphs = new Map();
/** @param {string} status */
export function glyph(status) {
  let path = glyphs.get(status);
  if (!path) glyphs.set(status, path = new Path2D(PATHS[glyphOf(status)]));
  return path;
}

/**
 * @param {CanvasRenderingContext2D} context @param {any} scene @param {View} view
 * @param {{width: number, height: number, colours: ReturnType<typeof palette>, hovered: number, chosen: number, near: Set<number>}} how
 */
export function draw(context, scene, view, how) {
  const { width, height, colours } = how;
  context.clearRect(0, 0, width, height);
  context.save();
  context.translate(view.x, view.y);
  context.scale(view.scale, view.scale);
  const seen = {
    left: -view.x / view.scale, top: -view.y / view.scale,
    right: (width - view.x) / view.scale, bottom: (height - view.y) / view.scale,
  };
  drawEdges(context, scene, view, seen, how);
  const nodes = scene.within(seen);
  for (const node of nodes) drawNode(context, scene, node, view.scale, colours, how);
  context.restore();
  return nodes.length;
}

function drawEdges(context, scene, view, seen, { colours, chosen, near }) {
  const { x, y, from, to, down, gap } = scene.placed;
  const plain = new Path2D();
  const marked = new Path2D();
  for (let edge = 0; edge < from.length; edge += 1) {
    const [start, end] = [from[edge], to[edge]];
    const [ax, ay] = down ? [x[start] + NODE.width / 2, y[start] + NODE.height] : [x[start] + NODE.width, y[start] + NODE.height / 2];
    const [bx, by] = down ? [x[end] + NODE.width / 2, y[end]] : [x[end], y[end] + NODE.height / 2];
    const backwards = gap !== undefined && gap[start] !== gap[end];
    if (Math.max(ax, bx) < seen.left || Math.min(ax, bx) > seen.right || Math.max(ay, by) < seen.top || Math.min(ay, by) > seen.bottom) continue;
    const path = chosen >= 0 && (start === chosen || end === chosen) && (near.has(start) || near.has(end)) ? marked : plain;
    path.moveTo(ax, ay);
    if (backwards) {
      lineBreak(path, ax, ay, bx, by, gap[end]);
      continue;
    }
    if (view.scale < SHAPES_FROM) {
      path.lineTo(bx, by);
    } else if (down) {
      const bend = Math.max(18, Math.min(60, (by - ay) / 2));
      path.bezierCurveTo(ax, ay + bend, bx, by - bend, bx, by);
    } else {
      const bend = Math.max(24, Math.min(90, (bx - ax) / 2));
      path.bezierCurveTo(ax + bend, ay, bx - bend, by, bx, by);
    }
  }
  context.lineWidth = Math.max(1.2, 0.6 / view.scale);
  context.strokeStyle = colours.line;
  context.globalAlpha = from.length > 4000 && view.scale < 0.3 ? 0.35 : 0.85;
  context.stroke(plain);
  context.globalAlpha = 1;
  context.lineWidth = Math.max(2, 1 / view.scale);
  context.strokeStyle = colours.accent;
  context.stroke(marked);
}

/** From the end of a line to the beginning of a later one, through the gap above that. */
function lineBreak(path, ax, ay, bx, by, gap) {
  const [out, into, radius] = [ax + ASIDE, bx - ASIDE, 10];
  path.arcTo(out, ay, out, gap, radius);
  path.arcTo(out, gap, into, gap, radius);
  path.arcTo(into, gap, into, by, radius);
  path.arcTo(into, by, bx, by, radius);
  path.lineTo(bx, by);
}

function drawNode(context, scene, node, scale, colours, { hovered, chosen }) {
  const left = scene.placed.x[node];
  const top = scene.placed.y[node];
  const members = scene.membersOf(node);
  const status = members.length === 1 ? scene.wordOf(members[0]) : scene.mainStateOf(members);
  const tone = colours.states[status];
  if (scale < SHAPES_FROM) {
    context.fillStyle = tone;
    context.fillRect(left, top, NODE.width, NODE.height);
    return;
  }
  if (members.length > 1) {
    context.fillStyle = colours.surface;
    context.strokeStyle = colours.soft;
    context.lineWidth = 1;
    for (const shift of [8, 4]) box(context, left + shift, top + shift, true);
  }
  context.fillStyle = colours.surface;
  context.strokeStyle = node === chosen || node === hovered ? colours.accent : status === 'failed' ? tone : colours.line;
  context.lineWidth = node === chosen ? 2.5 : 1.2;
  context.setLineDash(status === 'pending' || status === 'skipped' ? [5, 3] : []);
  box(context, left, top, true);
  context.setLineDash([]);
  if (scale < TEXT_FROM) {
    // Too small for words: the state is the colour of the whole node.
    context.fillStyle = tone;
    context.globalAlpha = 0.3;
    context.fill();
    context.globalAlpha = 1;
  }
  if (members.length > 1) histogram(context, scene, members, left, top, colours);
  else mark(context, status, left, top, tone);
  if (scale < TEXT_FROM) return;
  const name = members.length === 1 ? scene.run.shape.names[members[0]] : scene.labelOf(node);
  const room = NODE.width - 48;
  context.fillStyle = colours.text;
  context.font = '600 12.5px Inter, system-ui, sans-serif';
  context.textBaseline = 'middle';
  context.fillText(fitted(context, name, members.length > 1 ? NODE.width - 62 : room), left + (members.length > 1 ? 12 : 38), top + 15);
  context.fillStyle = colours.muted;
  context.font = '11px Inter, system-ui, sans-serif';
  if (members.length > 1) {
    context.textAlign = 'right';
    context.fillText(`×${members.length.toLocaleString('en-US')}`, left + NODE.width - 10, top + 15);
    context.textAlign = 'left';
  } else {
    context.fillText(fitted(context, scene.underOf(members[0], wordOf(status)), room), left + 38, top + 31);
  }
  const done = members.length === 1 ? scene.run.progress.get(members[0])?.progress ?? 0 : 0;
  if (done > 0 && status === 'processing') {
    context.fillStyle = tone;
    context.fillRect(left + 2, top + NODE.height - 4, (NODE.width - 4) * Math.min(1, done / 100), 3);
  }
}

function box(context, left, top, filled) {
  context.beginPath();
  context.roundRect(left, top, NODE.width, NODE.height, 8);
  if (filled) context.fill();
  context.stroke();
}

function mark(context, status, left, top, tone) {
  context.save();
  context.fillStyle = tone;
  context.globalAlpha = 0.16;
  context.beginPath();
  context.roundRect(left + 9, top + 11, 22, 22, 6);
  context.fill();
  context.globalAlpha = 1;
  context.translate(left + 12, top + 14);
  context.strokeStyle = tone;
  context.lineWidth = 1.8;
  context.lineCap = 'round';
  context.lineJoin = 'round';
  context.stroke(glyph(status));
  context.restore();
}

/** How many members are in each state, as a bar inside the stack. */
function histogram(context, scene, members, left, top, colours) {
  const counts = scene.countsOf(members);
  const room = NODE.width - 24;
  let at = left + 12;
  for (const status of TASK_STATUSES) {
    if (!counts[status]) continue;
    const share = Math.max(2, (counts[status] * room) / members.length);
    context.fillStyle = colours.states[status];
    context.globalAlpha = status === 'pending' || status === 'queued' ? 0.4 : 1;
    context.fillRect(at, top + 28, Math.min(share, left + 12 + room - at), 7);
    at += share;
  }
  context.globalAlpha = 1;
}

/** @param {CanvasRenderingContext2D} context @param {string} text @param {number} room */
export function fitted(context, text, room) {
  if (text.length < 14 || context.measureText(text).width <= room) return text;
  let keep = Math.max(4, Math.floor((text.length * room) / context.measureText(text).width) - 1);
  while (keep > 4 && context.measureText(`${text.slice(0, keep)}…`).width > room) keep -= 1;
  return `${text.slice(0, keep)}…`;
}
