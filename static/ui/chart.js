// Lines over time. The figures stand beside as words, so the picture is for the eye alone.
import { uPlot } from '../vendor/core.js';
import { html, useEffect, useRef } from '../html.js';
import { clock, compact } from '../format.js';
import { themeEpoch } from '../state/theme.js';

/**
 * @param {{label: string, data: number[][], series: {label: string, tone: string, fill?: boolean}[], from: number, to: number}} props
 * `data` has the times in seconds first; tones are names of colours of the page.
 */
export function Chart({ label, data, series, from, to }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const plot = useRef(/** @type {any} */ (null));
  const epoch = themeEpoch.value;
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const style = getComputedStyle(document.documentElement);
    const tone = (name) => style.getPropertyValue(`--${name}`).trim();
    const axis = { stroke: tone('faint'), font: '11px system-ui, sans-serif', ticks: { show: false }, grid: { stroke: tone('line'), width: 1 } };
    plot.current = new uPlot({
      width: element.clientWidth, height: element.clientHeight, padding: [8, 20, 0, 0],
      legend: { show: false }, cursor: { points: { size: 6 }, drag: { x: false, y: false } },
      scales: { x: { time: true, range: () => [scale.from, scale.to] }, y: { range: (_, __, max) => [0, Math.max(1, max * 1.15)] } },
      axes: [
        { ...axis, space: 70, size: 24, grid: { show: false }, values: (_, ticks) => ticks.map((tick) => clock(tick)) },
        { ...axis, size: 44, values: (_, ticks) => ticks.map((tick) => compact(tick)) },
      ],
      series: [{}, ...series.map((one) => ({
        label: one.label, stroke: tone(one.tone), width: 1.5, points: { show: false }, spanGaps: false,
        fill: one.fill ? `color-mix(in srgb, ${tone(one.tone)} 14%, transparent)` : undefined,
      }))],
    }, data, element);
    const watcher = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: element.clientHeight }));
    watcher.observe(element);
    return () => {
      watcher.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [epoch]);
  const scale = useRef({ from, to }).current;
  scale.from = from;
  scale.to = to;
  useEffect(() => plot.current?.setData(data), [data]);
  return html`<div class="chart" role="img" aria-label=${label} ref=${box}></div>`;
}
