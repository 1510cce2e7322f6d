// One task: how it stands and why, what can be done about it, its attempts, what went in and what came out.
import { html, useEffect, useLayoutEffect, useRef } from '../html.js';
import { ago, duration, fineTime, limit, ms, plural } from '../format.js';
import { get, segment } from '../state/api.js';
import { now } from '../state/clock.js';
import { usePoll } from '../state/poll.js';
import { address, refine } from '../state/route.js';
import { may } from '../state/session.js';
import { CopyButton } from '../ui/copy.js';
import { Icon } from '../ui/icons.js';
import { Json, pretty } from '../ui/json.js';
import { isDialogOpen } from '../ui/dialog.js';
import { bind, types } from '../ui/keyboard.js';
import { Failure, Loading } from '../ui/pieces.js';
import { ENDED, Status } from '../ui/status.js';
import { TaskActions, retryTask } from './actions.js';
import { Attempts } from './attempts.js';
import { ErrorNote } from './error-note.js';
import { Why } from './why.js';

/** How often a task that has not ended is looked at, beside what the log tells at once. */
const EVERY_MS = 2000;

/**
 * @param {{id: string, run: import('../run/model.js').Run, streams: Map<string, string>, close: () => void}} props
 */
export function TaskDrawer({ id, run, streams, close }) {
  const place = run.placeOf(id);
  const version = run.version.value;
  const word = place >= 0 ? run.word(place) : 'pending';
  const attempt = place >= 0 ? run.attempt[place] : 0;
  const open = !ENDED.has(word);
  const { value: task, error, again } = usePoll((signal) => get(`/tasks/${segment(id)}`, signal), open ? EVERY_MS : 0, [id, word, attempt]);
  const { value: why, again: whyAgain } = usePoll((signal) => get(`/tasks/${segment(id)}/why`, signal), open ? EVERY_MS : 0, [id, word, attempt]);
  const changed = () => {
    again();
    whyAgain();
  };
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  useFocus(box);
  useLayoutEffect(() => bind({ Escape: close, r: () => may('user') && task && retryTask(task, changed) }), [task]);
  const known = task?.id === id ? task : null;
  const gone = !known && place < 0 && Boolean(error);
  return html`<aside class="drawer" aria-label="Task" ref=${box} tabindex="-1">
    <header>
      <div class="row">${gone ? html`<span class="muted">Task</span>` : html`<${Status} status=${word} />`}<span class="grow"></span>
        <button class="button quiet small square" aria-label="Close the task" title="Esc" onClick=${close}><${Icon} name="cross" /></button></div>
      <h2 class="wrap">${known?.name ?? (place >= 0 ? run.shape.names[place] : gone ? 'Not a task of this run' : 'Task')}</h2>
      <div class="row faint mono" style=${{ gap: '2px' }}><span class="clip">${id}</span><${CopyButton} text=${id} label="Copy the task's id" what="Id copied" /></div>
      ${known && html`<${TaskActions} task=${known} status=${word} changed=${changed} />`}
    </header>
    <div class="body">
      ${error && !known && html`<${Failure} error=${error} what="This task"><button class="button" onClick=${close}>Close it</button></${Failure}>`}
      ${!known && !error && html`<${Loading} what="the task" />`}
      ${known && html`<${Body} task=${known} why=${why?.task_id === id || !why ? why : null} word=${word} run=${run} place=${place} stream=${streams.get(id)} version=${version} />`}
    </div>
  </aside>`;
}

/**
 * A task that opens takes the keys, and gives them back to where they were. Somebody who writes, or who is in a dialog, keeps
 * them: the drawer may have been asked for long before it is there.
 */
function useFocus(box) {
  const before = useRef(/** @type {Element | null} */ (null));
  const waits = isDialogOpen();
  useEffect(() => {
    if (waits || before.current) return;
    before.current = document.activeElement;
    if (!types(before.current)) box.current?.focus({ preventScroll: true });
  }, [waits]);
  useEffect(() => () => {
    const now_ = document.activeElement;
    const left = now_ === document.body || now_ === null || box.current?.contains(now_);
    if (left && !isDialogOpen() && before.current instanceof HTMLElement && before.current.isConnected) before.current.focus({ preventScroll: true });
  }, []);
}

function Body({ task, why, word, run, place, stream }) {
  const open = !ENDED.has(word);
  return html`
    ${why && why.reasons.some((reason) => reason.kind !== 'ended') && html`<section aria-label="Why"><h3>${word === 'processing' || word === 'assigned' ? 'Where it is' : open ? 'Why it waits' : 'What is still to come'}</h3><${Why} why=${why} run=${run} /></section>`}
    ${task.error && html`<section aria-label="Error"><h3>${open ? 'The last attempt failed' : word === 'skipped' ? 'Why it was left out' : 'Error'}</h3><${ErrorNote} error=${task.error} status=${word} /></section>`}
    ${open && html`<${Live} task=${task} progress=${run.progress.get(place)} stream=${stream} />`}
    <section aria-label="Facts"><dl class="facts">
      <dt>Kind</dt><dd class="wrap">${task.task_type}${task.external_task_type ? ` · ${task.external_task_type}` : ''}${task.service_name ? html` · service ${task.service_name}` : ''}</dd>
      ${task.worker && html`<dt>Worker</dt><dd class="wrap"><a class="link" href=${address(['services', task.worker])}>${task.worker}</a></dd>`}
      <dt>Priority</dt><dd>${task.priority}</dd>
      <dt>Started</dt><dd>${task.started_at ? html`<span class="num">${fineTime(task.started_at)}</span> <span class="muted">${ago(task.started_at, now.value)}</span>` : 'not yet'}</dd>
      ${task.ended_at && html`<dt>Ended</dt><dd class="num">${fineTime(task.ended_at)}${task.started_at ? html` <span class="muted">after ${duration(ms(task.ended_at) - ms(task.started_at))}</span>` : ''}</dd>`}
      <dt>Limits</dt><dd>${limit(task.timeout_seconds * 1000)} a run, ${plural(task.max_attempts, 'failure')}</dd>
      ${task.usage && html`<dt>Tokens</dt><dd class="num">${task.usage.prompt_tokens ?? '–'} in, ${task.usage.completion_tokens ?? '–'} out${task.usage.model ? `, ${task.usage.model}` : ''}</dd>`}
      ${task.tags.length > 0 && html`<dt>Tags</dt><dd class="chips">${task.tags.map((tag) => html`<span key=${tag} class="tag">${tag}</span>`)}</dd>`}
    </dl></section>
    <${Neighbours} title="Needs" run=${run} places=${place >= 0 ? run.parentsOf(place) : []} />
    <${Neighbours} title="Needed by" run=${run} places=${place >= 0 ? run.childrenOf(place) : []} />
    ${(task.attempts.length > 0 || task.attempt > 0) && html`<section aria-label="Attempts"><h3>Attempts</h3><${Attempts} task=${task} word=${word} /></section>`}
    ${(word === 'completed' || task.result !== null) && html`<section aria-label="Result"><div class="row"><h3 class="grow">Result</h3><${CopyButton} text=${pretty(task.result)} label="Copy the result" what="Result copied" /></div>
      ${typeof task.result === 'string' ? html`<div class="pre" tabindex="0" role="group" aria-label="Result">${task.result}</div>` : html`<${Json} value=${task.result} label="Result" />`}</section>`}
    <section aria-label="Parameters"><div class="row"><h3 class="grow">Parameters${task.parameters_edited ? html` <span class="tag">edited</span>` : ''}</h3><${CopyButton} text=${pretty(task.parameters)} label="Copy the parameters" what="Parameters copied" /></div>
      <${Json} value=${task.parameters} label="Parameters" /></section>
    ${task.metadata && html`<section aria-label="Metadata"><h3>Metadata</h3><${Json} value=${task.metadata} label="Metadata" /></section>`}`;
}

function Live({ task, progress, stream }) {
  const percent = progress?.progress ?? task.progress?.percent;
  const message = progress?.message ?? task.progress?.message;
  if (percent === undefined && !stream) return null;
  return html`<section aria-label="Progress"><h3>Progress</h3>
    ${percent !== undefined && html`<div class="rows" style=${{ gap: '4px' }}><div class="bar" role="progressbar" aria-label="Progress" aria-valuenow=${percent} aria-valuemin="0" aria-valuemax="100"><i class="s-processing" style=${{ width: `${percent}%` }} /></div>
      <span class="muted wrap num">${percent}%${message ? ` · ${message}` : ''}</span></div>`}
    ${stream && html`<${Stream} text=${stream} />`}</section>`;
}

/** Text as it comes, with its end in view. */
function Stream({ text }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    if (box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [text]);
  return html`<div class="pre" ref=${box} tabindex="0" role="log" aria-label="Streamed text">${text}</div>`;
}

/** Neighbours that are listed; the graph shows all of them. */
const SHOWN = 12;

function Neighbours({ title, run, places }) {
  if (places.length === 0) return null;
  const urgent = [...places].sort((a, b) => Number(ENDED.has(run.word(a)) && run.word(a) !== 'failed') - Number(ENDED.has(run.word(b)) && run.word(b) !== 'failed'));
  return html`<section aria-label=${title}><h3>${title} ${places.length > 1 ? places.length : ''}</h3><div class="chips">
    ${urgent.slice(0, SHOWN).map((at) => html`<button key=${at} class="chip" onClick=${() => refine({ task: run.idOf(at) })}><${Status} status=${run.word(at)} word=${run.shape.names[at]} /></button>`)}
    ${places.length > SHOWN && html`<span class="muted">and ${places.length - SHOWN} more</span>`}</div></section>`;
}
