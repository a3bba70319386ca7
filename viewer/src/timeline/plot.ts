/** Where a patient's measurements lie in a picture: true distances in time, volumes from zero. */

export const WIDTH = 620;
export const HEIGHT = 200;
const LEFT = 48;
const RIGHT = 12;
const TOP = 10;
const BOTTOM = 22;

export interface Measured {
  study_date: string | null;
  version: string;
  values: readonly { quantity: string; value: number; low: number | null; high: number | null }[];
}

export interface Point {
  x: number;
  y: number;
  value: number;
  date: string;
  version: string;
  /** From where to where another scan of the same state would lie. */
  bar: { top: number; bottom: number } | null;
}

export interface Line {
  quantity: string;
  path: string;
  points: Point[];
}

export interface Plot {
  lines: Line[];
  ticks: { y: number; value: number }[];
  dates: { x: number; date: string; anchor: 'start' | 'middle' | 'end' }[];
}

const DAY_MS = 86_400_000;
const day = (date: string) => Date.parse(`${date}T00:00:00Z`) / DAY_MS;

/** Units as people write them. */
export function shown(unit: string): string {
  return unit === '1' ? '' : unit.replace('mm2', 'mm²').replace('mm3', 'mm³').replace('mL', 'ml');
}

/** The next round number of 1, 2 or 5 times a power of ten. */
export function roundUp(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((step) => value <= step * power * (1 + 1e-9)) ?? 10) * power;
}

/** Quantities of one unit as lines; measurements without a date have no place in time and are left out. */
export function plot(measurements: readonly Measured[], quantities: readonly string[]): Plot {
  const dated = measurements.filter((one): one is Measured & { study_date: string } => one.study_date !== null);
  const days = dated.map((one) => day(one.study_date));
  const first = Math.min(...days);
  const span = Math.max(...days) - first || 1;
  const shown = dated.flatMap((one) => one.values.filter((value) => quantities.includes(value.quantity)));
  const top = roundUp(Math.max(0, ...shown.map((value) => Math.max(value.value, value.high ?? 0))));
  const x = (date: string) =>
    days.length < 2 ? (LEFT + WIDTH - RIGHT) / 2 : LEFT + ((day(date) - first) / span) * (WIDTH - LEFT - RIGHT);
  const y = (value: number) => HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM);

  const lines = quantities
    .map((quantity) => {
      const points = dated.flatMap((one) =>
        one.values
          .filter((value) => value.quantity === quantity)
          .map((value) => ({
            x: x(one.study_date),
            y: y(value.value),
            value: value.value,
            date: one.study_date,
            version: one.version,
            bar: value.low === null || value.high === null ? null : { top: y(value.high), bottom: y(value.low) },
          })),
      );
      const path = points.map((point) => `${point.x.toFixed(1)},${point.y.toFixed(1)}`).join(' ');
      return { quantity, path, points };
    })
    .filter((line) => line.points.length > 0);
  const last = dated.length - 1;
  return {
    lines,
    ticks: [0, top / 2, top].map((value) => ({ y: y(value), value })),
    dates: dated
      .filter((_, at) => at === 0 || at === last)
      .map((one, at) => ({
        x: x(one.study_date),
        date: one.study_date,
        anchor: dated.length === 1 ? 'middle' : at === 0 ? 'start' : 'end',
      })),
  };
}
