/**
 * Where the reader looks: one plane, one place and one scale for all three pictures.
 *
 * The place is a point of the current study's frame of reference. Every image says where its voxels lie in that frame
 * (the gateway brings earlier studies there through the registrations), and shows its own slice nearest to the place.
 */
import { cornerOf, cutOf, type Cut } from './cut';
import { brightBox, heightToFit, middleOf, type Box } from './extent';
import { dot, minus, plus, rightOf, scaled, sliceAlong, viewOf, type Grid, type Plane, type Vector, type View } from './grid';
import { placeIn, type Picture } from './picture';
import type { LoadedVolume } from './volumes';
import { applied, dragged, relativeTo, UNCHANGED, type RelativeWindow } from './window';

/** Air is darker than the window's centre by this share of its width. */
const DARK = 0.4;
const NEAREST_MM = 0.02;
const FARTHEST_MM = 3;
/** A point this near to the edge of the picture, as a share of its size, is brought further in. */
const EDGE = 0.1;

/** The slice of an image that the pictures show: along the image's own axes. */
export interface Section {
  grid: Grid;
  view: View;
  cut: Cut;
  /** Beyond the first or last where the image does not reach. */
  slice: number;
}

export const reaches = ({ cut, slice }: Section): boolean => slice >= 0 && slice < cut.slice.count;

export class Camera {
  plane: Plane = 'axial';
  change: RelativeWindow = UNCHANGED;
  /** Images that the reader scrolls through, slice by slice. */
  main: Grid;
  private readonly reference: Grid;
  private readonly head: Box;
  private focal: Vector;
  private mmPerPixel = 1;
  /** Of each picture, in CSS pixels. */
  private size: readonly [number, number] = [1, 1];
  private fitted = false;

  constructor({ header, pixels }: LoadedVolume) {
    this.reference = header;
    this.main = header;
    this.head = brightBox(header, pixels, header.window_center - header.window_width * DARK);
    this.focal = middleOf(header, this.head);
  }

  section(grid: Grid): Section {
    const view = this.viewOf(grid);
    return { grid, view, cut: cutOf(grid, view), slice: Math.round(sliceAlong(grid, view, this.focal).position) };
  }

  get picture(): Picture {
    const { focal: focalPoint, mmPerPixel, size, change } = this;
    return { view: this.view, focalPoint, mmPerPixel, size, change };
  }

  setPlane(plane: Plane): void {
    this.plane = plane;
    this.fit(this.focal);
  }

  /** Bring a world position into all three pictures; they move sideways only when it would lie outside. */
  jumpTo(point: Vector): void {
    const { normal } = this.view;
    this.focal = plus(this.focal, scaled(normal, dot(minus(point, this.focal), normal)));
    this.scroll(0);
    const outside = placeIn(this.picture, point).some((at, axis) => {
      const length = this.size[axis] ?? 0;
      return at < length * EDGE || at > length * (1 - EDGE);
    });
    if (outside) this.focal = plus(point, scaled(normal, dot(minus(this.focal, point), normal)));
  }

  /** Go on by a number of slices, never beyond the first or last. */
  scroll(slices: number): void {
    const { count, spacingMm, position } = sliceAlong(this.main, this.view, this.focal);
    const next = Math.min(count - 1, Math.max(0, Math.round(position) + slices));
    this.focal = plus(this.focal, scaled(this.view.normal, (next - position) * spacingMm));
  }

  pan(dx: number, dy: number): void {
    const right = scaled(rightOf(this.view), -dx * this.mmPerPixel);
    this.focal = plus(this.focal, plus(right, scaled(this.view.up, dy * this.mmPerPixel)));
  }

  /** Enlarge, keeping a point where it is. */
  zoom(factor: number, fixed: Vector = this.focal): void {
    const next = Math.min(FARTHEST_MM, Math.max(NEAREST_MM, this.mmPerPixel / factor));
    this.focal = plus(fixed, scaled(minus(this.focal, fixed), next / this.mmPerPixel));
    this.mmPerPixel = next;
  }

  /** Change the window of all images alike, by a drag in pixels. */
  dragWindow(dx: number, dy: number): void {
    const unit = { center: 0, width: 1 };
    this.change = relativeTo(unit, dragged(applied(unit, this.change), dx, dy));
  }

  /** The middle of the head, filling the picture, with the images' own windows. */
  reset(): void {
    this.change = UNCHANGED;
    this.fit(middleOf(this.reference, this.head));
  }

  /** The world position under a place of an image's picture. */
  worldAt(grid: Grid, [x, y]: readonly [number, number]): Vector {
    const view = this.viewOf(grid);
    const right = scaled(rightOf(view), (x - this.size[0] / 2) * this.mmPerPixel);
    return plus(this.focal, plus(right, scaled(view.up, (this.size[1] / 2 - y) * this.mmPerPixel)));
  }

  /** The same, straight through the picture on the slice that it shows. */
  onSlice(grid: Grid, at: readonly [number, number]): Vector {
    const { view, cut, slice } = this.section(grid);
    const point = this.worldAt(grid, at);
    return plus(point, scaled(view.normal, dot(minus(cornerOf(grid, cut, slice), point), view.normal)));
  }

  /** The pictures' size changed, in CSS pixels: the same part of the head in larger or smaller ones. */
  resize(size: readonly [number, number]): void {
    const before = this.size[1];
    this.size = size;
    if (size[1] < 2) return;
    if (!this.fitted) this.fit(this.focal);
    else if (before > 1) this.mmPerPixel *= before / size[1];
  }

  private get view(): View {
    return this.viewOf(this.main);
  }

  private viewOf(grid: Grid): View {
    return viewOf(this.plane, grid.directions);
  }

  /** Let the head fill the picture, in the slice that holds a point. */
  private fit(point: Vector): void {
    const [width, height] = this.size;
    if (height < 2) return;
    this.fitted = true;
    this.mmPerPixel = heightToFit(this.reference, this.head, this.view, width / height) / height;
    this.focal = middleOf(this.reference, this.head);
    this.jumpTo(point);
  }
}
