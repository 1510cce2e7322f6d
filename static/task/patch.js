// The difference of two values as a JSON merge patch (RFC 7396).

/** @param {any} before @param {any} after @returns {any} */
export function mergePatch(before, after) {
  if (!isObject(before) || !isObject(after)) return after;
  /** @type {Record<string, any>} */
  const patch = {};
  for (const key of Object.keys(before)) if (!(key in after)) patch[key] = null;
  for (const [key, value] of Object.entries(after)) {
    if (!(key in before)) patch[key] = value;
    else if (JSON.stringify(before[key]) !== JSON.stringify(value)) patch[key] = mergePatch(before[key], value);
  }
  return patch;
}

/** @param {any} value */
const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);
