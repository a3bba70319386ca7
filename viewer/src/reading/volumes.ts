/** The three volumes of a case: fetched whole, one request each, then checked against their headers. */
import { api, Failure, type ImageHeader, type ImageName } from '../client/api';
import { texts } from '../texts/en';

export type Pixels = Int16Array | Uint8Array;

export interface LoadedVolume {
  header: ImageHeader;
  pixels: Pixels;
}

export type Volumes = Record<ImageName, LoadedVolume>;

/** The bytes as numbers, exactly as many as the header promises. */
export function pixelsOf(header: ImageHeader, bytes: ArrayBuffer): Pixels {
  const voxels = header.shape.reduce((product, n) => product * n, 1);
  const size = header.pixel_type === 'uint8' ? 1 : header.pixel_type === 'int16' ? 2 : 0;
  if (size === 0 || bytes.byteLength !== voxels * size) throw new Failure(0, texts.images.failed);
  return size === 1 ? new Uint8Array(bytes) : new Int16Array(bytes);
}

async function load(caseId: string, name: ImageName, signal: AbortSignal): Promise<LoadedVolume> {
  const [header, bytes] = await Promise.all([
    api.imageHeader(caseId, name, signal),
    api.imagePixels(caseId, name, signal),
  ]);
  return { header, pixels: pixelsOf(header, bytes) };
}

/** Fetch all that the case page shows. */
export async function loadVolumes(caseId: string, signal: AbortSignal): Promise<Volumes> {
  const [current, prior, lesions] = await Promise.all([
    load(caseId, 'current', signal),
    load(caseId, 'prior', signal),
    load(caseId, 'lesions', signal),
  ]);
  return { current, prior, lesions };
}
