/**
 * The three linked pictures, drawn on 2D canvases.
 *
 * All images of a case lie on one grid and every plane runs along it: a picture is one slice of an array, and all
 * three show the same one. See docs/adr/0010-own-slice-display.md for why no imaging library draws them.
 */
import { contoursOf, fillPath, linePath, type Contour } from './contour';
import { cssColour, type LesionStyle } from './colours';
import { cornerOf, cutOf, voxelAt, type Cut } from './cut';
import { brightBox, heightToFit, middleOf, type Box } from './extent';
import { dot, minus, plus, rightOf, scaled, sliceAlong, viewOf, type Grid, type Plane, type Vector, type View } from './grid';
import { paintSlice } from './paint';
import { placeIn, type Picture } from './picture';
import type { Pixels } from './pixels';
import type { LoadedVolume } from './volumes';
import { applied, dragged, relativeTo, UNCHANGED, type RelativeWindow } from './window';

export type PaneName = 'prior' | 'current' | 'lesions';
export const PANES: readonly PaneName[] = ['prior', 'current', 'lesions'];

/** What a pane shows. */
export interface Content {
  image: LoadedVolume | null;
  /** Shown in every other square of a checkerboard. */
  other?: LoadedVolume | null;
  lesions?: boolean;
}

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

/** Air is darker than the window's centre by this share of its width. */
const DARK = 0.4;
const SQUARE_PX = 40;
const FILL = 0.4;
const NEAREST_MM = 0.02;
const FARTHEST_MM = 3;

interface Painted {
  canvas: HTMLCanvasElement;
  image: ImageData;
  rgba: Uint32Array;
  key: string;
}

interface Pane {
  canvas: HTMLCanvasElement;
  content: Content;
}

export class Scene {
  private readonly head: Box;
  private readonly panes = new Map<PaneName, Pane>();
  private readonly painted = new Map<LoadedVolume, Painted>();
  private readonly observer = new ResizeObserver(() => this.resized());
  private readonly grid: Grid;
  private plane: Plane = 'axial';
  private view: View;
  private cut: Cut;
  private focal: Vector;
  private mmPerPixel = 1;
  private fitted = false;
  /** Height of the pictures for which the scale was chosen, in CSS pixels. */
  private height = 0;
  private change: RelativeWindow = UNCHANGED;
  private look: Look = { shown: true, filled: true, opacity: 1 };
  private lesions: Lesions | null = null;
  private contours: { key: string; own: Map<number, Contour>; original: Map<number, Contour> } | null = null;
  private frame = 0;
  private drawings = 0;

  constructor(
    first: LoadedVolume,
    private readonly onPicture: (picture: Picture) => void,
  ) {
    const { header, pixels } = first;
    this.grid = header;
    this.head = brightBox(header, pixels, header.window_center - header.window_width * DARK);
    this.view = viewOf(this.plane, header.directions);
    this.cut = cutOf(header, this.view);
    this.focal = middleOf(header, this.head);
  }

  attach(name: PaneName, canvas: HTMLCanvasElement): void {
    this.panes.set(name, { canvas, content: { image: null } });
    this.observer.observe(canvas);
  }

  show(name: PaneName, content: Content): void {
    const pane = this.panes.get(name);
    if (pane) pane.content = content;
    this.invalidate();
  }

  /** Let go of volumes that no pane shows any more. */
  forgetHidden(): void {
    const shown = new Set([...this.panes.values()].flatMap(({ content }) => [content.image, content.other]));
    for (const volume of this.painted.keys()) if (!shown.has(volume)) this.painted.delete(volume);
  }

  setLesions(lesions: Lesions | null): void {
    this.lesions = lesions;
    this.redrawn();
  }

  /** The lesion map's voxels changed in place. */
  redrawn(): void {
    this.drawings += 1;
    this.invalidate();
  }

  setLook(look: Look): void {
    this.look = look;
    this.invalidate();
  }

  setPlane(plane: Plane): void {
    this.plane = plane;
    this.view = viewOf(plane, this.grid.directions);
    this.cut = cutOf(this.grid, this.view);
    this.fit(this.focal);
  }

  /** Bring a world position into all three pictures; they move sideways only when it would lie outside. */
  jumpTo(point: Vector): void {
    this.focal = plus(this.focal, scaled(this.view.normal, dot(minus(point, this.focal), this.view.normal)));
    this.scroll(0);
    const { size } = this.picture();
    const margin = 0.1;
    const outside = placeIn(this.picture(), point).some((at, axis) => {
      const length = size[axis] ?? 0;
      return at < length * margin || at > length * (1 - margin);
    });
    if (outside) this.focal = plus(point, this.depthOf(point));
    this.invalidate();
  }

  /** Go on by a number of slices, never beyond the first or last. */
  scroll(slices: number): void {
    const { count, spacingMm, position } = sliceAlong(this.grid, this.view, this.focal);
    const next = Math.min(count - 1, Math.max(0, Math.round(position) + slices));
    this.focal = plus(this.focal, scaled(this.view.normal, (next - position) * spacingMm));
    this.invalidate();
  }

  pan(dx: number, dy: number): void {
    const right = scaled(rightOf(this.view), -dx * this.mmPerPixel);
    this.focal = plus(this.focal, plus(right, scaled(this.view.up, dy * this.mmPerPixel)));
    this.invalidate();
  }

  /** Enlarge, keeping what lies under a place of the picture where it is. */
  zoom(factor: number, at?: readonly [number, number]): void {
    const fixed = at ? this.worldAt(at) : this.focal;
    const next = Math.min(FARTHEST_MM, Math.max(NEAREST_MM, this.mmPerPixel / factor));
    this.focal = plus(fixed, scaled(minus(this.focal, fixed), next / this.mmPerPixel));
    this.mmPerPixel = next;
    this.invalidate();
  }

  /** Change the window of all images alike, by a drag in pixels. */
  dragWindow(dx: number, dy: number): void {
    const unit = { center: 0, width: 1 };
    this.change = relativeTo(unit, dragged(applied(unit, this.change), dx, dy));
    this.invalidate();
  }

  /** The middle of the head, filling the picture, with the images' own windows. */
  reset(): void {
    this.change = UNCHANGED;
    this.fit(middleOf(this.grid, this.head));
  }

  worldAt([x, y]: readonly [number, number]): Vector {
    const { size } = this.picture();
    const right = scaled(rightOf(this.view), (x - size[0] / 2) * this.mmPerPixel);
    return plus(this.focal, plus(right, scaled(this.view.up, (size[1] / 2 - y) * this.mmPerPixel)));
  }

  /** Index (z, y, x) of the voxel under a place of the picture; null beside the images. */
  voxelAt(at: readonly [number, number]): Vector | null {
    const off = minus(this.worldAt(at), cornerOf(this.grid, this.cut, this.slice()));
    const { row, column } = this.cut;
    const r = Math.round(dot(off, row.direction) / row.spacingMm);
    const c = Math.round(dot(off, column.direction) / column.spacingMm);
    return r < 0 || c < 0 || r >= row.count || c >= column.count ? null : voxelAt(this.cut, this.slice(), r, c);
  }

  /** The picture's own two axes of the array, for what is drawn in its plane. */
  get axes(): readonly [number, number] {
    return [this.cut.row.index, this.cut.column.index];
  }

  close(): void {
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
    this.panes.clear();
    this.painted.clear();
    this.lesions = null;
  }

  /** Draw with the next frame. */
  private invalidate(): void {
    if (this.frame === 0) this.frame = requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    this.frame = 0;
    if (!this.fitted) this.fit(this.focal);
    for (const { canvas, content } of this.panes.values()) this.drawPane(canvas, content);
    this.onPicture(this.picture());
  }

  private drawPane(canvas: HTMLCanvasElement, content: Content): void {
    const context = canvas.getContext('2d', { alpha: false });
    if (!context) return;
    const { width, height } = canvas;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = '#000';
    context.fillRect(0, 0, width, height);
    context.imageSmoothingEnabled = true;
    const place = this.placeOfSlice(canvas);
    const { row, column } = this.cut;
    const put = (volume: LoadedVolume) =>
      context.drawImage(this.slicePicture(volume), place.x, place.y, place.dx * column.count, place.dy * row.count);
    if (content.image) put(content.image);
    if (content.other) {
      context.save();
      context.clip(squares(width, height, SQUARE_PX * this.ratio(canvas)));
      put(content.other);
      context.restore();
    }
    if (content.lesions && content.image && this.look.shown) this.drawLesions(context, place, this.ratio(canvas));
  }

  private drawLesions(
    context: CanvasRenderingContext2D,
    { x, y, dx, dy }: { x: number; y: number; dx: number; dy: number },
    ratio: number,
  ): void {
    const { lesions } = this;
    if (!lesions) return;
    const { own, original } = this.contoursNow(lesions);
    context.lineCap = 'square';
    for (const [number, contour] of own) {
      const style = lesions.styles.get(number);
      if (!style) continue;
      if (this.look.filled && style.filled) {
        context.fillStyle = cssColour(style, FILL * this.look.opacity);
        context.fill(fillPath(contour, x, y, dx, dy));
      }
      context.lineWidth = 1.5 * ratio;
      context.setLineDash(style.dash.map((length) => length * ratio));
      context.strokeStyle = cssColour(style, this.look.opacity);
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

  private contoursNow(lesions: Lesions): { own: Map<number, Contour>; original: Map<number, Contour> } {
    const key = `${this.plane} ${this.slice()} ${this.drawings}`;
    if (this.contours?.key !== key) {
      const own = contoursOf(lesions.labels, this.cut, this.slice());
      const original = lesions.corrected.size ? contoursOf(lesions.original, this.cut, this.slice()) : new Map();
      this.contours = { key, own, original };
    }
    return this.contours;
  }

  /** The slice of a volume as a picture of its own size, painted anew only when it changed. */
  private slicePicture(volume: LoadedVolume): HTMLCanvasElement {
    const { row, column } = this.cut;
    let painted = this.painted.get(volume);
    if (!painted || painted.canvas.width !== column.count || painted.canvas.height !== row.count) {
      const canvas = Object.assign(document.createElement('canvas'), { width: column.count, height: row.count });
      const image = new ImageData(column.count, row.count);
      painted = { canvas, image, rgba: new Uint32Array(image.data.buffer), key: '' };
      this.painted.set(volume, painted);
    }
    const { header, pixels } = volume;
    const window = applied({ center: header.window_center, width: header.window_width }, this.change);
    const key = `${this.plane} ${this.slice()} ${window.center} ${window.width}`;
    if (painted.key !== key) {
      paintSlice(painted.rgba, pixels, this.cut, this.slice(), window);
      painted.canvas.getContext('2d', { alpha: false })?.putImageData(painted.image, 0, 0);
      painted.key = key;
    }
    return painted.canvas;
  }

  /** Where the slice lies on a canvas, in its own pixels: the upper left corner of its first voxel. */
  private placeOfSlice(canvas: HTMLCanvasElement): { x: number; y: number; dx: number; dy: number } {
    const ratio = this.ratio(canvas);
    const [x, y] = placeIn(this.picture(), cornerOf(this.grid, this.cut, this.slice()));
    const dx = (this.cut.column.spacingMm / this.mmPerPixel) * ratio;
    const dy = (this.cut.row.spacingMm / this.mmPerPixel) * ratio;
    return { x: x * ratio - dx / 2, y: y * ratio - dy / 2, dx, dy };
  }

  private ratio(canvas: HTMLCanvasElement): number {
    return canvas.clientWidth > 0 ? canvas.width / canvas.clientWidth : 1;
  }

  private slice(): number {
    return Math.round(sliceAlong(this.grid, this.view, this.focal).position);
  }

  /** From a point, straight through the picture, to the slice that is shown. */
  private depthOf(point: Vector): Vector {
    return scaled(this.view.normal, dot(minus(this.focal, point), this.view.normal));
  }

  private picture(): Picture {
    const canvas = this.panes.get('current')?.canvas;
    const size = [canvas?.clientWidth ?? 1, canvas?.clientHeight ?? 1] as const;
    return { view: this.view, focalPoint: this.focal, mmPerPixel: this.mmPerPixel, size, change: this.change };
  }

  /** Let the head fill the picture, in the slice that holds a point. */
  private fit(point: Vector): void {
    const { size } = this.picture();
    if (size[1] < 2) return;
    this.fitted = true;
    this.mmPerPixel = heightToFit(this.grid, this.head, this.view, size[0] / size[1]) / size[1];
    this.focal = middleOf(this.grid, this.head);
    this.jumpTo(point);
  }

  private resized(): void {
    const { size } = this.picture();
    // The same part of the head in a larger picture.
    if (this.fitted && this.height > 1 && size[1] > 1) this.mmPerPixel *= this.height / size[1];
    this.height = size[1];
    for (const { canvas } of this.panes.values()) {
      const width = Math.round(canvas.clientWidth * devicePixelRatio);
      const height = Math.round(canvas.clientHeight * devicePixelRatio);
      if (canvas.width !== width) canvas.width = width;
      if (canvas.height !== height) canvas.height = height;
    }
    // Not with the next frame: a canvas is blank as soon as its size changed.
    this.draw();
  }
}

function squares(width: number, height: number, side: number): Path2D {
  const path = new Path2D();
  for (let row = 0; row * side < height; row += 1) {
    for (let column = row % 2; column * side < width; column += 2) path.rect(column * side, row * side, side, side);
  }
  return path;
}
