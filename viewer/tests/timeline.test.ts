import { describe, expect, it } from 'vitest';

import { HEIGHT, plot, roundUp, WIDTH, type Measured, type Point } from '../src/timeline/plot';

function visit(date: string | null, whole: number, limits = false): Measured {
  const value = { quantity: 'whole tumour', value: whole, low: limits ? whole / 1.1 : null, high: limits ? whole * 1.1 : null };
  return { study_date: date, version: '1.0.0', values: [value] };
}

describe('the timeline', () => {
  it('puts visits at their true distances', () => {
    const { lines } = plot([visit('2020-01-01', 10), visit('2021-01-01', 10), visit('2024-01-01', 10)], ['whole tumour']);
    const [first, second, third] = lines[0]!.points as [Point, Point, Point];
    expect((second.x - first.x) / (third.x - first.x)).toBeCloseTo(366 / 1461, 3);
    expect(third.x).toBeLessThan(WIDTH);
  });

  it('begins at zero and ends at a round number above all limits', () => {
    const { ticks, lines } = plot([visit('2020-01-01', 48, true), visit('2021-01-01', 20)], ['whole tumour']);
    expect(ticks.map((tick) => tick.value)).toEqual([0, 50, 100]);
    expect(lines[0]!.points[0]!.bar?.top).toBeLessThan(lines[0]!.points[0]!.y);
    expect(lines[0]!.points[1]!.bar).toBeNull();
    expect(ticks[0]!.y).toBeLessThan(HEIGHT);
  });

  it('leaves out what has no date, and quantities that nobody measured', () => {
    const drawn = plot([visit(null, 5), visit('2020-01-01', 10)], ['whole tumour', 'enhancing tumour']);
    expect(drawn.lines.map((line) => [line.quantity, line.points.length])).toEqual([['whole tumour', 1]]);
    expect(drawn.dates).toHaveLength(1);
  });

  it.each([
    [0, 1],
    [0.3, 0.5],
    [1, 1],
    [2.1, 5],
    [61, 100],
  ])('rounds %f up to %f', (value, rounded) => expect(roundUp(value)).toBeCloseTo(rounded));
});
