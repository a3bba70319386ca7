import { expect, test } from 'vitest';

import type { Grid } from '../src/reading/grid';
import { dab, packed, placesOf, samePlaces, unpacked, withOutlines } from '../src/reading/labels';

const grid: Grid = {
  shape: [3, 8, 10],
  spacing_mm: [3, 1, 1],
  origin_mm: [0, 0, 0],
  directions: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
};
const place = (z: number, y: number, x: number): number => (z * 8 + y) * 10 + x;
const empty = (): Uint8Array => new Uint8Array(240);

test('a mask comes back from its bits', async () => {
  const places = [place(0, 2, 3), place(0, 2, 4), place(1, 7, 9), place(2, 0, 0)];
  const mask = await packed(grid, places);
  expect([mask.first, mask.size]).toEqual([[0, 0, 0], [3, 8, 10]]);
  expect(await unpacked(grid, mask)).toEqual(places);
  const small = await packed(grid, places.slice(0, 2));
  expect([small.first, small.size]).toEqual([[0, 2, 3], [1, 1, 2]]);
  expect(await unpacked(grid, small)).toEqual(places.slice(0, 2));
});

test('bits are in the order that the gateway reads', async () => {
  // Written by the gateway: numpy.packbits([1, 0, 1]) is 0xa0, then zlib.
  const mask = { first: [1, 1, 1], size: [1, 1, 3], bits: 'eJxbAAAAoQCh' };
  expect(await unpacked(grid, mask)).toEqual([place(1, 1, 1), place(1, 1, 3)]);
});

test('the reader’s outline stands in place of the algorithm’s, which stays as it was', () => {
  const original = empty();
  original[place(1, 1, 1)] = 1;
  original[place(1, 1, 2)] = 1;
  original[place(2, 2, 2)] = 2;
  const labels = withOutlines(original, new Map([[1, [place(1, 1, 2), place(1, 1, 3)]]]));
  expect(placesOf(labels, 1)).toEqual([place(1, 1, 2), place(1, 1, 3)]);
  expect(placesOf(labels, 2)).toEqual([place(2, 2, 2)]);
  expect(placesOf(original, 1)).toEqual([place(1, 1, 1), place(1, 1, 2)]);
  expect(withOutlines(original, new Map())).toBe(original);
});

test('an added lesion above 255 keeps its number', () => {
  const labels = withOutlines(empty(), new Map([[256, [place(0, 0, 0)]]]));
  expect(placesOf(labels, 256)).toEqual([0]);
});

test('a brush is round in millimetres, stays in its plane, and takes nothing from another lesion', () => {
  const labels = empty();
  labels[place(1, 4, 6)] = 2;
  const stroke = { index: [1, 4, 5] as const, axes: [1, 2] as const, radiusMm: 1, erase: false };
  expect(dab(labels, grid, 1, stroke)).toBe(true);
  expect(placesOf(labels, 1)).toEqual([place(1, 3, 5), place(1, 4, 4), place(1, 4, 5), place(1, 5, 5)]);
  expect(labels[place(1, 4, 6)]).toBe(2);
  expect(dab(labels, grid, 1, stroke)).toBe(false);
  // Across slices 3 mm thick, 1 mm reaches no neighbour.
  const sagittal = empty();
  dab(sagittal, grid, 1, { ...stroke, axes: [0, 1] });
  expect(placesOf(sagittal, 1)).toEqual([place(1, 3, 5), place(1, 4, 5), place(1, 5, 5)]);
});

test('the eraser takes only its own lesion, and the edge of the images is no obstacle', () => {
  const labels = empty();
  labels.fill(1, place(0, 0, 0), place(0, 0, 3));
  labels[place(0, 1, 0)] = 2;
  dab(labels, grid, 1, { index: [0, 0, 0], axes: [1, 2], radiusMm: 1, erase: true });
  expect(placesOf(labels, 1)).toEqual([place(0, 0, 2)]);
  expect(placesOf(labels, 2)).toEqual([place(0, 1, 0)]);
});

test('equal masks are equal', () => {
  expect(samePlaces([1, 2], [1, 2])).toBe(true);
  expect(samePlaces([1, 2], [1, 3])).toBe(false);
  expect(samePlaces([1, 2], [1])).toBe(false);
});
