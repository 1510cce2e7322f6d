// What has happened to this run, from its submission on, and what happens now.
import { html, useEffect, useMemo, useState } from '../html.js';
import { plural } from '../format.js';
import { inOrder } from '../state/follow.js';
import { readEvents } from '../state/live.js';
import { refine, route } from '../state/route.js';
import { EventTable } from '../ui/events.js';
import { Failure, Loading } from '../ui/pieces.js';

/** Beyond this many the oldest are let go, so that a tab that is left open does not grow. */
const KEPT = 50000;

/** @param {{run: import('./model.js').Run, id: string, source: any}} props */
export function RunEvents({ run, id, source }) {
  const [state, setState] = useState({ events: /** @type {any[]} */ ([]), error: /** @type {any} */ (null) });
  useEffect(() => {
    const abort = new AbortController();
    let events = [];
    const line = inOrder({
      signal: abort.signal,
      add(fresh) {
        events = [...events, ...fresh].slice(-KEPT);
        setState({ events, error: null });
      },
      read: (since) => readEvents(since, { workflow: id, max: Infinity, signal: abort.signal }),
      failed: (error) => setState({ events, error: events.length > 0 ? null : error }),
    });
    // An empty list says that something was missed.
    const told = (more) => (more.length > 0 ? line.events(more) : line.gap(0));
    line.gap(0);
    source.onEvents.add(told);
    return () => {
      abort.abort();
      source.onEvents.delete(told);
    };
  }, [id, source.onEvents]);
  const text = (route.value.search.get('text') ?? '').toLowerCase();
  const nameOf = (event) => {
    const at = event.task_id ? run.placeOf(event.task_id) : -1;
    return at >= 0 ? run.shape.names[at] : '';
  };
  const shown = useMemo(() => (text ? state.events.filter((event) => `${event.type} ${nameOf(event)} ${event.message ?? ''} ${event.worker ?? ''}`.toLowerCase().includes(text)) : state.events), [state.events, text]);
  if (state.error) return html`<${Failure} error=${state.error} what="The events" />`;
  if (state.events.length === 0) return html`<${Loading} what="the events" />`;
  return html`<div class="row"><input class="field" type="search" data-filter aria-label="Filter events" placeholder="Filter  /" value=${route.value.search.get('text') ?? ''}
      onInput=${(event) => refine({ text: event.target.value || undefined })} /><span class="muted num">${plural(shown.length, 'event')}</span></div>
    <${EventTable} events=${shown} nameOf=${nameOf} open=${(event) => event.task_id && refine({ task: run.idOf(run.placeOf(event.task_id)) })} />`;
}
