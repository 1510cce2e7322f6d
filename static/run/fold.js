// Folds tasks that are alike: the same layer, the same kind, and the same (folded) tasks before and behind. A fan-out
// of a thousand branches becomes one branch of stacks.

/** So many alike are worth a stack. */
const FOLD_MIN = 4;
/** Rounds of refinement: tasks that differ only further away than this are drawn alike. */
const ROUNDS = 6;

/**
 * @typedef {{total: number, route: Uint32Array, offsets: Uint32Array, parents: Uint32Array, childOffsets: Uint32Array, children: Uint32Array}} Rows
 * @typedef {{nodeOf: Uint32Array, memberOffsets: Uint32Array, members: Uint32Array, layer: Uint32Array, keys: Uint32Array}} Folded
 */

/** The longest way from a beginning to each task. @param {Rows} rows */
export function layersOf(rows) {
  const { total, offsets, childOffsets, children } = rows;
  const layer = new Uint32Array(total);
  const left = new Uint32Array(total);
  const order = new Uint32Array(total);
  let end = 0;
  for (let at = 0; at < total; at += 1) {
    left[at] = offsets[at + 1] - offsets[at];
    if (left[at] === 0) order[end++] = at;
  }
  for (let next = 0; next < end; next += 1) {
    const at = order[next];
    for (let edge = childOffsets[at]; edge < childOffsets[at + 1]; edge += 1) {
      const child = children[edge];
      if (layer[child] < layer[at] + 1) layer[child] = layer[at] + 1;
      if (--left[child] === 0) order[end++] = child;
    }
  }
  return layer;
}

/**
 * @param {Rows} rows @param {Uint32Array} layer @param {Set<number>} opened first members of stacks that are shown unfolded
 * @returns {Folded}
 */
export function fold(rows, layer, opened) {
  const { total, route, offsets, parents, childOffsets, children } = rows;
  let colour = new Uint32Array(total);
  let colours = number(total, colour, (at) => `${layer[at]}.${route[at]}`);
  for (let round = 0; round < ROUNDS; round += 1) {
    const refined = new Uint32Array(total);
    const before = colour;
    const found = number(total, refined, (at) => `${before[at]}|${kinds(before, parents, offsets[at], offsets[at + 1])}|${kinds(before, children, childOffsets[at], childOffsets[at + 1])}`);
    colour = refined;
    if (found === colours) break;
    colours = found;
  }
  const sizes = new Uint32Array(colours);
  const firsts = new Uint32Array(colours).fill(total);
  for (let at = 0; at < total; at += 1) {
    sizes[colour[at]] += 1;
    if (firsts[colour[at]] === total) firsts[colour[at]] = at;
  }
  const nodeOf = new Uint32Array(total);
  const nodeOfColour = new Int32Array(colours).fill(-1);
  const keys = [];
  for (let at = 0; at < total; at += 1) {
    const kind = colour[at];
    const folded = sizes[kind] >= FOLD_MIN && !opened.has(firsts[kind]);
    if (folded && nodeOfColour[kind] >= 0) {
      nodeOf[at] = nodeOfColour[kind];
      continue;
    }
    nodeOf[at] = keys.length;
    if (folded) nodeOfColour[kind] = keys.length;
    keys.push(firsts[kind]);
  }
  return { nodeOf, ...membersOf(nodeOf, keys.length), layer: layersOfNodes(layer, nodeOf, keys.length), keys: Uint32Array.from(keys) };
}

function layersOfNodes(layer, nodeOf, nodes) {
  const found = new Uint32Array(nodes);
  nodeOf.forEach((node, at) => { found[node] = layer[at]; });
  return found;
}

function membersOf(nodeOf, nodes) {
  const memberOffsets = new Uint32Array(nodes + 1);
  for (const node of nodeOf) memberOffsets[node + 1] += 1;
  for (let node = 0; node < nodes; node += 1) memberOffsets[node + 1] += memberOffsets[node];
  const next = memberOffsets.slice(0, nodes);
  const members = new Uint32Array(nodeOf.length);
  nodeOf.forEach((node, at) => { members[next[node]++] = at; });
  return { memberOffsets, members };
}

/** Gives equal descriptions equal numbers. */
function number(total, into, describe) {
  const known = new Map();
  for (let at = 0; at < total; at += 1) {
    const text = describe(at);
    let found = known.get(text);
    if (found === undefined) {
      found = known.size;
      known.set(text, found);
    }
    into[at] = found;
  }
  return known.size;
}

/** The different colours in a row. Long rows are told by their ends and their number: exact enough to fold by. */
function kinds(colour, row, from, to) {
  if (to - from === 1) return String(colour[row[from]]);
  if (to - from > 64) {
    let sum = 0;
    for (let at = from; at < to; at += 1) sum = (Math.imul(sum, 31) + colour[row[at]]) >>> 0;
    return `${to - from}:${sum}`;
  }
  const seen = new Set();
  for (let at = from; at < to; at += 1) seen.add(colour[row[at]]);
  return [...seen].sort((a, b) => a - b).join();
}
