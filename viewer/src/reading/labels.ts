/** The lesion map as the reader corrects it: the algorithm's own is never changed, a copy is. */
import type { OutlineMask } from '../client/api';
import { minus, vector, type Grid, type Vector } from './grid';
import type { Pixels } from './pixels';

/** Where a mask's voxels lie in a volume's array. */
export type Places = readonly number[];

/** A copy of a label map that can hold a number. */
export function roomFor(labels: Pixels, number: number): Pixels {
  return labels instanceof Uint8Array && number > 255 ? Int16Array.from(labels) : labels.slice();
}

/** The algorithm's map with outlines in place of its own. */
export function withOutlines(original: Pixels, outlines: ReadonlyMap<number, Places>): Pixels {
  if (outlines.size === 0) return original;
  const labels = roomFor(original, Math.max(...outlines.keys()));
  for (let i = 0; i < labels.length; i += 1) {
    const label = labels[i];
    if (label && outlines.has(label)) labels[i] = 0;
  }
  for (const [number, places] of outlines) for (const place of places) labels[place] = number;
  return labels;
}

/** Places of a lesion's voxels. */
export function placesOf(labels: Pixels, number: number): number[] {
  const places: number[] = [];
  for (let i = 0; i < labels.length; i += 1) if (labels[i] === number) places.push(i);
  return places;
}

/** Whether two masks, ascending as `placesOf` gives them, are the same. */
export const samePlaces = (a: Places, b: Places): boolean =>
  a.length === b.length && a.every((place, i) => place === b[i]);

function indexOf([, height, width]: Vector, place: number): Vector {
  const inSlice = place % (height * width);
  return [Math.floor(place / (height * width)), Math.floor(inSlice / width), inSlice % width];
}

const placeOf = ([, height, width]: Vector, [z, y, x]: Vector): number => (z * height + y) * width + x;

async function piped(bytes: Uint8Array<ArrayBuffer>, through: GenericTransformStream): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(through);
  return new Uint8Array(await new Response(stream as ReadableStream).arrayBuffer());
}

/** A mask as it travels: one bit per voxel of its box, compressed with zlib, in base64. */
export async function packed(grid: Grid, places: Places): Promise<OutlineMask> {
  const shape = vector(grid.shape);
  const indices = places.map((place) => indexOf(shape, place));
  const ends = [0, 1, 2].map((axis) => {
    const along = indices.map((index) => index[axis] ?? 0);
    return [along.reduce((a, b) => Math.min(a, b)), along.reduce((a, b) => Math.max(a, b))] as const;
  });
  const first = vector(ends.map(([low]) => low));
  const size = vector(ends.map(([low, high]) => high - low + 1));
  const bits = new Uint8Array(Math.ceil((size[0] * size[1] * size[2]) / 8));
  for (const index of indices) {
    const at = placeOf(size, minus(index, first));
    bits[at >> 3] = (bits[at >> 3] ?? 0) | (0x80 >> (at & 7));
  }
  const deflated = await piped(bits, new CompressionStream('deflate'));
  return {
    first: [...first],
    size: [...size],
    bits: btoa(deflated.reduce((text, byte) => text + String.fromCharCode(byte), '')),
  };
}

/** Places of a mask that came from the gateway, ascending. */
export async function unpacked(grid: Grid, mask: OutlineMask): Promise<number[]> {
  const shape = vector(grid.shape);
  const [first, size] = [vector(mask.first), vector(mask.size)];
  const bits = await piped(
    Uint8Array.from(atob(mask.bits), (letter) => letter.charCodeAt(0)),
    new DecompressionStream('deflate'),
  );
  const places: number[] = [];
  for (let at = 0; at < size[0] * size[1] * size[2]; at += 1) {
    if (!((bits[at >> 3] ?? 0) & (0x80 >> (at & 7)))) continue;
    const [z, y, x] = indexOf(size, at);
    places.push(placeOf(shape, [z + first[0], y + first[1], x + first[2]]));
  }
  return places.sort((a, b) => a - b);
}

/**
 * Paint or erase a lesion with a round brush in the plane of a slice.
 *
 * Answers whether anything changed. Other lesions' voxels stay theirs.
 */
export function dab(
  labels: Pixels,
  grid: Grid,
  number: number,
  at: { index: Vector; axes: readonly [number, number]; radiusMm: number; erase: boolean },
): boolean {
  const shape = vector(grid.shape);
  const [a, b] = at.axes;
  const spacing = vector(grid.spacing_mm);
  const reach = (axis: number) => Math.ceil(at.radiusMm / (spacing[axis] ?? 1));
  let changed = false;
  for (let i = -reach(a); i <= reach(a); i += 1) {
    for (let j = -reach(b); j <= reach(b); j += 1) {
      const offMm = Math.hypot(i * (spacing[a] ?? 1), j * (spacing[b] ?? 1));
      if (offMm > at.radiusMm && (i !== 0 || j !== 0)) continue;
      const index = [...at.index] as [number, number, number];
      index[a] = (index[a] ?? 0) + i;
      index[b] = (index[b] ?? 0) + j;
      if (index.some((value, axis) => value < 0 || value >= (shape[axis] ?? 0))) continue;
      const place = placeOf(shape, index);
      const here = labels[place];
      if (at.erase ? here !== number : here !== 0) continue;
      labels[place] = at.erase ? 0 : number;
      changed = true;
    }
  }
  return changed;
}

/** Volume of one voxel. */
export function voxelMm3(grid: Grid): number {
  const [z, y, x] = vector(grid.spacing_mm);
  return z * y * x;
}
