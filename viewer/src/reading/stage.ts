/**
 * The three linked viewports, drawn by Cornerstone3D.
 *
 * All volumes lie on the current study's grid, so they are linked by world position. Only this file, `cornerstone.ts`
 * and `link.ts` know the library; they are loaded with the case page's images and not before.
 */
import { cache, Enums, utilities, type RenderingEngine, type Types } from '@cornerstonejs/core';
import {
  Enums as ToolEnums,
  PanTool,
  segmentation,
  StackScrollTool,
  ToolGroupManager,
  ZoomTool,
} from '@cornerstonejs/tools';

import type { ImageName } from '../client/api';
import type { Colour } from './colours';
import { addVolume, RelativeWindowTool, startedEngine, TOOLS } from './cornerstone';
import { brightBox, heightToFit, middleOf, type Box } from './extent';
import { dot, minus, plus, scaled, sliceAlong, vector, viewOf, type Plane, type Vector, type View } from './grid';
import { Link } from './link';
import type { Picture } from './picture';
import type { Volumes } from './volumes';
import { UNCHANGED } from './window';

export type PaneName = 'prior' | 'current' | 'lesions';
export const PANES: readonly PaneName[] = ['prior', 'current', 'lesions'];

/** Air is darker than the window's centre by this share of its width. */
const DARK = 0.4;

export class Stage {
  private readonly engine: RenderingEngine;
  private readonly key: string;
  private readonly link: Link;
  private readonly observer: ResizeObserver;
  private readonly head: Box;
  private plane: Plane = 'axial';
  private overlayShown = true;

  private constructor(
    private readonly volumes: Volumes,
    private readonly elements: Record<PaneName, HTMLDivElement>,
    caseId: string,
    onPicture: (picture: Picture) => void,
  ) {
    this.key = `${caseId}:${Date.now()}`;
    const { header, pixels } = volumes.current;
    this.head = brightBox(header, pixels, header.window_center - header.window_width * DARK);
    this.engine = startedEngine();
    for (const pane of PANES) {
      this.engine.enableElement({
        viewportId: this.viewportId(pane),
        type: Enums.ViewportType.ORTHOGRAPHIC,
        element: elements[pane],
        defaultOptions: { background: [0, 0, 0], orientation: this.orientation() },
      });
    }
    this.link = new Link(
      PANES.map((pane) => ({ viewport: this.viewport(pane), volumeId: this.volumeId(imageOf(pane)) })),
      (volumeId) => this.standardWindow(volumeId),
      onPicture,
    );
    this.observer = new ResizeObserver(() => this.resize());
  }

  /** Show a case's volumes in three elements. Rejects when the browser can't draw them. */
  static async open(
    caseId: string,
    volumes: Volumes,
    elements: Record<PaneName, HTMLDivElement>,
    colours: ReadonlyMap<number, Colour>,
    onPicture: (picture: Picture) => void,
  ): Promise<Stage> {
    const stage = new Stage(volumes, elements, caseId, onPicture);
    try {
      await stage.fill(colours);
    } catch (error) {
      stage.close();
      throw error;
    }
    return stage;
  }

  setPlane(plane: Plane): void {
    this.plane = plane;
    const { focalPoint } = this.viewport('current').getCamera();
    this.link.quietly(() => {
      for (const pane of PANES) this.viewport(pane).setOrientation(this.orientation(), false);
    });
    this.fit();
    if (focalPoint) this.jumpTo(vector(focalPoint));
  }

  /** Bring a world position into all three pictures; they move sideways only when it would lie outside. */
  jumpTo(point: Vector): void {
    this.showSliceThrough(point);
    const viewport = this.viewport('current');
    const [x, y] = viewport.worldToCanvas([...point]);
    const { clientWidth: width, clientHeight: height } = viewport.element;
    const margin = 0.1;
    const inside = (value: number, size: number) => value > size * margin && value < size * (1 - margin);
    if (inside(x, width) && inside(y, height)) return;
    this.moveCamera(minus(point, this.focalPoint()));
  }

  /** Go on by a number of slices, never beyond the first or last. */
  scroll(slices: number): void {
    const view = this.view();
    const { count, spacingMm, position } = sliceAlong(this.volumes.current.header, view, this.focalPoint());
    const next = Math.min(count - 1, Math.max(0, Math.round(position) + slices));
    this.moveCamera(scaled(view.normal, (next - position) * spacingMm));
  }

  zoom(factor: number): void {
    const viewport = this.viewport('current');
    viewport.setZoom(viewport.getZoom() * factor);
    viewport.render();
  }

  /** The middle of the head, filling the picture, with the images' own windows. */
  reset(): void {
    this.fit();
    this.link.setWindow(UNCHANGED);
  }

  setColours(colours: ReadonlyMap<number, Colour>): void {
    for (const [number, colour] of colours) {
      segmentation.config.color.setSegmentIndexColor(
        this.viewportId('lesions'),
        this.segmentationId(),
        number,
        colour,
      );
    }
    this.viewport('lesions').render();
  }

  showOverlay(shown: boolean): void {
    this.overlayShown = shown;
    segmentation.config.visibility.setSegmentationRepresentationVisibility(
      this.viewportId('lesions'),
      { segmentationId: this.segmentationId(), type: ToolEnums.SegmentationRepresentations.Labelmap },
      this.overlayShown,
    );
  }

  setFill(filled: boolean): void {
    segmentation.config.style.setStyle(
      { type: ToolEnums.SegmentationRepresentations.Labelmap, segmentationId: this.segmentationId() },
      lesionStyle(filled),
    );
    segmentation.triggerSegmentationEvents.triggerSegmentationModified(this.segmentationId());
    this.viewport('lesions').render();
  }

  close(): void {
    this.observer.disconnect();
    this.link.close();
    ToolGroupManager.destroyToolGroup(this.toolGroupId());
    segmentation.removeAllSegmentationRepresentations();
    segmentation.removeSegmentation(this.segmentationId());
    for (const pane of PANES) this.engine.disableElement(this.viewportId(pane));
    cache.purgeCache();
    utilities.genericMetadataProvider.clear();
  }

  private async fill(colours: ReadonlyMap<number, Colour>): Promise<void> {
    const frame = `frame:${this.key}`;
    for (const name of ['current', 'prior', 'lesions'] as const) {
      addVolume(this.volumeId(name), this.volumes[name], frame);
    }
    for (const pane of PANES) {
      await this.viewport(pane).setVolumes([{ volumeId: this.volumeId(imageOf(pane)) }]);
    }
    this.bindTools();
    await this.addLesions(colours);
    this.link.start();
    this.reset();
    for (const pane of PANES) this.observer.observe(this.elements[pane]);
  }

  private bindTools(): void {
    const group = ToolGroupManager.createToolGroup(this.toolGroupId());
    if (!group) throw new Error('the tool group exists already');
    for (const tool of TOOLS) group.addTool(tool.toolName);
    for (const pane of PANES) group.addViewport(this.viewportId(pane), this.engine.id);
    const { Primary, Auxiliary, Secondary, Wheel } = ToolEnums.MouseBindings;
    const { Shift, Ctrl } = ToolEnums.KeyboardBindings;
    group.setToolActive(RelativeWindowTool.toolName, { bindings: [{ mouseButton: Primary }] });
    group.setToolActive(PanTool.toolName, {
      bindings: [{ mouseButton: Auxiliary }, { mouseButton: Primary, modifierKey: Shift }],
    });
    group.setToolActive(ZoomTool.toolName, {
      bindings: [{ mouseButton: Secondary }, { mouseButton: Primary, modifierKey: Ctrl }],
    });
    group.setToolActive(StackScrollTool.toolName, { bindings: [{ mouseButton: Wheel }] });
  }

  private async addLesions(colours: ReadonlyMap<number, Colour>): Promise<void> {
    const segmentationId = this.segmentationId();
    const type = ToolEnums.SegmentationRepresentations.Labelmap;
    const segments = Object.fromEntries([...colours.keys()].map((number) => [number, { segmentIndex: number }]));
    segmentation.addSegmentations([
      {
        segmentationId,
        representation: { type, data: { volumeId: this.volumeId('lesions') } },
        // Only segments that are named here can be hidden.
        config: { segments },
      },
    ]);
    segmentation.config.style.setStyle({ type, segmentationId }, lesionStyle(true));
    await segmentation.addLabelmapRepresentationToViewport(this.viewportId('lesions'), [{ segmentationId }]);
    this.setColours(colours);
  }

  private showSliceThrough(point: Vector): void {
    const { normal } = this.view();
    this.moveCamera(scaled(normal, dot(minus(point, this.focalPoint()), normal)));
    this.scroll(0);
  }

  private fit(): void {
    const { header } = this.volumes.current;
    const viewport = this.viewport('current');
    const { clientWidth, clientHeight } = viewport.element;
    if (clientHeight === 0) return;
    const height = heightToFit(header, this.head, this.view(), clientWidth / clientHeight);
    viewport.setCamera({ parallelScale: height / 2 });
    this.moveCamera(minus(middleOf(header, this.head), this.focalPoint()));
    this.scroll(0);
  }

  private moveCamera(by: Vector): void {
    const viewport = this.viewport('current');
    const { focalPoint, position } = viewport.getCamera();
    viewport.setCamera({
      focalPoint: [...plus(vector(focalPoint), by)],
      position: [...plus(vector(position), by)],
    });
    viewport.render();
  }

  private resize(): void {
    this.link.quietly(() => this.engine.resize(true, true));
    this.link.share('current');
  }

  private focalPoint(): Vector {
    return vector(this.viewport('current').getCamera().focalPoint);
  }

  private view(): View {
    return viewOf(this.plane, this.volumes.current.header.directions);
  }

  private orientation(): Types.OrientationVectors {
    const { normal, up } = this.view();
    return { viewPlaneNormal: [...normal], viewUp: [...up] };
  }

  private standardWindow(volumeId: string): { center: number; width: number } {
    const name = volumeId === this.volumeId('prior') ? 'prior' : 'current';
    const { header } = this.volumes[name];
    return { center: header.window_center, width: header.window_width };
  }

  private viewport(pane: PaneName): Types.IVolumeViewport {
    return this.engine.getViewport(this.viewportId(pane)) as Types.IVolumeViewport;
  }

  private viewportId = (pane: PaneName): string => `${pane}:${this.key}`;
  private volumeId = (name: ImageName): string => `derived:${name}:${this.key}`;
  private segmentationId = (): string => `lesions:${this.key}`;
  private toolGroupId = (): string => `tools:${this.key}`;
}

const imageOf = (pane: PaneName): 'prior' | 'current' => (pane === 'prior' ? 'prior' : 'current');

function lesionStyle(filled: boolean) {
  return {
    renderOutline: true,
    outlineWidth: 2,
    outlineOpacity: 1,
    activeSegmentOutlineWidthDelta: 0,
    renderFill: filled,
    fillAlpha: 0.35,
  };
}

