// One run: its state and progress, what can be done with it, and six ways to look at it.
import { html, useEffect, useLayoutEffect } from '../html.js';
import { ago, count, duration, fineTime, ms, plural } from '../format.js';
import { now } from '../state/clock.js';
import { address, go, listAddress, refine, route, workflowAddress } from '../state/route.js';
import { CopyButton } from '../ui/copy.js';
import { Icon } from '../ui/icons.js';
import { bind } from '../ui/keyboard.js';
import { lazy } from '../ui/lazy.js';
import { Failure, Loading, WaysOut } from '../ui/pieces.js';
import { StateBar, Status, TASK_STATUSES, wordOf } from '../ui/status.js';
import { RunActions } from './actions.js';
import { useReplay, Scrubber } from './replay.js';
import { useRun } from './source.js';

const Graph = lazy(() => import('./graph.js'), 'Graph');
const Timeline = lazy(() => import('./timeline.js'), 'Timeline');
const Tasks = lazy(() => import('./tasks.js'), 'Tasks');
const Data = lazy(() => import('./data.js'), 'Data');
const RunEvents = lazy(() => import('./events.js'), 'RunEvents');
const Definition = lazy(() => import('./definition.js'), 'Definition');
const TaskDrawer = lazy(() => import('../task/drawer.js'), 'TaskDrawer');

const TABS = [['graph', 'Graph'], ['timeline', 'Timeline'], ['tasks', 'Tasks'], ['data', 'Data'], ['events', 'Events'], ['definition', 'Definition']];

/** @param {{id: string, tab: string}} props */
export function RunScreen({ id, tab: wanted }) {
  // An address that names no view shows the first one.
  const tab = TABS.some(([name]) => name === wanted) ? wanted : TABS[0][0];
  const source = useRun(id);
  const { run, error } = source;
  const replay = useReplay(run, id);
  const shown = replay.run ?? run;
  const task = route.value.search.get('task') ?? '';
  const open = (place) => run && refine({ task: run.idOf(place) });
  const close = () => refine({ task: undefined });
  useLayoutEffect(() => bind({
    ...Object.fromEntries(TABS.map(([name], at) => [String(at + 1), () => go(workflowAddress(id, name, task ? { task } : {}))])),
    f: () => {
      const at = run?.firstFailure() ?? -1;
      if (at >= 0) open(at);
    },
  }), [run, id, task]);
  useEffect(() => {
    document.title = run ? `${run.workflow.name} · ${wordOf(run.workflow.status)} · Gleitzeit` : `${id} · Gleitzeit`;
  }, [run, run?.version.value]);
  if (error) return html`<div class="screen"><${Failure} error=${error} what=${`The workflow ${id}`}><${WaysOut} /><button class="button" onClick=${source.again}>Try again</button></${Failure}></div>`;
  if (!run || !shown) return html`<div class="screen"><${Loading} what="the run" /></div>`;
  const chosen = task ? run.placeOf(task) : -1;
  return html`<div class=${task ? 'screen full beside' : 'screen full'}>
    <${Head} run=${run} shown=${shown} id=${id} />
    <nav class="tabs" aria-label="Views of the run">${TABS.map(([name, title], at) => html`<a key=${name} href=${workflowAddress(id, name, task ? { task } : {})}
      aria-current=${tab === name ? 'page' : undefined} title=${`Key ${at + 1}`}>${title}${name === 'tasks' ? html`<span class="count">${count(run.total)}</span>` : ''}</a>`)}</nav>
    <div class="pane">
      ${tab === 'graph' && html`<${Graph} run=${shown} chosen=${chosen} open=${open} asTable=${() => go(workflowAddress(id, 'tasks'))} />`}
      ${tab === 'timeline' && html`<${Timeline} run=${shown} chosen=${chosen} open=${open} />`}
      ${tab === 'tasks' && html`<${Tasks} run=${shown} id=${id} open=${open} />`}
      ${tab === 'data' && html`<${Data} run=${run} id=${id} />`}
      ${tab === 'events' && html`<${RunEvents} run=${run} id=${id} source=${source} />`}
      ${tab === 'definition' && html`<${Definition} id=${id} />`}
      ${(tab === 'graph' || tab === 'timeline' || tab === 'tasks') && html`<${Scrubber} replay=${replay} />`}
    </div>
    ${task && html`<${TaskDrawer} key=${task} id=${task} run=${run} streams=${source.streams} close=${close} />`}
  </div>`;
}

function Head({ run, shown, id }) {
  shown.version.value;
  const { workflow } = run;
  const counts = shown.counts();
  const ended = ms(workflow.ended_at);
  const began = ms(workflow.started_at) || run.created;
  const end = Number.isFinite(ended) && workflow.ended_at ? ended : now.value;
  const settled = TASK_STATUSES.filter((word) => ['completed', 'failed', 'cancelled', 'skipped'].includes(word)).reduce((sum, word) => sum + counts[word], 0);
  return html`<header class="run-head">
    <div class="title">
      <a class="button quiet small square" href=${listAddress('workflows')} aria-label="All workflows"><${Icon} name="left" /></a>
      <h1 class="clip" title=${workflow.name}>${workflow.name}</h1>
      <${Status} status=${workflow.status} />
      <span class="row faint mono" style=${{ gap: '2px' }}><span class="clip">${workflow.id}</span><${CopyButton} text=${workflow.id} label="Copy the id" what="Id copied" /></span>
      <span class="grow"></span>
      <${RunActions} workflow=${workflow} id=${id} failed=${counts.failed} />
    </div>
    <${StateBar} counts=${counts} total=${run.total} />
    <div class="row flow num" style=${{ gap: '6px 16px' }}>
      <strong>${count(settled)} of ${plural(run.total, 'task')} ended</strong>
      ${TASK_STATUSES.filter((word) => counts[word] > 0).map((word) => html`<a key=${word} class="link" href=${workflowAddress(id, 'tasks', { status: word })}>
        <${Status} status=${word} word=${`${count(counts[word])} ${wordOf(word).toLowerCase()}`} /></a>`)}
      <span class="muted">${workflow.started_at ? `ran ${duration(end - began)}` : 'not started'} · created <span title=${fineTime(workflow.created_at)}>${ago(workflow.created_at, now.value)}</span></span>
      ${workflow.max_parallel_tasks && html`<span class="tag">at most ${workflow.max_parallel_tasks} at once</span>`}
      ${workflow.tags.map((tag) => html`<a key=${tag} class="tag clip" href=${address(['workflows'], { tag })}>${tag}</a>`)}
    </div>
    ${workflow.description && html`<p class="muted wrap">${workflow.description}</p>`}
    ${workflow.imported && html`<p class="note">Imported ${ago(workflow.imported.at, now.value)}. It ran on another server, where it was ${workflow.imported.status} when it was exported, and never runs here.</p>`}
  </header>`;
}
