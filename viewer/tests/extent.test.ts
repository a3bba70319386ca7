import { expect, test } from 'vitest';

import { brightBox, heightToFit, middleOf } from '../src/reading/extent';
import { viewOf, type Grid } from '../src/reading/grid';

const grid: Grid = {
  shape: [40, 60, 80],
  spacing_mm: [3, 1, 1],
  origin_mm: [0, 0, 0],
  directions: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
};

function head(): Int16Array {
  const pixels = new Int16Array(40 * 60 * 80);
  for (let z = 8; z < 32; z += 1)
    for (let y = 12; y < 52; y += 1) for (let x = 20; x < 60; x += 1) pixels[(z * 60 + y) * 80 + x] = 100;
  return pixels;
}

test('the box holds the head and little air', () => {
  const box = brightBox(grid, head(), 50);
  expect(box.first).toEqual([8, 12, 20]);
  expect(box.last).toEqual([31, 51, 59]);
  expect(middleOf(grid, box)).toEqual([39.5, 31.5, 58.5]);
});

test('an empty volume is shown whole', () => {
  expect(brightBox(grid, new Int16Array(40 * 60 * 80), 50)).toEqual({ first: [0, 0, 0], last: [39, 59, 79] });
});

test('the picture’s shape decides what limits the zoom', () => {
  const box = { first: [0, 0, 0], last: [30, 40, 50] } as const;
  const axial = viewOf('axial', grid.directions);
  expect(heightToFit(grid, box, axial, 2)).toBeCloseTo(40 * 1.04);
  expect(heightToFit(grid, box, axial, 0.5)).toBeCloseTo(100 * 1.04);
  expect(heightToFit(grid, box, viewOf('sagittal', grid.directions), 2)).toBeCloseTo(90 * 1.04);
});
