/** What keys, buttons and the mouse do to the pictures. */
import type { ImageList } from '../client/api';
import { chooseOwn, nextRight, rolesOf, type Display, type Right } from './display';
import type { Drawing } from './drawing.svelte';
import type { Gestures, Place } from './gestures';
import { vector, type Grid, type Plane, type Vector } from './grid';
import type { Pixels } from './pixels';
import type { PaneName, Scene } from './scene';

/** What they act on. */
export interface Workplace {
  readonly scene: Scene | null;
  /** On which the lesions lie. */
  readonly grid: Grid | null;
  readonly list: ImageList | null;
  readonly display: Display;
  /** The lesion map with the reader's outlines. */
  readonly composed: Pixels | null;
  readonly alone: boolean;
  readonly nextNumber: number;
  readonly mayDraw: boolean;
  readonly drawn: Drawing;
  /** Bring the selected lesion into all pictures. */
  jump(): void;
  correct(): void;
  /** Move the linked cross-hair; answers where it stands. */
  cross(at?: Vector): Vector | null;
  /** A lesion was clicked. */
  pick(number: number): void;
}

export interface Controls {
  actions: Readonly<Record<string, () => void>>;
  gestures: (pane: PaneName) => Gestures;
  chooseRight: (right: Right) => void;
}

export function actionsOf(place: Workplace): Controls {
  function choosePlane(next: Plane) {
    const { display, scene } = place;
    display.plane = next;
    scene?.setPlane(next);
    const cross = place.cross();
    if (cross && display.crosshair) scene?.jumpTo(cross);
    else place.jump();
  }

  function chooseRight(right: Right) {
    place.display.right = right;
    if (right !== 'lesions') place.display.own = false;
  }

  function blink() {
    const { display } = place;
    display.blink = !display.blink;
    if (display.blink) display.own = false;
  }

  function nextSequence() {
    const roles = rolesOf(place.list);
    place.display.role = roles[(roles.indexOf(place.display.role) + 1) % roles.length] ?? 'FLAIR';
  }

  const actions: Record<string, () => void> = {
    axial: () => choosePlane('axial'),
    coronal: () => choosePlane('coronal'),
    sagittal: () => choosePlane('sagittal'),
    overlay: () => (place.display.look.shown = !place.display.look.shown),
    fill: () => (place.display.look.filled = !place.display.look.filled),
    blink,
    right: () => chooseRight(nextRight(place.display.right, place.alone)),
    sequence: nextSequence,
    own: () => chooseOwn(place.display, !place.display.own),
    crosshair: () => (place.display.crosshair = !place.display.crosshair),
    reset: () => place.scene?.reset(),
    sliceUp: () => place.scene?.scroll(-1),
    sliceDown: () => place.scene?.scroll(1),
    zoomIn: () => place.scene?.zoom(1.15),
    zoomOut: () => place.scene?.zoom(1 / 1.15),
    add: () => {
      if (place.mayDraw) place.drawn.adding = !place.drawn.adding;
    },
    edit: () => place.correct(),
    erase: () => {
      const { draft } = place.drawn;
      if (draft) draft.erase = !draft.erase;
    },
    smaller: () => place.drawn.draft?.resize(-1),
    larger: () => place.drawn.draft?.resize(1),
    keep: () => void place.drawn.keep(),
    cancel: () => place.drawn.cancel(),
  };

  /** A click on a lesion selects it; while one is added, it says where. */
  function click(at: Place, pane: PaneName) {
    const { grid, composed, drawn } = place;
    const index = place.scene?.voxelAt(at, pane);
    if (!grid || !index || !composed) return;
    if (drawn.adding) {
      drawn.begin(place.nextNumber, index);
      void drawn.grow(0.5);
    } else if (pane === 'lesions' || drawn.draft === null) {
      const [, height, width] = vector(grid.shape);
      const number = composed[(index[0] * height + index[1]) * width + index[2]];
      if (number) place.pick(number);
    }
  }

  const gestures = (pane: PaneName): Gestures => ({
    window: (dx, dy) => place.scene?.dragWindow(dx, dy),
    pan: (dx, dy) => place.scene?.pan(dx, dy),
    zoom: (factor, at) => place.scene?.zoom(factor, at, pane),
    scroll: (slices) => place.scene?.scroll(slices),
    hover: (at) => {
      if (place.display.crosshair && place.scene && at) place.cross(place.scene.worldAt(at, pane));
    },
    click: (at) => click(at, pane),
    drawing: () => place.drawn.draft !== null && pane !== 'prior',
    draw: (at) => {
      const { scene } = place;
      const { draft } = place.drawn;
      const index = scene?.voxelAt(at, pane);
      if (scene && draft && index && draft.stroke(index, scene.axes)) scene.redrawn();
    },
  });

  return { actions, gestures, chooseRight };
}
