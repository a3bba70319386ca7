import { expect, test } from 'vitest';

import { applied, dragged, rangeOf, relativeTo, UNCHANGED, windowOf } from '../src/reading/window';

const current = { center: 450, width: 900 };
const prior = { center: 1150, width: 2250 };

test('the default is each image’s own', () => {
  expect(applied(current, UNCHANGED)).toEqual(current);
  expect(applied(prior, UNCHANGED)).toEqual(prior);
});

test('a change carries over to another scale and back', () => {
  const change = relativeTo(current, { center: 600, width: 450 });
  const there = applied(prior, change);
  expect(there.width).toBeCloseTo(1125);
  expect(there.center).toBeCloseTo(1150 + (150 / 900) * 2250);
  const back = relativeTo(prior, there);
  expect(back.shift).toBeCloseTo(change.shift);
  expect(back.factor).toBeCloseTo(change.factor);
});

test('a window never closes or turns round', () => {
  expect(applied(current, { shift: 0, factor: -1 }).width).toBeGreaterThan(0);
  expect(applied(current, { shift: 0, factor: 1000 }).width).toBeLessThan(10_000);
});

test('a drag is as strong on any scale, and its way back undoes it', () => {
  const there = dragged(prior, 80, 0);
  expect(there.width / prior.width).toBeCloseTo(dragged(current, 80, 0).width / current.width);
  expect(there.width).toBeGreaterThan(prior.width);
  expect(dragged(there, -80, 0).width).toBeCloseTo(prior.width);
  expect(dragged(current, 0, 50).center).toBeGreaterThan(current.center);
  expect(dragged(current, -5000, 0).width).toBeGreaterThan(0);
});

test('a window and its range say the same', () => {
  expect(rangeOf(current)).toEqual({ lower: 0, upper: 900 });
  expect(windowOf(rangeOf(prior))).toEqual(prior);
});
