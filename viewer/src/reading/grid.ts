/**
 * Where voxels lie in the patient, and from where to look at them.
 *
 * World coordinates are DICOM's patient coordinates in millimetres, LPS: x grows to the patient's left, y to the
 * back, z to the head (PS3.3 C.7.6.2.1.1).
 */
import { decimal } from '../format';

export type Vector = readonly [number, number, number];

export type Plane = 'axial' | 'coronal' | 'sagittal';

/** The geometry of a volume as the gateway describes it; see `ImageHeader` in the API. */
export interface Grid {
  /** Voxels along z, y, x. */
  shape: readonly number[];
  /** Distance of voxel centres along z, y, x. */
  spacing_mm: readonly number[];
  /** World position of the first voxel's centre. */
  origin_mm: readonly number[];
  /** Unit vectors along x (columns), y (rows), z (slices). */
  directions: readonly (readonly number[])[];
}

/** A parallel camera: `normal` points from the image to the eye, `up` to the top of the picture. */
export interface View {
  normal: Vector;
  up: Vector;
}

export const vector = (values: readonly number[] | undefined): Vector => {
  if (values?.length !== 3) throw new RangeError('a vector has three components');
  return [values[0] ?? 0, values[1] ?? 0, values[2] ?? 0];
};

export const dot = (a: Vector, b: Vector): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

export const cross = (a: Vector, b: Vector): Vector => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];

export const scaled = (a: Vector, factor: number): Vector => [a[0] * factor, a[1] * factor, a[2] * factor];

export const plus = (a: Vector, b: Vector): Vector => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];

export const minus = (a: Vector, b: Vector): Vector => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];

/** World position of a voxel, given its index as (z, y, x). */
export function indexToWorld(grid: Grid, index: readonly number[]): Vector {
  const [z, y, x] = vector(index);
  const [sz, sy, sx] = vector(grid.spacing_mm);
  const along = [x * sx, y * sy, z * sz];
  return grid.directions.reduce<Vector>(
    (sum, direction, axis) => plus(sum, scaled(vector(direction), along[axis] ?? 0)),
    vector(grid.origin_mm),
  );
}

/** Index (z, y, x) of a world position, with fractions; the inverse of `indexToWorld`. */
export function worldToIndex(grid: Grid, point: Vector): Vector {
  const from = minus(point, vector(grid.origin_mm));
  const [x, y, z] = grid.directions.map((direction) => dot(from, vector(direction)));
  const [sz, sy, sx] = vector(grid.spacing_mm);
  return [(z ?? 0) / sz, (y ?? 0) / sy, (x ?? 0) / sx];
}

/** Whether two grids have the same voxels. */
export function sameGrid(a: Grid, b: Grid): boolean {
  if (a === b) return true;
  const numbers = (grid: Grid) => [grid.shape, grid.spacing_mm, grid.origin_mm, ...grid.directions].flat();
  const others = numbers(b);
  return numbers(a).every((value, i) => Math.abs(value - (others[i] ?? NaN)) < 1e-6);
}

const ORDERS = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
] as const;

/**
 * The grid's own axes that lie closest to the patient's left, back and head, each turned to point there.
 *
 * All six assignments are compared, so that no axis is taken twice however oblique the scan is.
 */
export function anatomicalAxes(directions: Grid['directions']): { left: Vector; back: Vector; head: Vector } {
  const axes = directions.map((direction) => vector(direction));
  const component = (axis: number, world: number) => axes[axis]?.[world] ?? 0;
  const fit = (order: readonly number[]) =>
    order.reduce((sum, axis, world) => sum + Math.abs(component(axis, world)), 0);
  const best = ORDERS.reduce((a, b) => (fit(b) > fit(a) + 1e-9 ? b : a));
  const towards = (world: 0 | 1 | 2): Vector => {
    const axis = best[world];
    return scaled(vector(axes[axis]), component(axis, world) < 0 ? -1 : 1);
  };
  return { left: towards(0), back: towards(1), head: towards(2) };
}

/**
 * The radiological view of a plane, along the scan's own axes, so that a picture is a slice of the scan and is not
 * interpolated even when the scan is oblique.
 *
 * Axial is seen from the feet (patient's right on the left, front on top), coronal from the front (right on the
 * left, head on top), sagittal from the left (front on the left, head on top).
 */
export function viewOf(plane: Plane, directions: Grid['directions']): View {
  const { left, back, head } = anatomicalAxes(directions);
  if (plane === 'axial') return { normal: scaled(head, -1), up: scaled(back, -1) };
  if (plane === 'coronal') return { normal: scaled(back, -1), up: head };
  return { normal: left, up: head };
}

/** The direction to the right edge of the picture. */
export const rightOf = (view: View): Vector => cross(view.up, view.normal);

const LETTERS = [
  ['L', 'R'],
  ['P', 'A'],
  ['S', 'I'],
] as const;

/** Share of a direction from which an axis is named: the sine of about 15 degrees. */
const NAMED = 0.26;

/** The patient's directions that a direction points to, strongest first: `L`, or `LP` when it is oblique. */
export function letters(direction: Vector): string {
  return LETTERS.map(([positive, negative], axis) => {
    const part = direction[axis] ?? 0;
    return { size: Math.abs(part), letter: part > 0 ? positive : negative };
  })
    .filter(({ size }) => size > NAMED)
    .sort((a, b) => b.size - a.size)
    .map(({ letter }) => letter)
    .join('');
}

/** The letters at the four edges of a picture. */
export function edgeLetters(view: View): { top: string; bottom: string; left: string; right: string } {
  const right = rightOf(view);
  return {
    top: letters(view.up),
    bottom: letters(scaled(view.up, -1)),
    left: letters(scaled(right, -1)),
    right: letters(right),
  };
}

/** Number of slices along a view, their distance, and the place of a world point among them (from 0, fractional). */
export function sliceAlong(
  grid: Grid,
  view: View,
  point: Vector,
): { count: number; spacingMm: number; position: number } {
  const shape = [...grid.shape].reverse();
  const spacing = [...grid.spacing_mm].reverse();
  const alignment = grid.directions.map((direction) => dot(vector(direction), view.normal));
  const axis = alignment.reduce((best, a, i) => (Math.abs(a) > Math.abs(alignment[best] ?? 0) ? i : best), 0);
  const count = shape[axis] ?? 1;
  const spacingMm = spacing[axis] ?? 1;
  const along = dot(minus(point, vector(grid.origin_mm)), vector(grid.directions[axis])) / spacingMm;
  // Slices are counted as the wheel goes: from the far end towards the eye.
  const towardsEye = (alignment[axis] ?? 0) > 0;
  return { count, spacingMm, position: towardsEye ? along : count - 1 - along };
}

/** Reading of a slice's position: `S 34.5`, the patient's direction and distance from the scanner's origin. */
export function slicePosition(view: View, point: Vector): string {
  const axis = ([0, 1, 2] as const).reduce(
    (best, i) => (Math.abs(view.normal[i]) > Math.abs(view.normal[best]) ? i : best),
    0 as 0 | 1 | 2,
  );
  const value = point[axis];
  return `${LETTERS[axis][value >= 0 ? 0 : 1]} ${decimal(Math.abs(value), 1)} mm`;
}
