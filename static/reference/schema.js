// Schemas: what a value may be, in words, and the members of objects as a list that opens further.
import { html } from '../html.js';
import { Inline } from './text.js';

/** Objects inside objects that are shown before somebody asks for more. */
const OPEN_DEPTH = 1;
/** Schemas do not refer to themselves today; one that did would still end here. */
const DEPTH_MAX = 8;

/** Follows a reference. @param {any} document @param {any} thing @returns {any} */
export function resolved(document, thing) {
  let found = thing;
  while (found?.$ref) {
    found = found.$ref.slice(2).split('/').reduce((inside, step) => inside?.[step], document);
  }
  return found ?? {};
}

/** The members of an object, those of its parts included. @param {any} document @param {any} schema */
export function membersOf(document, schema) {
  const own = resolved(document, schema);
  /** @type {Map<string, {schema: any, required: boolean}>} */
  const members = new Map();
  for (const part of [...(own.allOf ?? []), ...(own.oneOf ?? [])]) {
    for (const [name, member] of membersOf(document, part)) members.set(name, member);
  }
  for (const [name, inner] of Object.entries(own.properties ?? {})) {
    members.set(name, { schema: inner, required: own.required?.includes(name) ?? false });
  }
  return members;
}

/** What a value is, in a few words. @param {any} document @param {any} schema @returns {string} */
export function wordsOf(document, schema) {
  const own = resolved(document, schema);
  const choices = own.oneOf ?? own.anyOf;
  if (choices) return [...new Set(choices.map((part) => wordsOf(document, part)))].join(' or ');
  if (own.allOf) return 'object';
  const types = [own.type ?? 'any value'].flat();
  const words = types.map((type) => {
    if (type === 'array') return `list of ${plural(wordsOf(document, own.items ?? {}))}`;
    if (type === 'object' && own.additionalProperties && own.additionalProperties !== true && !own.properties) {
      return `object of ${plural(wordsOf(document, own.additionalProperties))}`;
    }
    if (type === 'string') return own.format === 'date-time' ? 'time' : 'text';
    return type;
  });
  return words.join(' or ');
}

const plural = (words) => (words === 'any value' ? 'any values' : words.replace(/^(\w+)/, (word) => (word === 'list' ? 'lists' : word === 'text' ? 'texts' : `${word}s`)));

/** What lies inside lists and nullable values. @param {any} document @param {any} schema @returns {any} */
function inside(document, schema) {
  const own = resolved(document, schema);
  if (own.items) return inside(document, own.items);
  if (own.additionalProperties && own.additionalProperties !== true) return inside(document, own.additionalProperties);
  const choices = (own.oneOf ?? []).filter((part) => part.type !== 'null');
  return choices.length === 1 ? inside(document, choices[0]) : own;
}

/** @param {{document: any, schema: any, depth?: number}} props */
export function Members({ document, schema, depth = 0 }) {
  const own = inside(document, schema);
  const members = [...membersOf(document, own)];
  if (members.length === 0 || depth > DEPTH_MAX) return null;
  return html`<ul class="members">${members.map(([name, member]) => html`<li key=${name}><${Member} document=${document} name=${name} member=${member} depth=${depth} /></li>`)}</ul>`;
}

/** @param {{document: any, name: string, member: {schema: any, required: boolean}, depth: number}} props */
function Member({ document, name, member, depth }) {
  const own = resolved(document, member.schema);
  const has = membersOf(document, inside(document, member.schema)).size > 0;
  const description = member.schema.description ?? own.description;
  return html`<div class="member"><code class="name">${name}</code> <span class="type">${wordsOf(document, member.schema)}${member.required ? '' : ', may be missing'}</span>
      ${description && html`<div class="muted"><${Inline} text=${description} /></div>`}
      <${Words} schema=${own} /></div>
    ${has && html`<details open=${depth < OPEN_DEPTH}><summary>members of ${name}</summary><${Members} document=${document} schema=${member.schema} depth=${depth + 1} /></details>`}`;
}

/** The values that there are, and their bounds. @param {{schema: any}} props */
export function Words({ schema }) {
  const bounds = [];
  if (schema.minimum !== undefined && schema.minimum !== 0) bounds.push(`at least ${schema.minimum}`);
  if (schema.maximum !== undefined) bounds.push(`at most ${schema.maximum}`);
  if (schema.default !== undefined) bounds.push(`${JSON.stringify(schema.default)} unless given`);
  if (!schema.enum && bounds.length === 0) return null;
  return html`<div class="faint">${schema.enum && html`one of ${schema.enum.map((word, at) => html`${at > 0 ? ', ' : ''}<code>${word}</code>`)}`}${bounds.join(', ')}</div>`;
}

/** An example with its members in the order of the schema, as the server writes them. @param {any} document @param {any} schema @param {any} value @returns {any} */
export function inOrder(document, schema, value) {
  const own = resolved(document, schema ?? {});
  if (Array.isArray(value)) return value.map((item) => inOrder(document, own.items, item));
  if (value === null || typeof value !== 'object') return value;
  const members = membersOf(document, inside(document, own));
  const names = [...members.keys()].filter((name) => name in value);
  const rest = Object.keys(value).filter((name) => !members.has(name));
  const other = own.additionalProperties === true ? {} : own.additionalProperties;
  return Object.fromEntries([...names, ...rest].map((name) => [name, inOrder(document, members.get(name)?.schema ?? other, value[name])]));
}
