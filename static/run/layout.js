// Where each node goes: layers from left to right, or from top to bottom, by the longest way, an order inside each layer that crosses few edges
// (sweeps over the means of neighbours), and places that follow the nodes before them. A long and thin graph is broken into lines,
// as text is.

export const NODE = { width: 196, height: 44, gapX: 58, gapY: 16, gapDown: 44, gapAside: 22 };
/** Between the columns of one layer. */
const PACKED = 18;
/** A layer higher than this is broken into several columns, so that it still fits a screen. */
const COLUMN_MIN = 32;
/** Large graphs come to about twice as wide as high. */
const WIDE = 2;
const SWEEPS = 4;
/** Between the lines of a graph that is broken, where the edges to the next line run. */
const LINE_GAP = 46;
/** More edges than this across a break would be a tangle and no line that is read on. */
const ACROSS_MAX = 4;
/** So many lines are tried; a chain that would need more is not read anyway. */
const LINES_MAX = 128;
/** Breaking has to make it so much larger. */
const WORTH = 1.4;

/**
 * `gap` is the height above its line in which edges from the line before come to a node, where there are lines.
 * @typedef {{x: Float32Array, y: Float32Array, from: Uint32Array, to: Uint32Array, down: boolean, width: number, height: number, gap?: Float32Array}} Placed
 * @param {number} nodes @param {Uint32Array} layer @param {Uint32Array} from @param {Uint32Array} to
 * @param {{width: number, height: number}} screen what the graph is given: it runs to the right or down, whichever fills this better
 * @returns {Placed}
 */
export function place(nodes, layer, from, to, screen) {
  const before = neighbours(nodes, to, from);
  const behind = neighbours(nodes, from, to);
  const layers = group(nodes, layer);
  const order = new Float32Array(nodes);
  for (const row of layers) row.forEach((node, at) => { order[node] = at; });
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const forth = sweep % 2 === 0;
    const rows = forth ? layers : [...layers].reverse();
    for (const row of rows) sortByNeighbours(row, order, forth ? before : behind);
  }
  return positions(nodes, layers, before, behind, from, to, screen);
}

/** Neighbours of each node, in compressed rows. */
function neighbours(nodes, of, are) {
  const offsets = new Uint32Array(nodes + 1);
  for (const node of of) offsets[node + 1] += 1;
  for (let node = 0; node < nodes; node += 1) offsets[node + 1] += offsets[node];
  const next = offsets.slice(0, nodes);
  const list = new Uint32Array(of.length);
  for (let edge = 0; edge < of.length; edge += 1) list[next[of[edge]]++] = are[edge];
  return { offsets, list };
}

function group(nodes, layer) {
  /** @type {number[][]} */
  const layers = [];
  for (let node = 0; node < nodes; node += 1) (layers[layer[node]] ??= []).push(node);
  return layers;
}

function sortByNeighbours(row, order, { offsets, list }) {
  const mean = new Map();
  for (const node of row) {
    let sum = 0;
    const size = offsets[node + 1] - offsets[node];
    for (let at = offsets[node]; at < offsets[node + 1]; at += 1) sum += order[list[at]];
    mean.set(node, size === 0 ? order[node] : sum / size);
  }
  row.sort((a, b) => mean.get(a) - mean.get(b) || a - b);
  // Orders are shares of a layer, so that long and short ones compare.
  const scale = 1000 / Math.max(1, row.length);
  row.forEach((node, at) => { order[node] = (at + 0.5) * scale; });
}

function positions(nodes, layers, before, behind, from, to, screen) {
  // Along the edges and across them, in steps; what a step is depends on the direction.
  const along = new Float32Array(nodes);
  const across = new Float32Array(nodes);
  const deepest = Math.max(COLUMN_MIN, Math.ceil(Math.sqrt((nodes * (NODE.width + PACKED)) / ((NODE.height + NODE.gapY) * WIDE))));
  let lanes = 0;
  layers.forEach((row) => {
    const columns = Math.max(1, Math.ceil(row.length / deepest));
    const deep = Math.ceil(row.length / columns);
    row.forEach((node, at) => {
      along[node] = lanes + (columns === 1 ? 0 : Math.floor(at / deep));
      across[node] = (columns === 1 ? at : at % deep) - (deep - 1) / 2;
    });
    lanes += columns;
  });
  // Once from the left and once from the right, nodes move to the middle of those that they are tied to.
  const single = layers.filter((row) => row.length <= deepest);
  for (const row of single) settle(row, across, before);
  for (const row of [...single].reverse()) settle(row, across, behind);
  for (const row of single) settle(row, across, before);
  let least = Infinity;
  let most = -Infinity;
  for (const value of across) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  const layerOf = new Uint32Array(nodes);
  layers.forEach((row, layer) => row.forEach((node) => { layerOf[node] = layer; }));
  const rightwards = placed(false);
  const downwards = placed(true);
  const whole = room(downwards, screen) > room(rightwards, screen) * 1.05 ? downwards : rightwards;
  const broken = single.length === layers.length ? inLines(layers, across, layerOf, from, to, screen) : null;
  return broken && room(broken, screen) > room(whole, screen) * WORTH ? broken : whole;

  /** @param {boolean} down */
  function placed(down) {
    const packed = (down ? NODE.height : NODE.width) + PACKED;
    const gap = (down ? NODE.gapDown : NODE.gapX) - PACKED;
    const step = down ? NODE.width + NODE.gapAside : NODE.height + NODE.gapY;
    const main = Float32Array.from(along, (lane, node) => lane * packed + layerOf[node] * gap);
    const cross = Float32Array.from(across, (value) => (value - least) * step);
    const length = lanes * packed + (layers.length - 1) * gap - PACKED;
    const breadth = (most - least) * step + (down ? NODE.width : NODE.height);
    return down ? { x: cross, y: main, from, to, down, width: breadth, height: length } : { x: main, y: cross, from, to, down, width: length, height: breadth };
  }
}

/**
 * The layers from left to right in as many lines as make it largest.
 * @returns {Placed | null}
 */
function inLines(layers, across, layerOf, from, to, screen) {
  const least = layers.map((row) => row.reduce((sum, node) => Math.min(sum, across[node]), Infinity));
  const most = layers.map((row) => row.reduce((sum, node) => Math.max(sum, across[node]), -Infinity));
  const step = NODE.height + NODE.gapY;
  const forth = NODE.width + NODE.gapX;
  /** @param {number} lines */
  const measured = (lines) => {
    const long = Math.ceil(layers.length / lines);
    const tops = [];
    let height = 0;
    for (let first = 0; first < layers.length; first += long) {
      let [low, high] = [Infinity, -Infinity];
      for (let layer = first; layer < Math.min(layers.length, first + long); layer += 1) {
        low = Math.min(low, least[layer]);
        high = Math.max(high, most[layer]);
      }
      tops.push({ low, y: height });
      height += (high - low) * step + NODE.height + LINE_GAP;
    }
    return { long, tops, width: long * forth - NODE.gapX, height: height - LINE_GAP };
  };
  let best = measured(1);
  for (let lines = 2; lines <= Math.min(LINES_MAX, Math.ceil(layers.length / 2)); lines += 1) {
    const next = measured(lines);
    if (room(next, screen) > room(best, screen)) best = next;
  }
  const { long, tops, width, height } = best;
  const lineOf = (node) => Math.floor(layerOf[node] / long);
  let crossing = 0;
  for (let edge = 0; edge < from.length; edge += 1) if (lineOf(from[edge]) !== lineOf(to[edge])) crossing += 1;
  if (tops.length < 2 || crossing > ACROSS_MAX * (tops.length - 1)) return null;
  const x = Float32Array.from(across, (_, node) => (layerOf[node] % long) * forth);
  const y = Float32Array.from(across, (value, node) => tops[lineOf(node)].y + (value - tops[lineOf(node)].low) * step);
  const gap = Float32Array.from(across, (_, node) => tops[lineOf(node)].y - LINE_GAP / 2);
  return { x, y, from, to, down: false, width, height, gap };
}

/** How large a graph can be shown there. */
function room({ width, height }, screen) {
  return Math.min(screen.width / width, screen.height / height, 1);
}

/** Moves the nodes of a column to where they want to be, as far as they keep their order and their distance. */
function settle(row, y, { offsets, list }) {
  const wanted = row.map((node) => {
    const size = offsets[node + 1] - offsets[node];
    if (size === 0) return y[node];
    let sum = 0;
    for (let at = offsets[node]; at < offsets[node + 1]; at += 1) sum += y[list[at]];
    return sum / size;
  });
  // Blocks of touching nodes share the mean of what their members want.
  /** @type {{sum: number, size: number}[]} */
  const blocks = [];
  wanted.forEach((want, at) => {
    let block = { sum: want - at, size: 1 };
    while (blocks.length > 0) {
      const above = blocks[blocks.length - 1];
      if (above.sum / above.size <= block.sum / block.size) break;
      block = { sum: above.sum + block.sum, size: above.size + block.size };
      blocks.pop();
    }
    blocks.push(block);
  });
  let at = 0;
  for (const block of blocks) {
    for (let member = 0; member < block.size; member += 1, at += 1) y[row[at]] = block.sum / block.size + at;
  }
}

/** The edges between nodes, each once. @param {Uint32Array} nodeOf @param {Uint32Array} offsets @param {Uint32Array} parents */
export function edgesBetween(nodeOf, offsets, parents) {
  const seen = new Set();
  const from = [];
  const to = [];
  for (let at = 0; at < nodeOf.length; at += 1) {
    for (let edge = offsets[at]; edge < offsets[at + 1]; edge += 1) {
      const [start, end] = [nodeOf[parents[edge]], nodeOf[at]];
      const key = start * 4294967296 + end;
      if (seen.has(key)) continue;
      seen.add(key);
      from.push(start);
      to.push(end);
    }
  }
  return { from: Uint32Array.from(from), to: Uint32Array.from(to) };
}
