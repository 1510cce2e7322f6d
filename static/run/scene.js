// A placed graph together with the run that it shows: what lies where, and what each node says.
import { duration } from '../format.js';
import { serverTime } from '../state/clock.js';
import { NODE } from './layout.js';
import { routeName } from './model.js';

/** Edge of a square in which nodes are looked for. */
const BIN = 640;
/** The state that a stack shows: the one that somebody should look at first. */
const URGENCY = ['failed', 'processing', 'assigned', 'retrying', 'queued', 'pending', 'cancelled', 'skipped', 'completed'];

export class Scene {
  /** @param {import('./model.js').Run} run @param {import('./fold.js').Folded} folded @param {import('./layout.js').Placed} placed */
  constructor(run, folded, placed) {
    this.run = run;
    this.folded = folded;
    this.placed = placed;
    /** @type {Map<number, number[]>} */
    this.bins = new Map();
    for (let node = 0; node < folded.keys.length; node += 1) {
      const key = this.binOf(placed.x[node], placed.y[node]);
      const found = this.bins.get(key);
      if (found) found.push(node);
      else this.bins.set(key, [node]);
    }
    /** @type {Map<number, {version: number, counts: Record<string, number>}>} */
    this.counted = new Map();
    /** @type {Map<number, string>} */
    this.labels = new Map();
  }

  binOf(x, y) {
    return Math.floor(x / BIN) * 100003 + Math.floor(y / BIN);
  }

  /** The nodes that touch a rectangle. @param {{left: number, top: number, right: number, bottom: number}} seen */
  within(seen) {
    const nodes = [];
    const { x, y, width, height } = this.placed;
    const left = Math.max(0, seen.left - NODE.width - 12);
    const top = Math.max(0, seen.top - NODE.height - 12);
    for (let column = Math.floor(left / BIN); column * BIN <= Math.min(seen.right, width + BIN); column += 1) {
      for (let row = Math.floor(top / BIN); row * BIN <= Math.min(seen.bottom, height + BIN); row += 1) {
        for (const node of this.bins.get(column * 100003 + row) ?? []) {
          if (x[node] >= left && x[node] <= seen.right && y[node] >= top && y[node] <= seen.bottom) nodes.push(node);
        }
      }
    }
    return nodes;
  }

  /** The node at a place, -1 where there is none. @param {number} atX @param {number} atY */
  at(atX, atY) {
    const { x, y } = this.placed;
    const found = this.within({ left: atX, top: atY, right: atX, bottom: atY })
      .find((node) => atX >= x[node] && atX <= x[node] + NODE.width && atY >= y[node] && atY <= y[node] + NODE.height);
    return found ?? -1;
  }

  /** @param {number} node */
  membersOf(node) {
    return this.folded.members.subarray(this.folded.memberOffsets[node], this.folded.memberOffsets[node + 1]);
  }

  /** @param {number} task */
  wordOf(task) {
    return this.run.word(task);
  }

  /** @param {Uint32Array} members */
  countsOf(members) {
    const version = this.run.version.peek();
    const known = this.counted.get(members[0]);
    if (known?.version === version) return known.counts;
    /** @type {Record<string, number>} */
    const counts = {};
    for (const member of members) {
      const word = this.run.word(member);
      counts[word] = (counts[word] ?? 0) + 1;
    }
    this.counted.set(members[0], { version, counts });
    return counts;
  }

  /** @param {Uint32Array} members */
  mainStateOf(members) {
    const counts = this.countsOf(members);
    return URGENCY.find((word) => counts[word] > 0) ?? 'pending';
  }

  /** The node that somebody would look at first: what failed, or runs, or the beginning. */
  firstToLookAt() {
    let best = -1;
    let urgency = URGENCY.length;
    for (let node = 0; node < this.folded.keys.length; node += 1) {
      const place = URGENCY.indexOf(this.mainStateOf(this.membersOf(node)));
      if (place < urgency && (place <= 3 || best < 0)) [best, urgency] = [node, place];
    }
    return best;
  }

  /** What the names of a stack have in common. @param {number} node */
  labelOf(node) {
    const known = this.labels.get(node);
    if (known !== undefined) return known;
    const members = this.membersOf(node);
    const names = [members[0], members[members.length >> 1], members[members.length - 1]].map((at) => this.run.shape.names[at]);
    let same = names[0];
    for (const name of names) while (!name.startsWith(same)) same = same.slice(0, -1);
    const label = same.replace(/[\s_\-.:#0-9]+$/, '') || routeName(this.run.shape.routes[this.run.shape.route[members[0]]]);
    this.labels.set(node, label);
    return label;
  }

  /** The second line of a task. @param {number} task @param {string} word */
  underOf(task, word) {
    const { run } = this;
    const kind = routeName(run.shape.routes[run.shape.route[task]]);
    const running = run.word(task) === 'processing' || run.word(task) === 'assigned';
    const end = run.ended[task] >= 0 ? run.ended[task] : running ? serverTime() - run.created : -1;
    const took = run.started[task] >= 0 && end >= 0 ? ` · ${duration(end - run.started[task])}` : '';
    return `${word}${took} · ${kind}`;
  }
}
