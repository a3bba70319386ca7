/** Keeps the viewports together: the same place, direction, zoom and relative window in each. */
import { Enums, type Types } from '@cornerstonejs/core';

import { vector } from './grid';
import type { Picture } from './picture';
import { applied, rangeOf, relativeTo, UNCHANGED, windowOf, type RelativeWindow, type Window } from './window';

interface Linked {
  viewport: Types.IVolumeViewport;
  volumeId: string;
}

export class Link {
  private change: RelativeWindow = UNCHANGED;
  private quiet = 0;
  private readonly removers: (() => void)[] = [];

  constructor(
    private readonly members: readonly Linked[],
    private readonly standardWindow: (volumeId: string) => Window,
    private readonly onPicture: (picture: Picture) => void,
  ) {}

  start(): void {
    for (const member of this.members) {
      this.listen(member, Enums.Events.CAMERA_MODIFIED, () => this.shareCamera(member));
      this.listen(member, Enums.Events.VOI_MODIFIED, () => this.shareWindow(member));
    }
  }

  close(): void {
    for (const remove of this.removers) remove();
    this.removers.length = 0;
  }

  /** Do something to several viewports without each passing it on. */
  quietly(action: () => void): void {
    this.quiet += 1;
    try {
      action();
    } finally {
      this.quiet -= 1;
    }
  }

  /** Let the others follow one viewport. */
  share(source: string): void {
    const member = this.members.find(({ viewport }) => viewport.id.startsWith(`${source}:`));
    if (member) this.shareCamera(member);
  }

  setWindow(change: RelativeWindow): void {
    this.change = change;
    this.quietly(() => {
      for (const { viewport, volumeId } of this.members) {
        const voiRange = rangeOf(applied(this.standardWindow(volumeId), change));
        viewport.setProperties({ voiRange }, volumeId);
        viewport.render();
      }
    });
    this.publish();
  }

  private listen({ viewport }: Linked, event: string, handler: () => void): void {
    const { element } = viewport;
    const guarded = () => {
      if (this.quiet === 0) handler();
    };
    element.addEventListener(event, guarded);
    this.removers.push(() => element.removeEventListener(event, guarded));
  }

  private shareCamera(source: Linked): void {
    const { focalPoint, position, parallelScale, viewPlaneNormal, viewUp } = source.viewport.getCamera();
    if (!focalPoint || !position || parallelScale === undefined || !viewPlaneNormal || !viewUp) return;
    this.quietly(() => {
      for (const { viewport } of this.members) {
        if (viewport.id === source.viewport.id) continue;
        viewport.setCamera({ focalPoint, position, parallelScale, viewPlaneNormal, viewUp });
        viewport.render();
      }
    });
    this.publish();
  }

  private shareWindow({ viewport, volumeId }: Linked): void {
    const range = viewport.getProperties(volumeId)?.voiRange;
    if (range) this.setWindow(relativeTo(this.standardWindow(volumeId), windowOf(range)));
  }

  private publish(): void {
    const viewport = this.members[0]?.viewport;
    if (!viewport) return;
    const { focalPoint, viewPlaneNormal, viewUp, parallelScale } = viewport.getCamera();
    const { clientWidth: width, clientHeight: height } = viewport.element;
    if (!focalPoint || !viewPlaneNormal || !viewUp || !parallelScale || !height) return;
    this.onPicture({
      view: { normal: vector(viewPlaneNormal), up: vector(viewUp) },
      focalPoint: vector(focalPoint),
      mmPerPixel: (2 * parallelScale) / height,
      size: [width, height],
      change: this.change,
    });
  }
}
