// One operation: its parameters, its body, its answers, and a line for a shell.
import { html, useState } from '../html.js';
import { curlOf } from './curl.js';
import { inOrder, Members, resolved, Words, wordsOf } from './schema.js';
import { Inline, Prose } from './text.js';

/** @typedef {{id: string, verb: string, path: string, tag: string, operation: any}} Entry */

/** @param {{document: any, entry: Entry, copied: (text: string) => void}} props */
export function Operation({ document, entry, copied }) {
  const { id, verb, path, operation } = entry;
  const body = operation.requestBody && resolved(document, operation.requestBody);
  return html`<article class="operation" id=${id} tabindex="-1" aria-labelledby=${`${id}-title`}>
    <header><h3 id=${`${id}-title`}><a href=${`#${id}`}><${Inline} text=${operation.summary} /></a></h3><${Address} verb=${verb} path=${path} /></header>
    <${Prose} text=${operation.description} />
    <${Parameters} document=${document} parameters=${operation.parameters} />
    <${Request} document=${document} entry=${entry} body=${body} copied=${copied} />
    <h4>Answers</h4>
    ${Object.entries(operation.responses).map(([status, answer]) => html`<${Answer} key=${status} document=${document} id=${id} status=${status} answer=${resolved(document, answer)} />`)}
  </article>`;
}

/** @param {{verb: string, path: string}} props */
function Address({ verb, path }) {
  return html`<code class="address"><span class=${`verb ${verb.toLowerCase()}`}>${verb}</span> ${path}</code>`;
}

/** @param {{document: any, parameters: any[] | undefined}} props */
function Parameters({ document, parameters }) {
  if (!parameters?.length) return null;
  return html`<h4>Parameters</h4><ul class="members">${parameters.map((given) => {
    const parameter = resolved(document, given);
    return html`<li key=${`${parameter.in} ${parameter.name}`}><div class="member"><code class="name">${parameter.name}</code> <span class="type">${wordsOf(document, parameter.schema)} in the ${parameter.in}</span>
      <div class="muted"><${Inline} text=${parameter.description} /></div><${Words} schema=${resolved(document, parameter.schema)} /></div></li>`;
  })}</ul>`;
}

/** The examples of a body, of all forms that it may have. @param {any} document @param {any} body */
function examplesOf(document, body) {
  return Object.entries(body?.content ?? {}).flatMap(([type, content]) => {
    const named = Object.values(content.examples ?? {}).map((example) => ({ name: example.summary, value: example.value }));
    const given = content.example === undefined ? named : [...named, { name: type, value: content.example }];
    return given.map(({ name, value }) => ({ type, name, value: inOrder(document, content.schema, value) }));
  });
}

/** @param {{document: any, entry: Entry, body: any, copied: (text: string) => void}} props */
function Request({ document, entry, body, copied }) {
  const [at, setAt] = useState(0);
  const examples = examplesOf(document, body);
  const example = examples[at];
  const line = curlOf(document, entry, location.origin, example);
  const schema = body?.content['application/json']?.schema;
  return html`${body && html`<h4>Body${body.required ? '' : ', may be left out'}</h4>
      ${schema && html`<details><summary>Members of the body</summary><${Members} document=${document} schema=${schema} /></details>`}`}
    ${examples.length > 1 && html`<div class="chips" role="group" aria-label="Examples">${examples.map(({ name }, place) => html`<button key=${name} class="chip" aria-pressed=${place === at} onClick=${() => setAt(place)}>${name}</button>`)}</div>`}
    ${example && html`<pre class="pre" tabindex="0" aria-label="Example of the body">${textOf(example.value)}</pre>`}
    <div class="shell"><pre class="pre" tabindex="0" aria-label="The same for a shell">${line}</pre><button class="button small" aria-label=${`Copy the request "${entry.operation.summary}" for a shell`} onClick=${() => copied(line)}>Copy</button></div>`;
}

/** @param {{document: any, id: string, status: string, answer: any}} props */
function Answer({ document, id, status, answer }) {
  const good = status.startsWith('2');
  const contents = Object.entries(answer.content ?? {});
  const first = answer.description.split('\n')[0];
  return html`<details class=${good ? 'answer good' : 'answer'} open=${good} id=${`${id}-${status}`}><summary><strong class="num">${status}</strong> <${Inline} text=${good ? first : codesOf(answer)} /></summary>
    ${!good && html`<${Prose} text=${answer.description} />`}
    ${Object.entries(answer.headers ?? {}).map(([name, header]) => html`<div class="member" key=${name}><code class="name">${name}</code> <span class="type">header</span> <span class="muted"><${Inline} text=${header.description} /></span></div>`)}
    ${contents.map(([type, content]) => html`<div key=${type}>${contents.length > 1 && html`<p class="muted">${type}</p>`}
      ${examplesOf(document, { content: { [type]: content } }).map((example) => html`<pre class="pre" tabindex="0" key=${example.name} aria-label=${`Example of ${status}`}>${textOf(example.value)}</pre>`)}
      ${good && html`<details><summary>Members of the answer</summary><${Members} document=${document} schema=${content.schema} /></details>`}</div>`)}
  </details>`;
}

/** @param {any} answer */
const codesOf = (answer) => Object.keys(answer.content?.['application/problem+json']?.examples ?? {}).join(', ') || answer.description;

/** @param {any} value */
const textOf = (value) => (typeof value === 'string' ? value : JSON.stringify(value, null, 2));
