// What went in and what came out, task by task: the last ones first, since they are what the run was for.
import { html, useMemo } from '../html.js';
import { get, segment } from '../state/api.js';
import { usePoll } from '../state/poll.js';
import { refine, route } from '../state/route.js';
import { CopyButton } from '../ui/copy.js';
import { Json, pretty } from '../ui/json.js';
import { ErrorNote } from '../task/error-note.js';
import { Empty, Failure, Loading } from '../ui/pieces.js';
import { Status } from '../ui/status.js';
import { Table } from '../ui/table.js';

/** @param {{run: import('./model.js').Run, id: string}} props */
export function Data({ run }) {
  const version = run.version.value;
  const { search } = route.value;
  const text = (search.get('text') ?? '').toLowerCase();
  const done = useMemo(() => {
    const { completed, failed, skipped } = run.numbers;
    const found = [];
    for (let at = 0; at < run.total; at += 1) {
      if ([completed, failed, skipped].includes(run.status[at]) && run.shape.names[at].toLowerCase().includes(text)) found.push(at);
    }
    // What was not done has no result to look at, however far it is at the end.
    const last = (at) => (run.status[at] === skipped ? 2 : run.childrenOf(at).length === 0 ? 0 : 1);
    return found.sort((a, b) => last(a) - last(b) || run.ended[b] - run.ended[a]);
  }, [run, version, text]);
  const chosen = search.get('value') ? run.placeOf(search.get('value') ?? '') : done[0] ?? -1;
  if (run.total > 0 && done.length === 0 && !text) return html`<${Empty} icon="dots" title="No results yet">Values show here as tasks complete.</${Empty}>`;
  return html`<div class="split">
    <div class="rows"><input class="field wide" type="search" data-filter aria-label="Filter by name" placeholder="Filter  /" value=${search.get('text') ?? ''}
        onInput=${(event) => refine({ text: event.target.value || undefined })} />
      <${Table} label="Tasks with a result" length=${done.length} row=${(index) => done[index]} keyOf=${(at) => String(at)} open=${(at) => refine({ value: run.idOf(at) })}
        columns=${[{ key: 'name', title: 'Task', track: 'minmax(0, 1fr)', cell: (at) => html`<span title=${run.shape.names[at]}>${run.shape.names[at]}</span>` },
          { key: 'status', title: 'State', track: '124px', cell: (at) => html`<${Status} status=${run.word(at)} />` }]} /></div>
    ${chosen >= 0 ? html`<${Values} id=${run.idOf(chosen)} name=${run.shape.names[chosen]} state=${run.status[chosen]} />` : html`<div></div>`}
  </div>`;
}

function Values({ id, name, state }) {
  const { value: task, error } = usePoll((signal) => get(`/tasks/${segment(id)}`, signal), 0, [id, state]);
  if (!task || task.id !== id) return error ? html`<${Failure} error=${error} />` : html`<${Loading} what="the values" />`;
  return html`<div class="rows">
    <div class="row"><h2 class="grow clip">${name}</h2><button class="button small" onClick=${() => refine({ task: id })}>Open the task</button></div>
    ${task.error ? html`<${ErrorNote} error=${task.error} status=${task.status} />` : html`<div class="row"><h3 class="grow">Result</h3><${CopyButton} text=${pretty(task.result)} label="Copy the result" what="Result copied" /></div>
      <${Json} value=${task.result} label=${`Result of ${name}`} />`}
    <div class="row"><h3 class="grow">Parameters</h3><${CopyButton} text=${pretty(task.parameters)} label="Copy the parameters" what="Parameters copied" /></div>
    <${Json} value=${task.parameters} label=${`Parameters of ${name}`} />
  </div>`;
}
