// Folds and places off the main thread: a large run must not hold the page up.
import { fold, layersOf } from './fold.js';
import { edgesBetween, place } from './layout.js';

/** @type {any} */
let rows = null;
/** @type {any} */
let layer = null;

onmessage = (message) => {
  const { shape, opened, everything, ticket, screen } = message.data;
  const begin = performance.now();
  if (shape) {
    rows = shape;
    layer = layersOf(rows);
  }
  const folded = everything ? unfolded() : fold(rows, layer, new Set(opened));
  const { from, to } = edgesBetween(folded.nodeOf, rows.offsets, rows.parents);
  const placed = place(folded.keys.length, folded.layer, from, to, screen);
  postMessage({ ticket, folded, placed, took: performance.now() - begin });
};

function unfolded() {
  const all = Uint32Array.from({ length: rows.total }, (_, at) => at);
  const memberOffsets = Uint32Array.from({ length: rows.total + 1 }, (_, at) => at);
  return { nodeOf: all, members: all, memberOffsets, layer, keys: all };
}
