/** Where in a volume there is something to see, so that a picture can be filled with the head and not with air. */
import { dot, indexToWorld, minus, plus, rightOf, scaled, vector, type Grid, type Vector, type View } from './grid';

/** Every how many voxels along each axis are looked at; a head is much larger. */
const STRIDE = 4;
/** Share of the sampled planes' voxels that must be bright, so that a speck of noise does not count. */
const FILLED = 0.01;
const MARGIN = 1.04;

/** Indices (z, y, x) of two opposite corners. */
export interface Box {
  first: Vector;
  last: Vector;
}

/** The box of a volume in which voxels are brighter than a threshold; the whole volume when none is. */
export function brightBox(grid: Grid, pixels: ArrayLike<number>, threshold: number): Box {
  const shape = vector(grid.shape);
  const bright = shape.map((n) => new Uint32Array(n));
  for (let z = 0; z < shape[0]; z += STRIDE) {
    for (let y = 0; y < shape[1]; y += STRIDE) {
      const row = (z * shape[1] + y) * shape[2];
      for (let x = 0; x < shape[2]; x += STRIDE) {
        if ((pixels[row + x] ?? 0) <= threshold) continue;
        [z, y, x].forEach((at, axis) => {
          const counts = bright[axis];
          if (counts) counts[at] = (counts[at] ?? 0) + 1;
        });
      }
    }
  }
  const ends = bright.map((counts, axis) => {
    const size = shape.reduce((product, n, other) => (other === axis ? product : product * Math.ceil(n / STRIDE)), 1);
    const full = [...counts.keys()].filter((at) => (counts[at] ?? 0) > size * FILLED);
    const last = counts.length - 1;
    return [full[0] ?? 0, Math.min(last, (full.at(-1) ?? last) + STRIDE - 1)] as const;
  });
  return { first: vector(ends.map(([first]) => first)), last: vector(ends.map(([, last]) => last)) };
}

/** World position of a box's middle. */
export function middleOf(grid: Grid, box: Box): Vector {
  return indexToWorld(grid, scaled(plus(box.first, box.last), 0.5));
}

/** Millimetres from top to bottom that a picture of a shape (width / height) must show to hold a box. */
export function heightToFit(grid: Grid, box: Box, view: View, widthPerHeight: number): number {
  const diagonal = minus(indexToWorld(grid, box.last), indexToWorld(grid, box.first));
  const corner = grid.directions.map((direction) => {
    const axis = vector(direction);
    return scaled(axis, dot(diagonal, axis));
  });
  const along = (direction: Vector) => corner.reduce((sum, edge) => sum + Math.abs(dot(edge, direction)), 0);
  return MARGIN * Math.max(along(view.up), along(rightOf(view)) / widthPerHeight);
}
