import { expect, test } from 'vitest';

import { cornerOf, cutOf, voxelAt } from '../src/reading/cut';
import { dot, indexToWorld, minus, rightOf, viewOf, type Grid, type Plane } from '../src/reading/grid';
import { paintSlice } from '../src/reading/paint';

const SHAPE = [3, 4, 5] as const;

/** A grid whose x, y and z run along given directions. */
const grid = (x: number[], y: number[], z: number[]): Grid => ({
  shape: [...SHAPE],
  spacing_mm: [3, 2, 1],
  origin_mm: [10, -20, 30],
  directions: [x, y, z],
});

const GRIDS = {
  usual: grid([1, 0, 0], [0, 1, 0], [0, 0, 1]),
  'from the head down': grid([1, 0, 0], [0, 1, 0], [0, 0, -1]),
  'columns to the right': grid([-1, 0, 0], [0, 1, 0], [0, 0, 1]),
  sagittal: grid([0, 1, 0], [0, 0, -1], [1, 0, 0]),
  coronal: grid([1, 0, 0], [0, 0, -1], [0, 1, 0]),
};
const PLANES: readonly Plane[] = ['axial', 'coronal', 'sagittal'];

test.each(Object.entries(GRIDS))('a picture’s rows and columns go down and right in the patient: %s', (_, here) => {
  for (const plane of PLANES) {
    const view = viewOf(plane, here.directions);
    const cut = cutOf(here, view);
    const corner = cornerOf(here, cut, 1);
    const step = (row: number, column: number) => minus(indexToWorld(here, voxelAt(cut, 1, row, column)), corner);
    expect(dot(step(0, 1), rightOf(view))).toBeCloseTo(cut.column.spacingMm);
    expect(dot(step(1, 0), view.up)).toBeCloseTo(-cut.row.spacingMm);
    const next = minus(indexToWorld(here, voxelAt(cut, 2, 0, 0)), corner);
    expect(dot(next, view.normal)).toBeCloseTo(cut.slice.spacingMm);
    expect(cut.slice.count * cut.row.count * cut.column.count).toBe(60);
  }
});

test.each(Object.entries(GRIDS))('a painted pixel is the voxel that lies there: %s', (_, here) => {
  const pixels = Int16Array.from({ length: 60 }, (__, i) => i * 4);
  for (const plane of PLANES) {
    const cut = cutOf(here, viewOf(plane, here.directions));
    const rgba = new Uint32Array(cut.row.count * cut.column.count);
    paintSlice(rgba, pixels, cut, 1, { center: 127.5, width: 255 });
    for (let row = 0; row < cut.row.count; row += 1) {
      for (let column = 0; column < cut.column.count; column += 1) {
        const [z, y, x] = voxelAt(cut, 1, row, column);
        const grey = (rgba[row * cut.column.count + column] ?? 0) & 0xff;
        expect(grey).toBe(((z * 4 + y) * 5 + x) * 4);
      }
    }
  }
});

test('a window’s ends are black and white, its centre is grey, and nothing wraps round', () => {
  const line: Grid = { shape: [1, 1, 5], spacing_mm: [1, 1, 1], origin_mm: [0, 0, 0], directions: GRIDS.usual.directions };
  const cut = cutOf(line, viewOf('axial', line.directions));
  const rgba = new Uint32Array(5);
  paintSlice(rgba, Int16Array.of(-32767, 100, 200, 300, 32767), cut, 0, { center: 200, width: 200 });
  expect([...rgba].map((pixel) => pixel & 0xff)).toEqual([0, 0, 127, 255, 255]);
  expect([...rgba].every((pixel) => pixel >>> 24 === 255)).toBe(true);
});
