/** Slices as pictures of their own size, painted anew only when they changed. */
import type { Section } from './camera';
import { paintSlice } from './paint';
import type { LoadedVolume } from './volumes';
import { applied, type RelativeWindow } from './window';

interface Painted {
  canvas: HTMLCanvasElement;
  image: ImageData;
  rgba: Uint32Array;
  key: string;
}

export class Slices {
  private readonly painted = new Map<LoadedVolume, Painted>();

  picture(volume: LoadedVolume, { cut, slice }: Section, change: RelativeWindow): HTMLCanvasElement {
    const { row, column } = cut;
    let painted = this.painted.get(volume);
    if (!painted || painted.canvas.width !== column.count || painted.canvas.height !== row.count) {
      const canvas = Object.assign(document.createElement('canvas'), { width: column.count, height: row.count });
      const image = new ImageData(column.count, row.count);
      painted = { canvas, image, rgba: new Uint32Array(image.data.buffer), key: '' };
      this.painted.set(volume, painted);
    }
    const { header, pixels } = volume;
    const window = applied({ center: header.window_center, width: header.window_width }, change);
    const key = `${cut.slice.index} ${slice} ${window.center} ${window.width}`;
    if (painted.key !== key) {
      paintSlice(painted.rgba, pixels, cut, slice, window);
      painted.canvas.getContext('2d', { alpha: false })?.putImageData(painted.image, 0, 0);
      painted.key = key;
    }
    return painted.canvas;
  }

  /** Let go of volumes that are not shown any more. */
  keepOnly(shown: ReadonlySet<LoadedVolume | null | undefined>): void {
    for (const volume of this.painted.keys()) if (!shown.has(volume)) this.painted.delete(volume);
  }

  clear(): void {
    this.painted.clear();
  }
}
