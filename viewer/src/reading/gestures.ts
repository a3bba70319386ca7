/** What the mouse does on a picture. */

export type Place = readonly [number, number];

export interface Gestures {
  window(dx: number, dy: number): void;
  pan(dx: number, dy: number): void;
  zoom(factor: number, at: Place): void;
  scroll(slices: number): void;
  hover(at: Place | null): void;
  click(at: Place): void;
  /** Whether the left button draws now. */
  drawing(): boolean;
  draw(at: Place): void;
}

type Drag = 'window' | 'pan' | 'zoom' | 'draw';

const CLICK_PX = 4;
const NOTCH_PX = 50;
const ZOOM_PX = 200;

/** Listen on a pane; answers how to stop. */
export function listen(pane: HTMLElement, gestures: Gestures): () => void {
  let drag: { kind: Drag; from: Place; last: Place; moved: boolean } | null = null;
  let turned = 0;

  const placeOf = (event: MouseEvent): Place => {
    const box = pane.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  const kindOf = (event: PointerEvent): Drag => {
    if (event.button === 1 || event.shiftKey) return 'pan';
    if (event.button === 2 || event.ctrlKey) return 'zoom';
    return gestures.drawing() ? 'draw' : 'window';
  };

  const down = (event: PointerEvent) => {
    event.preventDefault();
    pane.setPointerCapture(event.pointerId);
    const at = placeOf(event);
    drag = { kind: kindOf(event), from: at, last: at, moved: false };
    if (drag.kind === 'draw') gestures.draw(at);
  };

  const move = (event: PointerEvent) => {
    const at = placeOf(event);
    gestures.hover(at);
    if (!drag) return;
    const [dx, dy] = [at[0] - drag.last[0], at[1] - drag.last[1]];
    drag.moved ||= Math.hypot(at[0] - drag.from[0], at[1] - drag.from[1]) > CLICK_PX;
    if (drag.kind === 'draw') line(drag.last, at, gestures.draw);
    else if (!drag.moved) return;
    else if (drag.kind === 'window') gestures.window(dx, dy);
    else if (drag.kind === 'pan') gestures.pan(dx, dy);
    else gestures.zoom(Math.exp(-dy / ZOOM_PX), drag.from);
    drag.last = at;
  };

  const up = (event: PointerEvent) => {
    if (drag?.kind === 'window' && !drag.moved) gestures.click(placeOf(event));
    // The last move may never have been told.
    if (drag?.kind === 'draw') line(drag.last, placeOf(event), gestures.draw);
    drag = null;
  };

  const wheel = (event: WheelEvent) => {
    event.preventDefault();
    if (event.ctrlKey) {
      gestures.zoom(Math.exp(-event.deltaY / ZOOM_PX), placeOf(event));
      return;
    }
    // A mouse's notch is one slice; a touchpad sends many small steps.
    turned += event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : Math.sign(event.deltaY) * NOTCH_PX;
    const slices = Math.abs(turned) >= NOTCH_PX ? Math.sign(turned) : 0;
    if (slices !== 0) {
      turned = 0;
      gestures.scroll(slices);
    }
  };

  const leave = () => gestures.hover(null);
  const noMenu = (event: Event) => event.preventDefault();

  pane.addEventListener('pointerdown', down);
  pane.addEventListener('pointermove', move);
  pane.addEventListener('pointerup', up);
  pane.addEventListener('pointercancel', up);
  pane.addEventListener('pointerleave', leave);
  pane.addEventListener('wheel', wheel, { passive: false });
  pane.addEventListener('contextmenu', noMenu);
  return () => {
    pane.removeEventListener('pointerdown', down);
    pane.removeEventListener('pointermove', move);
    pane.removeEventListener('pointerup', up);
    pane.removeEventListener('pointercancel', up);
    pane.removeEventListener('pointerleave', leave);
    pane.removeEventListener('wheel', wheel);
    pane.removeEventListener('contextmenu', noMenu);
  };
}

/** A fast hand's events lie far apart: the places between them belong to the stroke too. */
function line(from: Place, to: Place, draw: (at: Place) => void): void {
  const steps = Math.max(1, Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) / 3));
  for (let i = 1; i <= steps; i += 1) {
    draw([from[0] + ((to[0] - from[0]) * i) / steps, from[1] + ((to[1] - from[1]) * i) / steps]);
  }
}
