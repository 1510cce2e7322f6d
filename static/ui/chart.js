// Lines over time. What they are and how they stand is said in words above them: at the moment under the pointer, or now. All
// charts of a screen share that moment.
import { uPlot } from '../vendor/core.js';
import { html, useEffect, useRef, useState } from '../html.js';
import { clock, compact, time } from '../format.js';
import { themeEpoch } from '../state/theme.js';

/** Charts with the same key point at the same moment. */
const TOGETHER = 'screen';

/** @param {(number | null)[]} column */
export const latest = (column) => column.findLast((value) => value !== null) ?? null;

/**
 * @param {{title: string, data: (number | null)[][], series: {label: string, tone: string, fill?: boolean}[], from: number, to: number,
 *   say?: (value: number) => string}} props
 * `data` has the times in seconds first; tones are names of colours of the page.
 */
export function Chart({ title, data, series, from, to, say = compact }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const plot = useRef(/** @type {any} */ (null));
  const [pointed, setPointed] = useState(/** @type {number | null} */ (null));
  const epoch = themeEpoch.value;
  const scale = useRef({ from, to }).current;
  scale.from = from;
  scale.to = to;
  const told = useRef(say);
  told.current = say;
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const style = getComputedStyle(document.documentElement);
    const tone = (name) => style.getPropertyValue(`--${name}`).trim();
    const axis = { stroke: tone('faint'), font: '11px system-ui, sans-serif', ticks: { show: false }, grid: { stroke: tone('line'), width: 1 } };
    plot.current = new uPlot({
      width: element.clientWidth, height: element.clientHeight, padding: [8, 20, 0, 0],
      legend: { show: false }, cursor: { points: { size: 6 }, drag: { x: false, y: false }, sync: { key: TOGETHER } },
      scales: { x: { time: true, range: () => [scale.from, scale.to] }, y: { range: (_, __, max) => [0, max > 0 ? max * 1.15 : 1] } },
      axes: [
        { ...axis, space: 70, size: 24, grid: { show: false }, values: (_, ticks) => ticks.map((tick) => clock(tick)) },
        { ...axis, size: 50, values: (_, ticks) => ticks.map((tick) => told.current(tick)) },
      ],
      series: [{}, ...series.map((one) => ({
        label: one.label, stroke: tone(one.tone), width: 1.5, points: { show: false }, spanGaps: false,
        fill: one.fill ? `color-mix(in srgb, ${tone(one.tone)} 14%, transparent)` : undefined,
      }))],
      hooks: { setCursor: [(drawn) => setPointed(drawn.cursor.left >= 0 ? drawn.cursor.idx : null)] },
    }, data, element);
    const watcher = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: element.clientHeight }));
    watcher.observe(element);
    return () => {
      watcher.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [epoch]);
  useEffect(() => plot.current?.setData(data), [data]);
  const at = pointed !== null && pointed < data[0].length ? pointed : null;
  const values = series.map((_, index) => (at === null ? latest(data[index + 1]) : data[index + 1][at]));
  const words = values.map((value) => (value === null ? '–' : say(value)));
  return html`<figure><figcaption class="legend"><strong>${title}</strong>${series.map((one, index) => html`<span key=${one.label} class=${`s-${one.tone}`}><i />${one.label} <b>${words[index]}</b></span>`)}
      ${at !== null && html`<span class="num">at ${time((data[0][at] ?? 0) * 1000)}</span>`}</figcaption>
    <${Spoken} title=${title} data=${data} series=${series} say=${say} />
    <div class="chart" role="img" aria-label=${`${title}: ${series.map((one, index) => `${one.label} ${words[index]}`).join(', ')}`} ref=${box}></div></figure>`;
}

/** Moments of the picture that are told to whoever does not see it. */
const SPOKEN = 12;

/** The same as a table. */
function Spoken({ title, data, series, say }) {
  const step = Math.max(1, Math.ceil(data[0].length / SPOKEN));
  const moments = [];
  for (let at = data[0].length - 1; at >= 0; at -= step) moments.unshift(at);
  return html`<table class="hidden-text"><caption>${title}</caption><thead><tr><th>Time</th>${series.map((one) => html`<th key=${one.label}>${one.label}</th>`)}</tr></thead>
    <tbody>${moments.map((at) => html`<tr key=${data[0][at]}><td>${time((data[0][at] ?? 0) * 1000)}</td>${series.map((one, index) => html`<td key=${one.label}>${data[index + 1][at] === null ? '' : say(data[index + 1][at])}</td>`)}</tr>`)}</tbody></table>`;
}
