// Replays a run from its events: a second run that knows only what was known at the chosen moment.
import { html, signal, useEffect, useState } from '../html.js';
import { duration, fineTime } from '../format.js';
import { readEvents } from '../state/live.js';
import { Icon } from '../ui/icons.js';
import { toastError } from '../ui/toast.js';
import { Run } from './model.js';

/** A longer history is replayed up to here. */
const EVENTS_MAX = 200000;
/** A replay takes this long however long the run took. */
const PLAY_MS = 12000;

class Replay {
  /** @param {Run} run @param {any[]} events */
  constructor(run, events) {
    this.events = events;
    this.times = events.map((event) => Date.parse(event.at));
    this.begin = this.times[0];
    this.end = this.times[this.times.length - 1];
    this.run = new Run(run.workflow);
    this.next = 0;
    this.at = signal(this.end);
    this.playing = signal(false);
    this.frame = 0;
    this.seek(this.begin);
  }

  reset() {
    const { run } = this;
    const { pending, queued } = run.numbers;
    for (let at = 0; at < run.total; at += 1) run.status[at] = run.parentsOf(at).length === 0 ? queued : pending;
    run.attempt.fill(0);
    run.started.fill(-1);
    run.ended.fill(-1);
    run.worker.fill(-1);
    run.errors = {};
    run.workflow = { ...run.workflow, status: 'pending' };
    this.next = 0;
  }

  /** @param {number} to milliseconds since 1970 */
  seek(to) {
    if (this.next === 0 || to < this.times[this.next - 1]) this.reset();
    while (this.next < this.events.length && this.times[this.next] <= to) this.run.applyOne(this.events[this.next++]);
    this.run.touch();
    this.at.value = to;
  }

  play() {
    this.playing.value = true;
    if (this.at.peek() >= this.end) this.seek(this.begin);
    let last = performance.now();
    const speed = Math.max(1, this.end - this.begin) / PLAY_MS;
    const step = (time) => {
      if (!this.playing.peek()) return;
      this.seek(Math.min(this.end, this.at.peek() + (time - last) * speed));
      last = time;
      if (this.at.peek() >= this.end) this.playing.value = false;
      else this.frame = requestAnimationFrame(step);
    };
    this.frame = requestAnimationFrame(step);
  }

  stop() {
    this.playing.value = false;
    cancelAnimationFrame(this.frame);
  }
}

/** @param {Run | null} run @param {string} id */
export function useReplay(run, id) {
  const [replay, setReplay] = useState(/** @type {Replay | null} */ (null));
  const [loading, setLoading] = useState(false);
  useEffect(() => () => replay?.stop(), [replay]);
  useEffect(() => setReplay(null), [id]);
  const start = async () => {
    if (!run) return;
    setLoading(true);
    try {
      const events = [];
      for await (const page of readEvents(0, { workflow: id, max: EVENTS_MAX })) events.push(...page);
      if (events.length > 0) setReplay(new Replay(run, events));
    } catch (error) {
      toastError(error);
    }
    setLoading(false);
  };
  return { run: replay?.run ?? null, replay, loading, start, leave: () => setReplay(null) };
}

/** @param {{replay: ReturnType<typeof useReplay>}} props */
export function Scrubber({ replay: held }) {
  const { replay, loading, start, leave } = held;
  if (!replay) {
    return html`<div class="row"><button class="button quiet small" disabled=${loading} onClick=${start}><${Icon} name="again" />${loading ? 'Reading its events' : 'Replay'}</button></div>`;
  }
  const at = replay.at.value;
  const playing = replay.playing.value;
  return html`<div class="scrub" role="group" aria-label="Replay">
    <button class="button small square" aria-label=${playing ? 'Stop' : 'Play'} onClick=${() => (playing ? replay.stop() : replay.play())}><${Icon} name=${playing ? 'pause' : 'play'} /></button>
    <input type="range" min="0" max=${Math.max(1, replay.end - replay.begin)} step="1" value=${at - replay.begin} aria-label="Moment of the run"
      aria-valuetext=${`${duration(at - replay.begin)} after the submission`} onInput=${(event) => { replay.stop(); replay.seek(replay.begin + Number(event.target.value)); }} />
    <span class="num">${fineTime(at)} · ${duration(at - replay.begin)} of ${duration(replay.end - replay.begin)}</span>
    <button class="button small" onClick=${leave}>Back to now</button>
  </div>`;
}
