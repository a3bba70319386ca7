/** A volume's bytes as numbers. */
import { Failure } from '../client/failure';
import { texts } from '../texts';

export type Pixels = Int16Array | Uint8Array;

/** The part of an `ImageHeader` that says how many numbers there are, and of what kind. */
export interface Layout {
  shape: readonly number[];
  pixel_type: string;
}

/** The bytes as numbers, exactly as many as the header promises. */
export function pixelsOf(header: Layout, bytes: ArrayBuffer): Pixels {
  const voxels = header.shape.reduce((product, n) => product * n, 1);
  const size = header.pixel_type === 'uint8' ? 1 : header.pixel_type === 'int16' ? 2 : 0;
  if (size === 0 || bytes.byteLength !== voxels * size) throw new Failure(0, texts.images.failed);
  return size === 1 ? new Uint8Array(bytes) : new Int16Array(bytes);
}
