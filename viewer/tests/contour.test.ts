import { expect, test } from 'vitest';

import { contoursOf } from '../src/reading/contour';
import { cutOf } from '../src/reading/cut';
import { viewOf, type Grid } from '../src/reading/grid';

const grid: Grid = {
  shape: [2, 4, 5],
  spacing_mm: [1, 1, 1],
  origin_mm: [0, 0, 0],
  directions: [[1, 0, 0], [0, 1, 0], [0, 0, -1]],
};
const cut = cutOf(grid, viewOf('axial', grid.directions));

function labels(...rows: string[]): Int16Array {
  const picture = rows.join('').split('').map((letter) => (letter === '.' ? 0 : letter === 'X' ? 300 : Number(letter)));
  return Int16Array.from([...picture, ...new Array<number>(20).fill(0)]);
}

test('an outline closes round a lesion along the edges of its voxels', () => {
  const found = contoursOf(labels('.....', '.11..', '.1...', '.....'), cut, 0);
  const { lines, runs } = found.get(1) ?? { lines: [], runs: [] };
  expect(lines.length / 4).toBe(8);
  expect(runs).toEqual([1, 1, 2, 1, 2, 1]);
  const ends = new Map<string, number>();
  for (let i = 0; i < lines.length; i += 2) ends.set(`${lines[i]},${lines[i + 1]}`, (ends.get(`${lines[i]},${lines[i + 1]}`) ?? 0) + 1);
  expect([...ends.values()].every((count) => count % 2 === 0)).toBe(true);
});

test('lesions that touch have outlines of their own, at the picture’s edge too, and numbers above 255', () => {
  const found = contoursOf(labels('12...', '.....', '.....', '....X'), cut, 0);
  expect([...found.keys()].sort((a, b) => a - b)).toEqual([1, 2, 300]);
  for (const { lines } of found.values()) expect(lines.length / 4).toBe(4);
  expect(contoursOf(labels('12...', '.....', '.....', '....X'), cut, 1).size).toBe(0);
});
