// Write a workflow, see at once what is wrong with it and how it will run, and run it.
import { html, useEffect, useLayoutEffect, useRef, useState } from '../html.js';
import { plural } from '../format.js';
import { ApiError, get, request, segment } from '../state/api.js';
import { overview } from '../state/overview.js';
import { go, route, workflowAddress } from '../state/route.js';
import { Run } from '../run/model.js';
import { Graph } from '../run/graph.js';
import { Editor } from '../ui/editor.js';
import { Icon } from '../ui/icons.js';
import { bind } from '../ui/keyboard.js';
import { Empty } from '../ui/pieces.js';
import { toast, toastError } from '../ui/toast.js';
import { EXAMPLES } from './examples.js';

const TYPING_MS = 250;
const DRAFT = 'gleitzeit.draft';
const STATUSES = ['pending', 'queued', 'assigned', 'processing', 'retrying', 'completed', 'failed', 'cancelled', 'skipped'];

/** @typedef {{run: Run | null, name: string, total: number, faults: {line: number, column: number, message: string, code: string, fix: string}[], notes: string[], checked: string}} Checked */

export function Submit() {
  const from = route.value.search.get('from');
  const [text, setText] = useState(() => (from ? '' : sessionStorage.getItem(DRAFT) || EXAMPLES[0].text));
  const [checked, setChecked] = useState(/** @type {Checked} */ ({ run: null, name: '', total: 0, faults: [], notes: [], checked: '' }));
  const [busy, setBusy] = useState(false);
  const key = useRef('');
  useEffect(() => { document.title = 'Submit · Gleitzeit'; }, []);
  useEffect(() => {
    if (!from) return;
    get(`/workflows/${segment(from)}/definition`).then((definition) => setText(JSON.stringify(fresh(definition), null, 2)), toastError);
  }, [from]);
  useEffect(() => {
    if (!text.trim()) return undefined;
    const abort = new AbortController();
    const timer = setTimeout(() => check(text, abort.signal).then(setChecked, () => {}), TYPING_MS);
    try {
      sessionStorage.setItem(DRAFT, text);
    } catch {
      // A draft that is too large to be kept is kept by whoever writes it.
    }
    // The same text sent twice by accident is one workflow; another text is another one.
    key.current = crypto.randomUUID?.() ?? String(Math.random());
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [text]);
  const submit = async () => {
    setBusy(true);
    try {
      const answer = await request('POST', '/workflows', { body: text, type: typeOf(text), headers: { 'idempotency-key': key.current } });
      toast(`${answer.name} is submitted`);
      go(workflowAddress(answer.id));
    } catch (error) {
      toastError(error);
      setBusy(false);
    }
  };
  const valid = checked.checked === text && checked.faults.length === 0;
  useLayoutEffect(() => bind({ 'ctrl+enter': () => { if (valid && !busy) submit(); } }), [text, valid, busy]);
  return html`<div class="screen full">
    <div class="title"><h1>Submit</h1><span class="grow"></span>
      <label class="row muted">Example <select class="field" value="" onChange=${(event) => { const example = EXAMPLES[Number(event.target.value)]; if (example) setText(example.text); event.target.value = ''; }}><option value="">choose</option>${EXAMPLES.map((example, at) => html`<option key=${at} value=${at}>${example.title}</option>`)}</select></label>
      <button class="button primary" disabled=${!valid || busy} title="Ctrl Enter" onClick=${submit}><${Icon} name="play" />Submit</button></div>
    <div class="submit">
      <div><${Editor} value=${text} onChange=${setText} language=${typeOf(text).endsWith('json') ? 'json' : 'yaml'} label="Workflow as YAML or JSON" faults=${checked.faults} /></div>
      <div><${Verdict} checked=${checked} current=${checked.checked === text} />
        ${checked.run ? html`<${Graph} key=${checked.run.serial} run=${checked.run} chosen=${-1} open=${() => {}} asTable=${() => {}} draft />` : html`<div class="board"><${Empty} icon="flow" title="The graph shows here" /></div>`}</div>
    </div></div>`;
}

function Verdict({ checked, current }) {
  if (!checked.checked) return html`<p class="note" role="status">Checking</p>`;
  const fault = checked.faults[0];
  if (fault) return html`<div class="note bad rows" role="status"><span class="wrap"><span class="mono">${fault.code}</span> ${fault.message}</span>${fault.fix && html`<span class="muted">${fault.fix}</span>`}</div>`;
  return html`<div class=${`note ${checked.notes.length > 0 ? 'warn' : 'good'} rows`} role="status"><span><strong>${checked.name}</strong>: valid, ${plural(checked.total, 'task')}${current ? '' : ' (checking what you type)'}</span>${checked.notes.map((note) => html`<span key=${note} class="wrap">${note}</span>`)}</div>`;
}

/** @param {string} text */
const typeOf = (text) => (/^\s*[{[]/.test(text) ? 'application/json' : 'application/yaml');

/** A definition that becomes another workflow: ids that are unique in the system stay behind. */
function fresh(definition) {
  const unique = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;
  return { ...definition, tasks: definition.tasks.map(({ id, ...task }) => (id && (!unique.test(id) || !task.name) ? { id, ...task } : task)) };
}

let serial = 0;

/** @param {string} text @param {AbortSignal} signal @returns {Promise<Checked>} */
async function check(text, signal) {
  try {
    const answer = await request('POST', '/validate?graph=true', { body: text, type: typeOf(text), signal });
    const run = new Run(draft(answer));
    return { run: Object.assign(run, { serial: (serial += 1) }), name: answer.name, total: answer.total_tasks, faults: [], notes: [...answer.warnings, ...notesOn(answer.graph)], checked: text };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const place = /line (\d+)(?:, column (\d+))?/.exec(error.message);
    const fault = { line: Number(place?.[1] ?? 1), column: Number(place?.[2] ?? 1), message: error.message, code: error.code, fix: error.fix };
    return { run: null, name: '', total: 0, faults: [fault], notes: [], checked: text };
  }
}

/** What was checked, in the form of a run that has not begun. */
function draft({ graph, name }) {
  const total = graph.names.length;
  const column = (value) => new Array(total).fill(value);
  const now = Date.now();
  return {
    ...graph, id: '', name, status: 'pending', tags: [], seq: 0, now_ms: now, created_ms: now, generated_id: '', own_ids: {}, statuses: STATUSES,
    attempt: column(0), started: column(-1), ended: column(-1), workers: [], worker: column(-1), retry_at: {}, errors: {},
    task_status: column(0),
  };
}

/** Kinds of tasks that nobody who is connected would take. */
function notesOn(graph) {
  const services = (overview.peek()?.services ?? []).filter((service) => service.connected);
  if (services.length === 0) return [];
  return graph.routes.filter((route_) => !services.some((service) => (!route_.service_name || service.name === route_.service_name)
    && (service.task_types.includes(route_.external_task_type ?? route_.task_type) || service.task_types.includes(route_.task_type))))
    .map((route_) => `Nobody who is connected takes ${route_.external_task_type ?? route_.task_type}${route_.service_name ? ` as the service "${route_.service_name}"` : ''}: such tasks will wait.`);
}
