/** The lesions of a slice as outlines along the edges of their voxels, so that nothing looks more exact than it is. */
import type { Cut } from './cut';
import type { Pixels } from './pixels';

/** Lines and rectangles in units of the slice's voxels: 0, 0 is the upper left corner of its first voxel. */
export interface Contour {
  /** x1, y1, x2, y2 of each line. */
  lines: number[];
  /** x, y, width of each run of voxels; all are one voxel high. */
  runs: number[];
}

/** Contours of a slice by lesion number. */
export function contoursOf(labels: Pixels, cut: Cut, slice: number): Map<number, Contour> {
  const { row, column } = cut;
  const found = new Map<number, Contour>();
  const start = cut.start + slice * cut.slice.stride;
  const at = (r: number, c: number): number =>
    r < 0 || c < 0 || r >= row.count || c >= column.count ? 0 : (labels[start + r * row.stride + c * column.stride] ?? 0);
  for (let r = 0; r < row.count; r += 1) {
    let runStart = 0;
    let before = 0;
    for (let c = 0; c <= column.count; c += 1) {
      const here = at(r, c);
      if (here !== before) {
        if (before) found.get(before)?.runs.push(runStart, r, c - runStart);
        runStart = c;
      }
      if (here) {
        let contour = found.get(here);
        if (!contour) found.set(here, (contour = { lines: [], runs: [] }));
        if (at(r - 1, c) !== here) contour.lines.push(c, r, c + 1, r);
        if (at(r + 1, c) !== here) contour.lines.push(c, r + 1, c + 1, r + 1);
        if (before !== here) contour.lines.push(c, r, c, r + 1);
        if (at(r, c + 1) !== here) contour.lines.push(c + 1, r, c + 1, r + 1);
      }
      before = here;
    }
  }
  return found;
}

/** The lines as a path in pixels of the screen: the slice's corner lies at x, y, a voxel is dx wide and dy high. */
export function linePath({ lines }: Contour, x: number, y: number, dx: number, dy: number): Path2D {
  const path = new Path2D();
  for (let i = 0; i < lines.length; i += 4) {
    path.moveTo(x + (lines[i] as number) * dx, y + (lines[i + 1] as number) * dy);
    path.lineTo(x + (lines[i + 2] as number) * dx, y + (lines[i + 3] as number) * dy);
  }
  return path;
}

/** The voxels as a path in pixels of the screen. */
export function fillPath({ runs }: Contour, x: number, y: number, dx: number, dy: number): Path2D {
  const path = new Path2D();
  for (let i = 0; i < runs.length; i += 3) {
    path.rect(x + (runs[i] as number) * dx, y + (runs[i + 1] as number) * dy, (runs[i + 2] as number) * dx, dy);
  }
  return path;
}
