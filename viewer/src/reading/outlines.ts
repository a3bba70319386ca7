/** The lesions over a picture. The map lies on the current FLAIR's grid; the picture may be a slice of another one. */
import type { Section } from './camera';
import { contoursOf, fillPath, linePath, type Contour } from './contour';
import { cssColour, type LesionStyle } from './colours';
import { cornerOf, type Cut } from './cut';
import { plus, sameGrid, scaled, vector, worldToIndex, type Grid, type Vector } from './grid';
import type { Pixels } from './pixels';

/** The lesion map and how each lesion is drawn; a number without style is not drawn. */
export interface Lesions {
  labels: Pixels;
  styles: ReadonlyMap<number, LesionStyle>;
  /** The algorithm's own map, of which these numbers' outlines are shown beside the reader's. */
  original: Pixels;
  corrected: ReadonlySet<number>;
}

export interface Look {
  shown: boolean;
  filled: boolean;
  /** 0 to 1, of fill and line. */
  opacity: number;
}

/** Where a slice lies on a canvas, in its pixels: the upper left corner of its first voxel, and a voxel's size. */
export interface Placed {
  x: number;
  y: number;
  dx: number;
  dy: number;
}

const FILL = 0.4;

/** The label map of one slice of another grid: each of its voxels has the label that lies nearest to its centre. */
export function labelsIn(labels: Pixels, grid: Grid, { grid: other, cut, slice }: Section): { pixels: Pixels; cut: Cut } {
  const { row, column } = cut;
  const [depth, height, width] = vector(grid.shape);
  const origin = worldToIndex(grid, cornerOf(other, cut, slice));
  const step = (axis: Cut['row']): Vector =>
    worldToIndex(grid, plus(vector(grid.origin_mm), scaled(axis.direction, axis.spacingMm)));
  const [down, along] = [step(row), step(column)];
  const pixels = labels instanceof Uint8Array ? new Uint8Array(row.count * column.count) : new Int16Array(row.count * column.count);
  let at = 0;
  for (let r = 0; r < row.count; r += 1) {
    let [z, y, x] = plus(origin, scaled(down, r));
    for (let c = 0; c < column.count; c += 1, at += 1) {
      const [k, j, i] = [Math.round(z), Math.round(y), Math.round(x)];
      if (k >= 0 && j >= 0 && i >= 0 && k < depth && j < height && i < width) {
        pixels[at] = labels[(k * height + j) * width + i] ?? 0;
      }
      z += along[0];
      y += along[1];
      x += along[2];
    }
  }
  const flat: Cut = {
    slice: { ...cut.slice, count: 1, stride: 0 },
    row: { ...row, stride: column.count },
    column: { ...column, stride: 1 },
    start: 0,
  };
  return { pixels, cut: flat };
}

/** Draws them, and looks for their outlines only when slice or map changed. */
export class Outlines {
  private lesions: Lesions | null = null;
  private changes = 0;
  private readonly found = new Map<Grid, { key: string; own: Map<number, Contour>; original: Map<number, Contour> }>();

  constructor(private readonly grid: Grid) {}

  set(lesions: Lesions | null): void {
    this.lesions = lesions;
    this.changed();
  }

  /** The lesion map's voxels changed in place. */
  changed(): void {
    this.changes += 1;
    this.found.clear();
  }

  draw(context: CanvasRenderingContext2D, section: Section, look: Look, { x, y, dx, dy }: Placed, ratio: number): void {
    const { lesions } = this;
    if (!lesions) return;
    const { own, original } = this.contours(lesions, section);
    context.lineCap = 'square';
    for (const [number, contour] of own) {
      const style = lesions.styles.get(number);
      if (!style) continue;
      if (look.filled && style.filled) {
        context.fillStyle = cssColour(style, FILL * look.opacity);
        context.fill(fillPath(contour, x, y, dx, dy));
      }
      context.lineWidth = 1.5 * ratio;
      context.setLineDash(style.dash.map((length) => length * ratio));
      context.strokeStyle = cssColour(style, look.opacity);
      context.stroke(linePath(contour, x, y, dx, dy));
    }
    context.lineWidth = ratio;
    context.setLineDash([2 * ratio, 3 * ratio]);
    context.strokeStyle = 'rgb(255 255 255 / 0.8)';
    for (const [number, contour] of original) {
      if (lesions.corrected.has(number)) context.stroke(linePath(contour, x, y, dx, dy));
    }
    context.setLineDash([]);
  }

  private contours(lesions: Lesions, section: Section): { own: Map<number, Contour>; original: Map<number, Contour> } {
    const key = `${section.cut.slice.index} ${section.slice} ${this.changes}`;
    const known = this.found.get(section.grid);
    if (known?.key === key) return known;
    const same = sameGrid(section.grid, this.grid);
    const of = (labels: Pixels): Map<number, Contour> => {
      if (same) return contoursOf(labels, section.cut, section.slice);
      const { pixels, cut } = labelsIn(labels, this.grid, section);
      return contoursOf(pixels, cut, 0);
    };
    const found = { key, own: of(lesions.labels), original: lesions.corrected.size ? of(lesions.original) : new Map<number, Contour>() };
    this.found.set(section.grid, found);
    return found;
  }
}
