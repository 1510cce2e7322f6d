// What was done to users and keys, and with the rights of an operator: who, what, when. It comes from the log, newest first.
import { html, useEffect, useMemo, useState } from '../../html.js';
import { fineTime, plural, shortId, words } from '../../format.js';
import { get } from '../../state/api.js';
import { inOrder } from '../../state/follow.js';
import { watch } from '../../state/live.js';
import { refine, route } from '../../state/route.js';
import { may } from '../../state/session.js';
import { Icon } from '../../ui/icons.js';
import { Empty, Failure, Loading } from '../../ui/pieces.js';
import { Status } from '../../ui/status.js';
import { Table } from '../../ui/table.js';

/** So many records of the log are looked through at once, which takes the server well below a second. */
const SPAN = 200000;
/** The newest are kept, so that a tab that is left open over night does not grow. */
const KEPT = 5000;
const ACTS = new Set(['user_added', 'user_role_changed', 'user_removed', 'key_created', 'key_revoked', 'acted']);
const PAGES_MAX = 20;

/** @type {Record<string, [string, string]>} a state for the colour, and a word */
const LOOKS = {
  user_added: ['completed', 'User added'], user_role_changed: ['assigned', 'Role changed'], user_removed: ['failed', 'User removed'],
  key_created: ['completed', 'Key made'], key_revoked: ['failed', 'Key revoked'], acted: ['queued', 'Asked for'],
};

/** @typedef {import('../../state/live.js').LogEvent} LogEvent */

export function Acts() {
  const [state, setState] = useState({ acts: /** @type {LogEvent[]} */ ([]), from: 0, first: 0, ready: false, error: /** @type {any} */ (null) });
  const [further, setFurther] = useState(false);
  const [listed, setListed] = useState(/** @type {any[]} */ ([]));
  const admin = may('admin');
  useEffect(() => { if (admin) get('/keys').then((keys) => setListed(keys.items), () => {}); }, [admin]);
  // Operators read no list of keys, but the log names those that it tells of.
  const names = useMemo(() => {
    const made = state.acts.filter((act) => act.type === 'key_created').map((act) => ({ id: act.key, name: act.name }));
    return new Map([...listed, ...made].map((one) => /** @type {[string, string]} */ ([one.id, one.name])));
  }, [listed, state.acts]);
  const [turn, setTurn] = useState(0);
  useEffect(() => follow(setState), [turn]);
  const lookFurther = async () => {
    setFurther(true);
    try {
      const { log } = await get('/stats');
      const from = Math.max(log.first_seq, state.from - SPAN);
      const older = await read(from, state.from);
      setState((before) => ({ ...before, acts: [...before.acts, ...older.reverse()].slice(0, KEPT), from, first: log.first_seq }));
    } catch (error) {
      setState((before) => ({ ...before, error }));
    }
    setFurther(false);
  };
  const text = (route.value.search.get('text') ?? '').toLowerCase();
  const shown = useMemo(() => state.acts.filter((act) => !text || `${LOOKS[act.type]?.[1]} ${what(act, names)} ${act.by} ${act.by_key ?? ''} ${act.key ?? ''}`.toLowerCase().includes(text)), [state.acts, text, names]);
  if (state.error) return html`<${Failure} error=${state.error} what="What was done"><button class="button" onClick=${() => setTurn(turn + 1)}>Try again</button></${Failure}>`;
  if (!state.ready) return html`<${Loading} what="the log" />`;
  const more = state.from > state.first;
  const columns = [
    { key: 'at', title: 'Time', track: '150px', cell: (act) => html`<span class="num muted">${fineTime(act.at)}</span>` },
    { key: 'type', title: 'Act', track: '136px', cell: (act) => html`<${Status} status=${LOOKS[act.type]?.[0] ?? 'pending'} word=${LOOKS[act.type]?.[1] ?? words(act.type)} />` },
    { key: 'what', title: 'What', track: 'minmax(120px, 3fr)', from: 560, cell: (act) => html`<span title=${what(act, names)}>${what(act, names)}</span>` },
    { key: 'by', title: 'By', track: 'minmax(64px, 1fr)', cell: (act) => html`<span title=${act.by_key ? `with the key ${names.get(act.by_key) ?? ''} ${act.by_key}` : ''}>${act.by}</span>` },
    { key: 'key', title: 'With the key', track: 'minmax(90px, 1fr)', from: 760, cell: (act) => html`<span class="muted" title=${act.by_key ?? ''}>${act.by_key ? names.get(act.by_key) ?? shortId(act.by_key) : ''}</span>` },
    { key: 'seq', title: 'Seq', track: '84px', right: true, from: 860, cell: (act) => html`<span class="muted">${act.seq}</span>` },
  ];
  return html`<div class="row flow"><input class="field" type="search" data-filter aria-label="Filter what was done" placeholder="Filter  /" value=${route.value.search.get('text') ?? ''} onInput=${(event) => refine({ text: event.target.value || undefined })} />
      <span class="muted num">${plural(shown.length, 'act')} since seq ${state.from}</span><span class="grow"></span>
      ${more && html`<button class="button" disabled=${further} onClick=${lookFurther}><${Icon} name="down" />${further ? 'Looking' : 'Look further back'}</button>`}</div>
    <div class="pane"><${Table} label="What was done" columns=${columns} length=${shown.length} row=${(at) => shown[at]} keyOf=${(act) => String(act.seq)} place="acts"
      empty=${html`<${Empty} icon="search" title=${text ? 'Nothing that was done fits' : 'Nothing was done'}>${text && html`<button class="button small" onClick=${() => refine({ text: undefined })}>Show all</button>`}${more && html`<span>So far the log was looked through from seq ${state.from} on.</span>`}</${Empty}>`} /></div>`;
}

/** What an act was about, in words. @param {LogEvent} act @param {Map<string, string>} names of keys */
function what(act, names) {
  switch (act.type) {
    case 'user_added': return `${act.user}, with the role ${act.role}`;
    case 'user_role_changed': return `${act.user} has the role ${act.role}`;
    case 'user_removed': return act.user;
    case 'key_created': return `${act.name}, for ${act.user}, with the role ${act.role}`;
    case 'key_revoked': return names.get(act.key) ?? act.key;
    case 'acted': return act.what;
    default: return '';
  }
}

/** The acts from a position on, in pages, oldest first. @param {number} since @param {number} [most] pages of them */
async function* pages(since, most = Infinity) {
  let next = since;
  for (let page = 0; page < most; page += 1) {
    const { items, next_cursor: cursor } = await get(`/events?about=access&since=${next}&limit=1000`);
    yield items;
    if (cursor === null) return;
    next = Number(cursor);
  }
}

/** The acts from a position up to another one, oldest first. @param {number} from @param {number} end */
async function read(from, end) {
  /** @type {LogEvent[]} */
  const found = [];
  for await (const page of pages(from, PAGES_MAX)) {
    found.push(...page.filter((act) => act.seq < end));
    if (page.length > 0 && page[page.length - 1].seq >= end) break;
  }
  return found;
}

/** Reads the latest, then follows what comes. */
function follow(setState) {
  const abort = new AbortController();
  let stop = () => {};
  const add = (events) => {
    const fresh = events.filter((event) => ACTS.has(event.type));
    if (fresh.length > 0) setState((before) => ({ ...before, acts: [...fresh.reverse(), ...before.acts].slice(0, KEPT) }));
  };
  const failed = (error) => { if (!abort.signal.aborted) setState((before) => ({ ...before, error })); };
  const begin = async () => {
    try {
      const { log } = await get('/stats');
      const from = Math.max(log.first_seq, log.durable_seq - SPAN);
      const acts = await read(from, log.durable_seq + 1);
      if (abort.signal.aborted) return;
      setState({ acts: acts.reverse().slice(0, KEPT), from, first: log.first_seq, ready: true, error: null });
      stop = watch(null, log.durable_seq, inOrder({ seq: log.durable_seq, add, read: pages, failed, signal: abort.signal }));
    } catch (error) {
      failed(error);
    }
  };
  begin();
  return () => {
    abort.abort();
    stop();
  };
}
