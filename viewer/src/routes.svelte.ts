/** The address bar as state: which page is open. */

import { parseRoute, pathOf, type Route } from './paths';

class Location {
  route = $state<Route>({ page: 'worklist' });

  start(): void {
    const read = () => (this.route = parseRoute(window.location.pathname));
    read();
    window.addEventListener('popstate', read);
  }

  go(route: Route): void {
    window.history.pushState(null, '', pathOf(route));
    this.route = route;
  }

  /** A click on a link, unless the reader wants a new tab or window. */
  follow(event: MouseEvent, route: Route): void {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.go(route);
  }
}

export const location = new Location();
