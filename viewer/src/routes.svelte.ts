/** The address bar as state: which page is open. */

export type Route = { page: 'worklist' } | { page: 'case'; caseId: string } | { page: 'quarantine' };

export function parseRoute(path: string): Route {
  const parts = path.split('/').filter(Boolean);
  if (parts[0] === 'cases' && parts[1]) return { page: 'case', caseId: decodeURIComponent(parts[1]) };
  if (parts[0] === 'quarantine') return { page: 'quarantine' };
  return { page: 'worklist' };
}

export function pathOf(route: Route): string {
  if (route.page === 'case') return `/cases/${encodeURIComponent(route.caseId)}`;
  return route.page === 'quarantine' ? '/quarantine' : '/';
}

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
