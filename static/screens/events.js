// Everything that happens, as it happens, from any position of the log on.
import { html, useEffect, useMemo, useRef, useState } from '../html.js';
import { count, plural, shortId } from '../format.js';
import { get } from '../state/api.js';
import { inOrder } from '../state/follow.js';
import { lastSeq, readEvents, watch } from '../state/live.js';
import { address, go, refine, route, workflowAddress } from '../state/route.js';
import { EventTable } from '../ui/events.js';
import { Icon } from '../ui/icons.js';
import { Choice, Failure, Loading } from '../ui/pieces.js';

/** The newest are kept, so that a tab that is left open over night does not grow. */
const KEPT = 5000;
/** Shown from before the page was opened. */
const BEFORE = 300;
/** Names of workflows that are remembered. */
const NAMES = 2000;

const KINDS = [['workflow', 'Workflows'], ['task', 'Tasks'], ['failures', 'Failures'], ['server', 'Server']];
const isFailure = (event) => /failed|lost|refused|opened/.test(event.type) || (event.type === 'workflow_ended' && event.status === 'failed');

export function Events() {
  const { search } = route.value;
  const since = search.get('since') ?? '';
  const [state, setState] = useState({ events: /** @type {any[]} */ ([]), ready: false, error: /** @type {any} */ (null) });
  const [frozen, setFrozen] = useState(false);
  const [late, setLate] = useState(0);
  const held = useRef({ frozen: false, refresh: () => {} });
  held.current.frozen = frozen;
  const names = useRef(new Map()).current;
  useEffect(() => { document.title = 'Events · Gleitzeit'; }, []);
  useEffect(() => follow(since, names, held, setState, setLate), [since]);
  useEffect(() => { if (!frozen) { setLate(0); held.current.refresh(); } }, [frozen]);
  const text = (search.get('text') ?? '').toLowerCase();
  const kind = search.get('kind') ?? '';
  const nameOf = (event) => {
    const name = names.get(event.workflow_id) ?? (event.workflow_id ? shortId(event.workflow_id) : '');
    return event.task_id ? `#${Number(event.task_id.slice(event.task_id.lastIndexOf('.') + 1)) + 1} of ${name}` : name;
  };
  const shown = useMemo(() => state.events.filter((event) => (!kind || (kind === 'failures' ? isFailure(event) : kind === 'server' ? !event.workflow_id : event.type.startsWith(kind) && Boolean(event.workflow_id)))
    && (!text || `${event.type} ${nameOf(event)} ${event.message ?? ''} ${event.worker ?? ''} ${event.code ?? ''} ${event.workflow_id ?? ''}`.toLowerCase().includes(text))), [state.events, kind, text]);
  const last = state.events[state.events.length - 1]?.seq ?? 0;
  return html`<div class="screen full">
    <div class="title"><h1>Events</h1><span class="sub num">at seq ${count(last)}</span><span class="grow"></span>
      <button class="button small" aria-pressed=${frozen} onClick=${() => setFrozen(!frozen)}><${Icon} name=${frozen ? 'play' : 'pause'} />${frozen ? `Go on${late > 0 ? ` (${count(late)} new)` : ''}` : 'Freeze'}</button>
      <a class="button small" href=${address(['events'], { since: last })} title="An address that shows what happened from here on"><${Icon} name="link" />Link to here</a></div>
    <div class="row flow"><input class="field" type="search" data-filter aria-label="Filter events" placeholder="Filter  /" value=${search.get('text') ?? ''} onInput=${(event) => refine({ text: event.target.value || undefined })} />
      <${Choice} name="Kind" options=${KINDS} value=${kind} change=${(value) => refine({ kind: value || undefined })} />
      <label class="row muted">From seq <input class="field" style=${{ width: '110px' }} inputmode="numeric" value=${since} placeholder="live" onChange=${(event) => refine({ since: /^\d+$/.test(event.target.value) ? event.target.value : undefined })} /></label>
      <span class="muted num">${plural(shown.length, 'event')}</span></div>
    <div class="pane">${state.error ? html`<${Failure} error=${state.error} what="The log from there on" />` : !state.ready ? html`<${Loading} what="the log" />`
      : html`<${EventTable} events=${shown} nameOf=${nameOf} workflows follow=${!frozen && !since} open=${(event) => event.workflow_id && go(workflowAddress(event.workflow_id, '', event.task_id ? { task: event.task_id } : {}))} />`}</div>
  </div>`;
}

/** Reads what was, then follows what comes; what was missed between is read from the log. */
function follow(since, names, held, setState, setLate) {
  const abort = new AbortController();
  let events = [];
  let stop = () => {};
  /** @type {any} */
  let timer = 0;
  let unseen = 0;
  const show = () => {
    timer = 0;
    setState({ events, ready: true, error: null });
  };
  held.current.refresh = () => { unseen = 0; show(); };
  const add = (fresh) => {
    for (const event of fresh) if (event.type === 'workflow_submitted') remember(names, event.workflow_id, event.name);
    events = [...events, ...fresh].slice(-KEPT);
    learn(names, fresh, () => { timer ||= setTimeout(show, 100); });
    if (held.current.frozen) setLate(unseen += fresh.length);
    else timer ||= setTimeout(show, 60);
  };
  const read = (from, max) => readEvents(from, { max, signal: abort.signal });
  const begin = async () => {
    try {
      const stats = await get('/stats', abort.signal);
      const from = since ? Number(since) : Math.max(1, stats.log.durable_seq - BEFORE);
      try {
        for await (const page of read(from, since ? KEPT : BEFORE + 1)) add(page);
      } catch (error) {
        // Retention has released the beginning; live events are still there.
        if (since || !(error instanceof Error && /** @type {any} */ (error).code === 'GZ5011')) throw error;
      }
      show();
      const at = events.length > 0 ? events[events.length - 1].seq : stats.log.durable_seq;
      stop = watch(null, at, inOrder({
        seq: at, add, signal: abort.signal,
        // What is no longer kept need not be read.
        read: (from) => read(Math.max(from, lastSeq.value - KEPT), Infinity),
        failed: (error) => setState({ events, ready: true, error }),
      }));
    } catch (error) {
      if (!abort.signal.aborted) setState({ events: [], ready: true, error });
    }
  };
  begin();
  return () => {
    abort.abort();
    clearTimeout(timer);
    stop();
  };
}

function remember(names, id, name) {
  names.set(id, name);
  if (names.size > NAMES) names.delete(names.keys().next().value);
}

/** Names of workflows that were submitted before: a few at a time. */
const asked = new Set();
function learn(names, events, told) {
  for (const id of new Set(events.map((event) => event.workflow_id))) {
    if (!id || names.has(id) || asked.has(id) || asked.size > 20) continue;
    asked.add(id);
    get(`/workflows/${id}`).then((workflow) => { remember(names, id, workflow.name); told(); }, () => {}).finally(() => asked.delete(id));
  }
}
