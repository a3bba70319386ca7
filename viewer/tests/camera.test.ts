import { expect, test } from 'vitest';

import { Camera, reaches } from '../src/reading/camera';
import { voxelAt } from '../src/reading/cut';
import { dot, indexToWorld, minus, worldToIndex, type Grid, type Vector } from '../src/reading/grid';
import { labelsIn } from '../src/reading/outlines';
import { placeIn } from '../src/reading/picture';
import type { LoadedVolume } from '../src/reading/volumes';

const volume = (grid: Grid): LoadedVolume => {
  const [z, y, x] = grid.shape as [number, number, number];
  const header = { ...grid, name: 'x', pixel_type: 'int16', window_center: 100, window_width: 100, study_date: '' };
  return { header: header as LoadedVolume['header'], pixels: new Int16Array(z * y * x).fill(200) };
};

const FLAIR: Grid = {
  shape: [10, 40, 40],
  spacing_mm: [4, 2, 2],
  origin_mm: [-40, -40, -20],
  directions: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
};

/** A series of 1 mm slices, counted from the head down, that lies turned by ten degrees about the long axis. */
const [cosine, sine] = [Math.cos(Math.PI / 18), Math.sin(Math.PI / 18)];
const FINE: Grid = {
  shape: [36, 50, 60],
  spacing_mm: [1, 1.5, 1.2],
  origin_mm: [-30, -38, 17],
  directions: [[cosine, sine, 0], [-sine, cosine, 0], [0, 0, -1]],
};

function open(): Camera {
  const camera = new Camera(volume(FLAIR));
  camera.resize([400, 300]);
  return camera;
}

test('every image shows its own slice nearest to the place, whatever its frame, spacing and order of slices', () => {
  const camera = open();
  const point: Vector = [6, 8, 5.4];
  for (const main of [FLAIR, FINE]) {
    camera.main = main;
    camera.jumpTo(point);
    for (const grid of [FLAIR, FINE]) {
      const { cut, slice, view } = camera.section(grid);
      const middle = indexToWorld(grid, voxelAt(cut, slice, 0, 0));
      expect(Math.abs(dot(minus(middle, camera.picture.focalPoint), view.normal))).toBeLessThanOrEqual(cut.slice.spacingMm / 2 + 1e-9);
    }
  }
});

test('one notch of the wheel is one slice of what is read', () => {
  const camera = open();
  camera.main = FINE;
  camera.jumpTo([0, 0, 3]);
  const before = camera.section(FINE).slice;
  camera.scroll(1);
  expect(camera.section(FINE).slice).toBe(before + 1);
  camera.main = FLAIR;
  const coarse = camera.section(FLAIR).slice;
  camera.scroll(1);
  expect(camera.section(FLAIR).slice).toBe(coarse + 1);
});

test('a place of a picture and its point belong together, also where the image is turned', () => {
  const camera = open();
  for (const grid of [FLAIR, FINE]) {
    const { view } = camera.section(grid);
    const at = [123, 77] as const;
    const [x, y] = placeIn({ ...camera.picture, view }, camera.worldAt(grid, at));
    expect(x).toBeCloseTo(at[0], 6);
    expect(y).toBeCloseTo(at[1], 6);
    const { cut, slice } = camera.section(grid);
    const index = worldToIndex(grid, camera.onSlice(grid, at))[cut.slice.index] ?? NaN;
    expect(index).toBeCloseTo(voxelAt(cut, slice, 0, 0)[cut.slice.index] ?? NaN, 6);
  }
});

test('an image that does not reach is not shown', () => {
  const camera = open();
  camera.jumpTo(indexToWorld(FLAIR, [0, 20, 20]));
  expect(reaches(camera.section(FLAIR))).toBe(true);
  const short: Grid = { ...FINE, shape: [10, 50, 60] };
  expect(reaches(camera.section(short))).toBe(false);
});

test('a lesion is drawn where it lies in the patient, in every plane of another series', () => {
  const labels = new Uint8Array(10 * 40 * 40);
  const [k, j, i] = [6, 24, 23];
  for (const z of [k - 1, k]) for (const y of [j - 1, j, j + 1]) for (const x of [i - 1, i, i + 1]) labels[(z * 40 + y) * 40 + x] = 7;
  const camera = open();
  camera.main = FINE;
  for (const plane of ['axial', 'coronal', 'sagittal'] as const) {
    camera.setPlane(plane);
    camera.jumpTo(indexToWorld(FLAIR, [k, j, i]));
    const section = camera.section(FINE);
    const { pixels, cut } = labelsIn(labels, FLAIR, section);
    expect(pixels.length).toBe(cut.row.count * cut.column.count);
    let found = 0;
    for (let at = 0; at < pixels.length; at += 1) {
      const [row, column] = [Math.floor(at / cut.column.count), at % cut.column.count];
      const index = worldToIndex(FLAIR, indexToWorld(FINE, voxelAt(section.cut, section.slice, row, column)));
      const [z, y, x] = index.map(Math.round) as [number, number, number];
      const inside = z >= 0 && y >= 0 && x >= 0 && z < 10 && y < 40 && x < 40;
      expect(pixels[at]).toBe(inside ? labels[(z * 40 + y) * 40 + x] : 0);
      found += pixels[at] ? 1 : 0;
    }
    expect(found).toBeGreaterThan(10);
  }
});
