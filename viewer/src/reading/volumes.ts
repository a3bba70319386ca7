/** The three volumes of a case: fetched whole, one request each, then checked against their headers. */
import { api, type ImageHeader, type ImageName } from '../client/api';
import { pixelsOf, type Pixels } from './pixels';

export interface LoadedVolume {
  header: ImageHeader;
  pixels: Pixels;
}

export type Volumes = Record<ImageName, LoadedVolume>;

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
