import { describe, expect, test } from 'vitest';

import {
  anatomicalAxes,
  cross,
  dot,
  edgeLetters,
  indexToWorld,
  letters,
  rightOf,
  sliceAlong,
  slicePosition,
  viewOf,
  type Grid,
  type Plane,
} from '../src/reading/grid';

const tilt = (degrees: number) => [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)] as const;
const [cos18, sin18] = tilt(18);

/** How scans come: rows and columns of the plane that was acquired, slices in either order. */
const ORIENTATIONS: Record<string, number[][]> = {
  'axial, feet to head': [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  'axial, head to feet (left-handed)': [[1, 0, 0], [0, 1, 0], [0, 0, -1]],
  'axial, mirrored rows': [[-1, 0, 0], [0, 1, 0], [0, 0, 1]],
  sagittal: [[0, 1, 0], [0, 0, -1], [-1, 0, 0]],
  'sagittal, right to left': [[0, 1, 0], [0, 0, -1], [1, 0, 0]],
  coronal: [[1, 0, 0], [0, 0, -1], [0, 1, 0]],
  'axial, tilted by 18 degrees': [[1, 0, 0], [0, cos18, sin18], [0, -sin18, cos18]],
};

const gridOf = (directions: number[][]): Grid => ({
  shape: [20, 30, 40],
  spacing_mm: [3, 2, 1],
  origin_mm: [-10, 5, 7],
  directions,
});

describe.each(Object.entries(ORIENTATIONS))('a scan acquired %s', (_name, directions) => {
  test.each([
    ['axial', { top: 'A', bottom: 'P', left: 'R', right: 'L' }],
    ['coronal', { top: 'S', bottom: 'I', left: 'R', right: 'L' }],
    ['sagittal', { top: 'S', bottom: 'I', left: 'A', right: 'P' }],
  ] as const)('is shown %s in radiological display', (plane, expected) => {
    const edges = edgeLetters(viewOf(plane, directions));
    expect({ top: edges.top[0], bottom: edges.bottom[0], left: edges.left[0], right: edges.right[0] }).toEqual(expected);
  });

  test.each(['axial', 'coronal', 'sagittal'] as Plane[])('is cut along its own %s axes', (plane) => {
    const view = viewOf(plane, directions);
    for (const direction of [view.normal, view.up, rightOf(view)]) {
      const parallel = directions.filter((axis) => Math.abs(Math.abs(dot(axis as never, direction)) - 1) < 1e-9);
      expect(parallel).toHaveLength(1);
    }
    expect(dot(cross(view.up, view.normal), rightOf(view))).toBeCloseTo(1);
  });

  test('has each of its slices exactly once along each view', () => {
    const grid = gridOf(directions);
    for (const plane of ['axial', 'coronal', 'sagittal'] as const) {
      const view = viewOf(plane, directions);
      const first = sliceAlong(grid, view, indexToWorld(grid, [0, 0, 0]));
      const last = sliceAlong(grid, view, indexToWorld(grid, [19, 29, 39]));
      const ends = [first.position, last.position].sort((a, b) => a - b);
      expect(ends[0]).toBeCloseTo(0);
      expect(ends[1]).toBeCloseTo(first.count - 1);
    }
  });

  test('counts slices towards the eye', () => {
    const grid = gridOf(directions);
    const view = viewOf('axial', directions);
    const at = indexToWorld(grid, [5, 5, 5]);
    const nearer = [at[0] + view.normal[0], at[1] + view.normal[1], at[2] + view.normal[2]] as const;
    expect(sliceAlong(grid, view, nearer).position).toBeGreaterThan(sliceAlong(grid, view, at).position);
  });
});

test('an index is z, y, x and lands where the directions say', () => {
  const grid = gridOf([[0, 1, 0], [0, 0, -1], [-1, 0, 0]]);
  // 2 slices of 3 mm to the right, 3 rows of 2 mm to the feet, 4 columns of 1 mm to the back.
  expect(indexToWorld(grid, [2, 3, 4])).toEqual([-16, 9, 1]);
});

test('no axis is taken twice when a scan is very oblique', () => {
  const [cos, sin] = tilt(44);
  const { left, back, head } = anatomicalAxes([[1, 0, 0], [0, cos, sin], [0, -sin, cos]]);
  expect(dot(left, back)).toBeCloseTo(0);
  expect(dot(back, head)).toBeCloseTo(0);
  expect(back[1]).toBeCloseTo(cos);
  expect(head[2]).toBeCloseTo(cos);
});

test('an oblique edge carries two letters, strongest first', () => {
  expect(letters([0, 0, 1])).toBe('S');
  expect(letters([0, -cos18, -sin18])).toBe('AI');
  expect(letters([0.99, 0.1, 0])).toBe('L');
});

test('a slice position names the side of the origin', () => {
  const view = viewOf('axial', [[1, 0, 0], [0, 1, 0], [0, 0, 1]]);
  expect(slicePosition(view, [0, 0, 34.5])).toBe('S 34.5 mm');
  expect(slicePosition(view, [0, 0, -2])).toBe('I 2.0 mm');
});
