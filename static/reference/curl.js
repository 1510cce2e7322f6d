// A request as one line for a shell. Pure: it knows the description and nothing of the page.
import { resolved } from './schema.js';

/** A word for a shell. @param {string} text */
export const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/**
 * @param {any} document @param {{verb: string, path: string, operation: any}} at @param {string} origin
 * @param {{type: string, value: any} | undefined} body
 */
export function curlOf(document, { verb, path, operation }, origin, body) {
  /** @type {string[]} */
  const words = ['curl'];
  if (verb !== 'GET') words.push('-X', verb);
  // The token stands for itself: a variable is not expanded inside single quotes.
  if (operation.security?.some((scheme) => 'token' in scheme)) words.push('-H', '"Authorization: Bearer $GLEITZEIT_TOKEN"');
  if (body) {
    const text = typeof body.value === 'string' ? body.value : JSON.stringify(body.value);
    words.push('-H', quoted(`content-type: ${body.type}`), '--data-binary', quoted(text));
  }
  words.push(quoted(origin + filled(document, path, operation)));
  return words.join(' ');
}

/** The path with the examples of its parameters. @param {any} document @param {string} path @param {any} operation */
function filled(document, path, operation) {
  let text = path;
  for (const parameter of operation.parameters ?? []) {
    const { name, in: place, example } = resolved(document, parameter);
    if (place === 'path') text = text.replace(`{${name}}`, encodeURIComponent(example));
  }
  return text;
}
