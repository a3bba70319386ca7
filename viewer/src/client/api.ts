/** The one way to the gateway: typed by its OpenAPI schema, with every failure as a `Failure`. */
import createClient from 'openapi-fetch';

import { Failure } from './failure';
import type { components, paths } from './schema';
import { texts } from '../texts/en';

export type Schemas = components['schemas'];

/** openapi-fetch answers JSON arrays as arrays of any length, whatever tuple the schema names. */
type Answered<T> = T extends readonly (infer E)[]
  ? Answered<E>[]
  : T extends object
    ? { [K in keyof T]: Answered<T[K]> }
    : T;

export type CaseDetail = Answered<Schemas['CaseDetail']>;
export type GrownRegion = Answered<Schemas['GrownRegion']>;
export type OutlineChange = Answered<Schemas['OutlineChange']>;
export type OutlineMask = Answered<Schemas['OutlineMask']>;
export type Outlines = Answered<Schemas['Outlines']>;
export type DrawnReview = Answered<Schemas['DrawnReview']>;
export type CaseSummary = Schemas['CaseSummary'];
export type CaseState = Schemas['CaseState'];
export type ImageHeader = Answered<Schemas['ImageHeader']>;
export type ImageLine = Schemas['ImageLine'];
export type ImageList = Schemas['ImageList'];
export type LesionLine = CaseDetail['lesions'][number];
export type Quarantine = Schemas['Quarantine'];
export type ReviewState = Schemas['ReviewState'];
export type SessionInfo = Schemas['SessionInfo'];
export type UploadResult = Schemas['UploadResult'];
export type Verdict = Schemas['Verdict'];
export type Acceptance = Schemas['Acceptance'];
export type Worklist = Schemas['Worklist'];

let csrfToken = '';
let onSignedOut: () => void = () => undefined;

/** Remember the token that every changing request carries. */
export function setCsrfToken(token: string): void {
  csrfToken = token;
}

/** Say what happens when the gateway no longer knows this session. */
export function whenSignedOut(handler: () => void): void {
  onSignedOut = handler;
}

const client = createClient<paths>({
  baseUrl: globalThis.location.origin,
  credentials: 'same-origin',
});
client.use({
  onRequest({ request }) {
    if (request.method !== 'GET' && csrfToken) request.headers.set('X-CSRF-Token', csrfToken);
    return request;
  },
});

function sentence(problem: unknown, status: number): string {
  if (typeof problem === 'object' && problem !== null && 'detail' in problem) {
    if (typeof problem.detail === 'string') return problem.detail;
  }
  return texts.failure(status);
}

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

async function answered<T>(request: Promise<Answer<T>>, ownSession = true): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await request;
  } catch {
    throw new Failure(0, texts.failure(0));
  }
  if (!answer.response.ok) {
    if (answer.response.status === 401 && ownSession) onSignedOut();
    throw new Failure(answer.response.status, sentence(answer.error, answer.response.status));
  }
  return answer.data as T;
}

const inCase = (caseId: string) => ({ path: { case_id: caseId } });

export const api = {
  signIn: (body: Schemas['Credentials']): Promise<SessionInfo> =>
    answered(client.POST('/api/session', { body }), false),
  session: (): Promise<SessionInfo> => answered(client.GET('/api/session'), false),
  signOut: (): Promise<unknown> => answered(client.DELETE('/api/session'), false),

  worklist: (signal?: AbortSignal): Promise<Worklist> =>
    answered(client.GET('/api/cases', signal ? { signal } : {})),
  detail: (caseId: string): Promise<CaseDetail> =>
    answered(client.GET('/api/cases/{case_id}', { params: inCase(caseId) })),
  retry: (caseId: string): Promise<CaseSummary> =>
    answered(client.POST('/api/cases/{case_id}/retry', { params: inCase(caseId) })),

  images: (caseId: string, signal: AbortSignal): Promise<ImageList> =>
    answered(client.GET('/api/cases/{case_id}/images', { params: inCase(caseId), signal })),
  imageHeader: (caseId: string, name: string, signal: AbortSignal): Promise<ImageHeader> =>
    answered(
      client.GET('/api/cases/{case_id}/images/{name}', {
        params: { path: { case_id: caseId, name } },
        signal,
      }),
    ),
  imagePixels: (caseId: string, name: string, signal: AbortSignal): Promise<ArrayBuffer> =>
    answered(
      client.GET('/api/cases/{case_id}/images/{name}/pixels', {
        params: { path: { case_id: caseId, name } },
        parseAs: 'arrayBuffer',
        signal,
      }),
    ),

  outlines: (caseId: string): Promise<Outlines> =>
    answered(client.GET('/api/cases/{case_id}/outlines', { params: inCase(caseId) })),
  growRegion: (caseId: string, body: Schemas['GrowRequest']): Promise<GrownRegion> =>
    answered(client.POST('/api/cases/{case_id}/region', { params: inCase(caseId), body })),
  setOutline: (caseId: string, number: number, body: OutlineChange): Promise<DrawnReview> =>
    answered(
      client.PUT('/api/cases/{case_id}/lesions/{number}/outline', {
        params: { path: { case_id: caseId, number } },
        // The schema's tuples of three are arrays here, as the gateway answered them.
        body: body as Schemas['OutlineChange'],
      }),
    ),
  takeOutlineBack: (caseId: string, number: number, edit: number): Promise<DrawnReview> =>
    answered(
      client.DELETE('/api/cases/{case_id}/lesions/{number}/outline', {
        params: { path: { case_id: caseId, number }, query: { edit } },
      }),
    ),

  setVerdict: (caseId: string, number: number, body: Schemas['VerdictChange']): Promise<ReviewState> =>
    answered(
      client.PUT('/api/cases/{case_id}/lesions/{number}/verdict', {
        params: { path: { case_id: caseId, number } },
        body,
      }),
    ),
  setAssessment: (caseId: string, body: Schemas['AssessmentChange']): Promise<ReviewState> =>
    answered(client.PUT('/api/cases/{case_id}/assessment', { params: inCase(caseId), body })),
  sign: (caseId: string, body: Schemas['Signature']): Promise<CaseDetail> =>
    answered(client.POST('/api/cases/{case_id}/signature', { params: inCase(caseId), body })),

  quarantine: (): Promise<Quarantine> => answered(client.GET('/api/quarantine')),
  upload: (files: readonly File[]): Promise<UploadResult> => {
    const form = new FormData();
    for (const file of files) form.append('files', file);
    return answered(
      client.POST('/api/uploads', {
        // The generated type says string for a binary part; the form carries the files themselves.
        body: { files: [] },
        bodySerializer: () => form,
      }),
    );
  },
};
