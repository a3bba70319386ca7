/** Where a control chart's points and limits lie in its picture. */
import type { ChartLine } from '../client/api';

export const WIDTH = 260;
export const HEIGHT = 96;
const MARGIN = 6;

export interface Drawn {
  /** Points as SVG's polyline wants them. */
  path: string;
  points: { x: number; y: number }[];
  /** The band between the control limits; none while there are too few results. */
  band: { y: number; height: number } | null;
  centre: number | null;
  /** Values at the lower and the upper edge. */
  range: { low: number; high: number };
}

/** Results stand at even distances, in the order of time; values are scaled so that points and limits fit. */
export function draw(chart: Pick<ChartLine, 'points' | 'centre' | 'low' | 'high'>): Drawn {
  const values = chart.points.map((point) => point.value);
  const shown = [...values, ...[chart.low, chart.high].filter((value) => value !== null)];
  const low = Math.min(...shown);
  const span = Math.max(...shown) - low || 1;
  const step = (WIDTH - 2 * MARGIN) / Math.max(values.length - 1, 1);
  const y = (value: number) => HEIGHT - MARGIN - ((value - low) / span) * (HEIGHT - 2 * MARGIN);
  const points = values.map((value, index) => ({ x: MARGIN + index * step, y: y(value) }));
  const band =
    chart.low === null || chart.high === null ? null : { y: y(chart.high), height: y(chart.low) - y(chart.high) };
  return {
    path: points.map((point) => `${point.x.toFixed(1)},${point.y.toFixed(1)}`).join(' '),
    points,
    band,
    centre: chart.centre === null ? null : y(chart.centre),
    range: { low, high: Math.max(...shown) },
  };
}
