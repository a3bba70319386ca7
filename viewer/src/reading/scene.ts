/**
 * The three linked pictures, drawn on 2D canvases.
 *
 * A picture is one slice of an array, cut along the image's own axes. See docs/adr/0010-own-slice-display.md for why no
 * imaging library draws them.
 */
import { Camera, reaches, type Section } from './camera';
import { cornerOf } from './cut';
import { worldToIndex, type Grid, type Plane, type Vector } from './grid';
import { Outlines, type Lesions, type Look, type Placed } from './outlines';
import { placeIn, type Picture } from './picture';
import { Slices } from './slices';
import type { LoadedVolume } from './volumes';

export type PaneName = 'prior' | 'current' | 'lesions';
export const PANES: readonly PaneName[] = ['prior', 'current', 'lesions'];

/** What a pane shows. */
export interface Content {
  image: LoadedVolume | null;
  /** Shown in every other square of a checkerboard. */
  other?: LoadedVolume | null;
  lesions?: boolean;
}

const SQUARE_PX = 40;

type Place = readonly [number, number];

interface Pane {
  canvas: HTMLCanvasElement;
  content: Content;
}

export class Scene {
  private readonly panes = new Map<PaneName, Pane>();
  private readonly slices = new Slices();
  private readonly observer = new ResizeObserver(() => this.resized());
  /** On which the lesions lie. */
  private readonly grid: Grid;
  private readonly camera: Camera;
  private readonly outlines: Outlines;
  private look: Look = { shown: true, filled: true, opacity: 1 };
  private frame = 0;

  constructor(
    first: LoadedVolume,
    private readonly onPicture: (picture: Picture) => void,
  ) {
    this.grid = first.header;
    this.camera = new Camera(first);
    this.outlines = new Outlines(this.grid);
  }

  attach(name: PaneName, canvas: HTMLCanvasElement): void {
    this.panes.set(name, { canvas, content: { image: null } });
    this.observer.observe(canvas);
  }

  /** The current pane's image is the one whose slices are scrolled through. */
  show(name: PaneName, content: Content): void {
    const pane = this.panes.get(name);
    if (pane) pane.content = content;
    if (name === 'current') this.camera.main = content.image?.header ?? this.grid;
    this.invalidate();
  }

  /** Let go of volumes that no pane shows any more. */
  forgetHidden(): void {
    this.slices.keepOnly(new Set([...this.panes.values()].flatMap(({ content }) => [content.image, content.other])));
  }

  setLesions(lesions: Lesions | null): void {
    this.outlines.set(lesions);
    this.invalidate();
  }

  /** The lesion map's voxels changed in place. */
  redrawn(): void {
    this.outlines.changed();
    this.invalidate();
  }

  setLook(look: Look): void {
    this.look = look;
    this.invalidate();
  }

  setPlane(plane: Plane): void {
    this.moved(() => this.camera.setPlane(plane));
  }

  jumpTo(point: Vector): void {
    this.moved(() => this.camera.jumpTo(point));
  }

  scroll(slices: number): void {
    this.moved(() => this.camera.scroll(slices));
  }

  pan(dx: number, dy: number): void {
    this.moved(() => this.camera.pan(dx, dy));
  }

  /** Enlarge, keeping what lies under a place of a pane's picture where it is. */
  zoom(factor: number, at?: Place, pane: PaneName = 'current'): void {
    this.moved(() => this.camera.zoom(factor, at && this.worldAt(at, pane)));
  }

  dragWindow(dx: number, dy: number): void {
    this.moved(() => this.camera.dragWindow(dx, dy));
  }

  reset(): void {
    this.moved(() => this.camera.reset());
  }

  worldAt(at: Place, pane: PaneName = 'current'): Vector {
    return this.camera.worldAt(this.gridOf(pane), at);
  }

  /** Index (z, y, x) of the lesion map's voxel under a place of a pane's picture; null beside the map. */
  voxelAt(at: Place, pane: PaneName = 'current'): Vector | null {
    const [z, y, x] = worldToIndex(this.grid, this.camera.onSlice(this.gridOf(pane), at));
    const index: Vector = [Math.round(z), Math.round(y), Math.round(x)];
    return index.every((value, axis) => value >= 0 && value < (this.grid.shape[axis] ?? 0)) ? index : null;
  }

  /** The picture's own two axes of the lesion map, for what is drawn in its plane. */
  get axes(): readonly [number, number] {
    const { row, column } = this.camera.section(this.grid).cut;
    return [row.index, column.index];
  }

  close(): void {
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
    this.panes.clear();
    this.slices.clear();
    this.outlines.set(null);
  }

  private gridOf(pane: PaneName): Grid {
    return this.panes.get(pane)?.content.image?.header ?? this.grid;
  }

  private moved(move: () => void): void {
    move();
    this.invalidate();
  }

  /** Draw with the next frame. */
  private invalidate(): void {
    if (this.frame === 0) this.frame = requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    this.frame = 0;
    for (const { canvas, content } of this.panes.values()) this.drawPane(canvas, content);
    this.onPicture(this.camera.picture);
  }

  private drawPane(canvas: HTMLCanvasElement, { image, other, lesions }: Content): void {
    const context = canvas.getContext('2d', { alpha: false });
    if (!context) return;
    const { width, height } = canvas;
    const ratio = canvas.clientWidth > 0 ? width / canvas.clientWidth : 1;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = '#000';
    context.fillRect(0, 0, width, height);
    context.imageSmoothingEnabled = true;
    if (image) this.drawSlice(context, image, ratio);
    if (other) {
      context.save();
      context.clip(squares(width, height, SQUARE_PX * ratio));
      this.drawSlice(context, other, ratio);
      context.restore();
    }
    if (!image || !lesions || !this.look.shown) return;
    const section = this.camera.section(image.header);
    if (reaches(section)) this.outlines.draw(context, section, this.look, this.placeOf(section, ratio), ratio);
  }

  private drawSlice(context: CanvasRenderingContext2D, volume: LoadedVolume, ratio: number): void {
    const section = this.camera.section(volume.header);
    if (!reaches(section)) return;
    const { row, column } = section.cut;
    const { x, y, dx, dy } = this.placeOf(section, ratio);
    const picture = this.slices.picture(volume, section, this.camera.change);
    context.drawImage(picture, x, y, dx * column.count, dy * row.count);
  }

  private placeOf({ grid, view, cut, slice }: Section, ratio: number): Placed {
    const picture = { ...this.camera.picture, view };
    const [x, y] = placeIn(picture, cornerOf(grid, cut, slice));
    const dx = (cut.column.spacingMm / picture.mmPerPixel) * ratio;
    const dy = (cut.row.spacingMm / picture.mmPerPixel) * ratio;
    return { x: x * ratio - dx / 2, y: y * ratio - dy / 2, dx, dy };
  }

  private resized(): void {
    const canvas = this.panes.get('current')?.canvas;
    if (canvas) this.camera.resize([canvas.clientWidth, canvas.clientHeight]);
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
