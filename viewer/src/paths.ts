/** Which address shows which page. */

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
