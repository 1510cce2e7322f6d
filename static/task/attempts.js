// The attempts of a task side by side, the latest last.
import { html, useEffect, useRef } from '../html.js';
import { duration, fineTime, ms } from '../format.js';
import { now } from '../state/clock.js';
import { Code } from '../ui/pieces.js';
import { Status } from '../ui/status.js';

/** @param {{task: any, word: string}} props */
export function Attempts({ task, word }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const settled = task.attempts.some((attempt) => attempt.attempt === task.attempt);
  useEffect(() => {
    if (box.current) box.current.scrollLeft = box.current.scrollWidth;
  }, [task.attempts.length]);
  return html`<div class="attempts" ref=${box} tabindex="0" role="group" aria-label="Attempts">
    ${task.attempts.map((attempt) => html`<div class="attempt" key=${`${attempt.attempt}-${attempt.ended_at}`}>
      <${Status} status="failed" word=${`Attempt ${attempt.attempt}`} />
      <span class="muted num">${fineTime(attempt.ended_at)}</span>
      ${attempt.worker && html`<span class="clip" title=${attempt.worker}>${attempt.worker}</span>`}
      <span><${Code} code=${attempt.code} /></span><span class="wrap muted">${attempt.message}</span></div>`)}
    ${!settled && task.attempt > 0 && html`<div class="attempt now"><${Status} status=${word} word=${`Attempt ${task.attempt}`} />
      ${task.worker && html`<span class="clip" title=${task.worker}>${task.worker}</span>`}
      ${task.ended_at ? html`<span class="muted num">${fineTime(task.ended_at)}</span>` : ''}
      ${task.started_at && html`<span class="muted">${duration((task.ended_at ? ms(task.ended_at) : now.value) - ms(task.started_at))} since the first start</span>`}</div>`}
    ${word === 'retrying' && task.retry_at && html`<div class="attempt now"><${Status} status="retrying" word=${`Attempt ${task.attempt + 1}`} /><span class="muted">in ${duration(Math.max(0, ms(task.retry_at) - now.value))}</span></div>`}
  </div>`;
}
