/** Which address shows which page. */

export type Route = { page: 'worklist' } | { page: 'case'; caseId: string } | { page: 'timeline'; caseId: string } | { page: 'operations' } | { page: 'scanner' } | { page: 'versions' } | { page: 'audit' } | { page: 'studies' };

export function parseRoute(path: string): Route {
  const parts = path.split('/').filter(Boolean);
  if (parts[0] === 'cases' && parts[1] && parts[2] === 'timeline') return { page: 'timeline', caseId: decodeURIComponent(parts[1]) };
  if (parts[0] === 'cases' && parts[1]) return { page: 'case', caseId: decodeURIComponent(parts[1]) };
  if (parts[0] === 'operations' || parts[0] === 'quarantine') return { page: 'operations' };
  if (parts[0] === 'scanner') return { page: 'scanner' };
  if (parts[0] === 'versions') return { page: 'versions' };
  if (parts[0] === 'audit') return { page: 'audit' };
  if (parts[0] === 'studies') return { page: 'studies' };
  return { page: 'worklist' };
}

export function pathOf(route: Route): string {
  if (route.page === 'case') return `/cases/${encodeURIComponent(route.caseId)}`;
  if (route.page === 'timeline') return `/cases/${encodeURIComponent(route.caseId)}/timeline`;
  return route.page === 'worklist' ? '/' : `/${route.page}`;
}
