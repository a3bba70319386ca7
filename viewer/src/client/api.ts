/** The one way to the gateway: typed by its OpenAPI schema, with every failure as a `Failure`. */
import createClient from 'openapi-fetch';

import { Failure } from './failure';
import { personActive } from './presence';
import type { components, paths } from './schema';
import { texts } from '../texts';
import { said, sentences } from '../texts/said';

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
export type Explanation = Schemas['Explanation'];
export type ImageHeader = Answered<Schemas['ImageHeader']>;
export type ImageLine = Schemas['ImageLine'];
export type ImageList = Schemas['ImageList'];
export type Tumour = NonNullable<CaseDetail['tumour']>;
export type TumourPart = Tumour['parts'][number];
export type LesionLine = CaseDetail['lesions'][number];
export type ChartLine = Schemas['ChartLine'];
export type Monitoring = Schemas['Monitoring'];
export type Quarantine = Schemas['Quarantine'];
export type QuarantineLine = Schemas['QuarantineLine'];
export type VersionStanding = Schemas['VersionStanding'];
export type WaitingResult = Schemas['WaitingResult'];
export type VersionStandings = Schemas['VersionStandings'];
export type ReviewState = Answered<Schemas['ReviewState']>;
export type SessionInfo = Schemas['SessionInfo'];
export type UploadResult = Schemas['UploadResult'];
export type AuditPage = Schemas['AuditPage'];
export type AuditVerification = Schemas['AuditVerification'];
export type Reading = Schemas['Reading'];
export type TumourReading = Schemas['TumourReading'];
export type GrowthView = Schemas['GrowthView'];
export type FollowUp = NonNullable<CaseDetail['follow_up']>;
export type ReportState = Schemas['ReportState'];
export type SignInWays = Schemas['SignInWays'];
export type NextReading = Schemas['NextReading'];
export type StudyLine = Schemas['StudyLine'];
export type StudyResults = Schemas['StudyResultsView'];
export type TimelineView = Answered<Schemas['TimelineView']>;
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

export const client = createClient<paths>({
  baseUrl: globalThis.location.origin,
  credentials: 'same-origin',
});
client.use({
  onRequest({ request }) {
    if (request.method !== 'GET' && csrfToken) request.headers.set('X-CSRF-Token', csrfToken);
    if (personActive()) request.headers.set('X-Person-Active', '1');
    return request;
  },
});

function sentence(problem: unknown, status: number): string {
  if (typeof problem === 'object' && problem !== null && 'detail' in problem) {
    if (typeof problem.detail === 'string') return said(problem.detail);
  }
  return texts.failure(status);
}

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** What the gateway answered, or a `Failure`. */
export async function answered<T>(request: Promise<Answer<T>>, ownSession = true): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await request;
  } catch {
    throw new Failure(0, texts.failure(0));
  }
  if (!answer.response.ok) {
    if (answer.response.status === 401 && ownSession) onSignedOut();
    await sentences();
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

  signInWays: (): Promise<SignInWays> => answered(client.GET('/api/session/ways'), false),

  worklist: (options: { older?: boolean; superseded?: boolean } = {}): Promise<Worklist> =>
    answered(client.GET('/api/cases', { params: { query: options } })),
  detail: (caseId: string): Promise<CaseDetail> =>
    answered(client.GET('/api/cases/{case_id}', { params: inCase(caseId) })),
  identity: (caseId: string): Promise<Schemas['Patient']> =>
    answered(client.POST('/api/cases/{case_id}/identity', { params: inCase(caseId) })),
  timeline: (caseId: string): Promise<TimelineView> =>
    answered(client.GET('/api/cases/{case_id}/timeline', { params: inCase(caseId) })),
  explanation: (caseId: string): Promise<Explanation> =>
    answered(client.GET('/api/cases/{case_id}/explanation', { params: inCase(caseId) })),
  retry: (caseId: string): Promise<CaseSummary> =>
    answered(client.POST('/api/cases/{case_id}/retry', { params: inCase(caseId) })),

  versions: (): Promise<VersionStandings> => answered(client.GET('/api/releases')),
  monitoring: (): Promise<Monitoring> => answered(client.GET('/api/releases/monitoring')),
  toRate: (): Promise<Schemas['ToRate']> => answered(client.GET('/api/releases/to-rate')),
  rateResult: (caseId: string, jobId: string, body: Schemas['BlindRating']): Promise<Schemas['ToRate']> =>
    answered(
      client.POST('/api/releases/to-rate/{case_id}/{job_id}', {
        params: { path: { case_id: caseId, job_id: jobId } },
        body,
      }),
    ),
  permitVersion: (pipeline: string, version: string, reason: string): Promise<VersionStandings> =>
    answered(
      client.PUT('/api/releases/{pipeline}/{version}/permit', {
        params: { path: { pipeline, version } },
        body: { reason },
      }),
    ),
  withdrawPermit: (pipeline: string, version: string): Promise<VersionStandings> =>
    answered(client.DELETE('/api/releases/{pipeline}/{version}/permit', { params: { path: { pipeline, version } } })),

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
  report: (caseId: string): Promise<ReportState> =>
    answered(client.GET('/api/cases/{case_id}/report', { params: inCase(caseId) })),
  setReport: (caseId: string, body: Schemas['ReportChange']): Promise<ReviewState> =>
    answered(client.PUT('/api/cases/{case_id}/report', { params: inCase(caseId), body })),
  growth: (caseId: string): Promise<GrowthView> =>
    answered(client.GET('/api/cases/{case_id}/growth', { params: inCase(caseId) })),
  readByEye: (caseId: string, body: Schemas['EyeReading']): Promise<CaseDetail> =>
    answered(client.PUT('/api/cases/{case_id}/eye-reading', { params: inCase(caseId), body })),
  readWithVolumes: (caseId: string, body: Schemas['VolumeReading']): Promise<ReviewState> =>
    answered(client.PUT('/api/cases/{case_id}/volume-reading', { params: inCase(caseId), body })),
  readBlind: (caseId: string, body: Schemas['BlindReading']): Promise<CaseDetail> =>
    answered(client.PUT('/api/cases/{case_id}/blind-reading', { params: inCase(caseId), body })),
  setConsensus: (caseId: string, body: Schemas['Consensus']): Promise<ReviewState> =>
    answered(client.PUT('/api/cases/{case_id}/consensus', { params: inCase(caseId), body })),
  reopen: (caseId: string, body: Schemas['Reopening']): Promise<CaseDetail> =>
    answered(client.POST('/api/cases/{case_id}/reopening', { params: inCase(caseId), body })),
  sign: (caseId: string, body: Schemas['Signature']): Promise<CaseDetail> =>
    answered(client.POST('/api/cases/{case_id}/signature', { params: inCase(caseId), body })),

  studies: (): Promise<Schemas['StudyList']> => answered(client.GET('/api/studies')),
  openStudy: (body: Schemas['NewStudy']): Promise<StudyLine> => answered(client.POST('/api/studies', { body })),
  nextReading: (studyId: string): Promise<NextReading> =>
    answered(client.POST('/api/studies/{study_id}/next', { params: { path: { study_id: studyId } } })),
  readingShown: async (readingId: number): Promise<void> => {
    await answered(client.POST('/api/studies/readings/{reading_id}/shown', { params: { path: { reading_id: readingId } } }));
  },
  signReading: async (readingId: number, body: Schemas['ReadingSignature']): Promise<void> => {
    await answered(
      client.POST('/api/studies/readings/{reading_id}/signature', { params: { path: { reading_id: readingId } }, body }),
    );
  },
  answerSurvey: async (
    studyId: string,
    moment: Schemas['SurveyMoment'],
    body: Schemas['SurveyAnswers'],
  ): Promise<void> => {
    await answered(
      client.PUT('/api/studies/{study_id}/survey/{moment}', { params: { path: { study_id: studyId, moment } }, body }),
    );
  },
  studyResults: (studyId: string): Promise<StudyResults> =>
    answered(client.GET('/api/studies/{study_id}/results', { params: { path: { study_id: studyId } } })),

  audit: (query: { actor?: string; case_id?: string; pseudonym?: string; before?: number }): Promise<AuditPage> =>
    answered(client.GET('/api/audit', { params: { query } })),
  verifyAudit: (): Promise<AuditVerification> => answered(client.GET('/api/audit/verification')),

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
