/** Cornerstone3D, started once for the life of the page: one engine with one WebGL context, whatever cases are opened. */
import { init as initCore, RenderingEngine, utilities, volumeLoader, type Types } from '@cornerstonejs/core';
import {
  addTool,
  init as initTools,
  PanTool,
  StackScrollTool,
  WindowLevelTool,
  ZoomTool,
} from '@cornerstonejs/tools';

import { indexToWorld, vector } from './grid';
import type { LoadedVolume } from './volumes';
import { dragged, rangeOf, windowOf, type IntensityRange } from './window';

interface WindowDrag extends IntensityRange {
  deltaPointsCanvas: Types.Point2;
}

/** Window by dragging, in proportion to the window itself: MR intensities have no unit. */
export class RelativeWindowTool extends WindowLevelTool {
  static override toolName = 'RelativeWindow';

  override getNewRange({ lower, upper, deltaPointsCanvas: [dx, dy] }: WindowDrag): IntensityRange {
    return rangeOf(dragged(windowOf({ lower, upper }), dx, dy));
  }
}

export const TOOLS = [RelativeWindowTool, PanTool, ZoomTool, StackScrollTool] as const;

let engine: RenderingEngine | null = null;

export function startedEngine(): RenderingEngine {
  if (engine) return engine;
  // Volume viewports all draw in the first context; more would only be kept waiting.
  initCore({ rendering: { webGlContextCount: 1 } } as Parameters<typeof initCore>[0]);
  initTools();
  for (const tool of TOOLS) addTool(tool);
  engine = new RenderingEngine('interval');
  return engine;
}

/**
 * Hand a volume's voxels to Cornerstone as they are.
 *
 * The id begins with `derived:`, so that Cornerstone asks no image loader for a window of its own.
 */
export function addVolume(volumeId: string, { header, pixels }: LoadedVolume, frame: string): void {
  const shape = vector(header.shape);
  const spacing = vector(header.spacing_mm);
  const bits = pixels.BYTES_PER_ELEMENT * 8;
  const orientation = header.directions.slice(0, 2).flat();
  const volume = volumeLoader.createLocalVolume(volumeId, {
    scalarData: pixels,
    dimensions: [shape[2], shape[1], shape[0]],
    spacing: [spacing[2], spacing[1], spacing[0]],
    origin: [...vector(header.origin_mm)],
    direction: header.directions.flat() as Types.Mat3,
    metadata: {
      BitsAllocated: bits,
      BitsStored: bits,
      SamplesPerPixel: 1,
      HighBit: bits - 1,
      PhotometricInterpretation: 'MONOCHROME2',
      PixelRepresentation: bits === 8 ? 0 : 1,
      Modality: 'MR',
      ImageOrientationPatient: orientation,
      PixelSpacing: [spacing[1], spacing[2]],
      FrameOfReferenceUID: frame,
      Columns: shape[2],
      Rows: shape[1],
      voiLut: [{ windowCenter: header.window_center, windowWidth: header.window_width }],
      VOILUTFunction: 'LINEAR',
    } as Types.Metadata,
  });
  // Cornerstone gives every slice of a local volume the first one's position.
  volume.imageIds.forEach((imageId, z) => {
    utilities.genericMetadataProvider.add(imageId, {
      type: 'imagePlaneModule',
      metadata: {
        frameOfReferenceUID: frame,
        rows: shape[1],
        columns: shape[2],
        imageOrientationPatient: orientation,
        rowCosines: orientation.slice(0, 3),
        columnCosines: orientation.slice(3),
        imagePositionPatient: [...indexToWorld(header, [z, 0, 0])],
        pixelSpacing: [spacing[1], spacing[2]],
        rowPixelSpacing: spacing[1],
        columnPixelSpacing: spacing[2],
      },
    });
  });
}
