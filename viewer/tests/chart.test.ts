import { describe, expect, it } from 'vitest';

import { draw, HEIGHT, WIDTH } from '../src/versions/chart';

const at = '2026-01-01T00:00:00Z';
const points = (...values: number[]) => values.map((value) => ({ at, value }));

describe('a control chart', () => {
  it('fits its points and limits into the picture, larger values higher', () => {
    const drawn = draw({ points: points(1, 5, 3), centre: 3, low: 0, high: 6 });
    for (const { x, y } of drawn.points) {
      expect(x).toBeGreaterThanOrEqual(0);
      expect(x).toBeLessThanOrEqual(WIDTH);
      expect(y).toBeGreaterThanOrEqual(0);
      expect(y).toBeLessThanOrEqual(HEIGHT);
    }
    const [first, second] = drawn.points;
    expect(second!.y).toBeLessThan(first!.y);
    expect(drawn.band!.height).toBeGreaterThan(0);
    expect(drawn.centre!).toBeGreaterThan(drawn.band!.y);
    expect(drawn.range).toEqual({ low: 0, high: 6 });
  });

  it('has no band while there are too few results', () => {
    expect(draw({ points: points(1, 2), centre: null, low: null, high: null }).band).toBeNull();
  });

  it('draws one value, or several equal ones', () => {
    expect(draw({ points: points(4), centre: null, low: null, high: null }).path).not.toContain('NaN');
    expect(draw({ points: points(4, 4), centre: null, low: null, high: null }).path).not.toContain('NaN');
  });
});
