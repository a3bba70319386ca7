/**
 * How a plane's slices are cut from a volume's array.
 *
 * Every plane runs along the scan's own axes, so that a slice is a set of stored voxels and nothing is interpolated
 * but the picture's size on the screen.
 */
import { dot, indexToWorld, rightOf, scaled, vector, type Grid, type Vector, type View } from './grid';

/** One direction of the cut, counted as the picture counts: to the right, downwards, or towards the eye. */
export interface Axis {
  /** 0, 1 or 2: the index of z, y or x. */
  index: 0 | 1 | 2;
  count: number;
  spacingMm: number;
  /** Distance in the array from one voxel to the next; negative where the picture counts backwards. */
  stride: number;
  /** World direction in which it is counted. */
  direction: Vector;
}

export interface Cut {
  slice: Axis;
  row: Axis;
  column: Axis;
  /** Place in the array of the voxel that is first along all three. */
  start: number;
}

/** The cut of a grid that a view shows. */
export function cutOf(grid: Grid, view: View): Cut {
  const shape = vector(grid.shape);
  const strides = [shape[1] * shape[2], shape[2], 1] as const;
  const axis = (towards: Vector): Axis => {
    // `directions` are those of x, y, z; indices are z, y, x.
    const along = grid.directions.map((direction) => dot(vector(direction), towards));
    const world = along.reduce((best, value, i) => (Math.abs(value) > Math.abs(along[best] ?? 0) ? i : best), 0);
    const index = (2 - world) as 0 | 1 | 2;
    const sign = (along[world] ?? 0) < 0 ? -1 : 1;
    return {
      index,
      count: shape[index],
      spacingMm: grid.spacing_mm[index] ?? 1,
      stride: sign * strides[index],
      direction: scaled(vector(grid.directions[world]), sign),
    };
  };
  const cut = { slice: axis(view.normal), row: axis(scaled(view.up, -1)), column: axis(rightOf(view)), start: 0 };
  for (const one of [cut.slice, cut.row, cut.column]) {
    if (one.stride < 0) cut.start -= one.stride * (one.count - 1);
  }
  return cut;
}

/** Index (z, y, x) of a voxel of a slice. */
export function voxelAt(cut: Cut, slice: number, row: number, column: number): Vector {
  const index: [number, number, number] = [0, 0, 0];
  for (const [axis, at] of [
    [cut.slice, slice],
    [cut.row, row],
    [cut.column, column],
  ] as const) {
    index[axis.index] = axis.stride < 0 ? axis.count - 1 - at : at;
  }
  return index;
}

/** World position of the centre of a slice's first voxel (upper left). */
export const cornerOf = (grid: Grid, cut: Cut, slice: number): Vector => indexToWorld(grid, voxelAt(cut, slice, 0, 0));
