/** What operators and technologists ask the gateway. */
import { answered, client, type Schemas } from './api';

export type Health = Schemas['Health'];
export type Operations = Schemas['Operations'];
export type Passage = Schemas['PassageLine'];
export type Mode = Schemas['Mode'];
export type Priority = Schemas['Priority'];
export type FirstLook = Schemas['FirstLook'];
export type FirstLooks = Schemas['FirstLooks'];

const inUpload = (uploadId: number) => ({ path: { upload_id: uploadId } });
const inCase = (caseId: string) => ({ path: { case_id: caseId } });

export const operations = {
  health: (): Promise<Health> => answered(client.GET('/api/health')),
  all: (): Promise<Operations> => answered(client.GET('/api/operations')),
  turn: (name: string, mode: Mode, reason: string): Promise<Operations> =>
    answered(client.PUT('/api/operations/gates/{name}', { params: { path: { name } }, body: { mode, reason } })),
  discard: (caseId: string, reason: string): Promise<unknown> =>
    answered(client.POST('/api/cases/{case_id}/discard', { params: inCase(caseId), body: { reason } })),
  retryUpload: (uploadId: number): Promise<Schemas['UploadResult']> =>
    answered(client.POST('/api/quarantine/uploads/{upload_id}/retry', { params: inUpload(uploadId) })),
  discardUpload: (uploadId: number, reason: string): Promise<unknown> =>
    answered(client.POST('/api/quarantine/uploads/{upload_id}/discard', { params: inUpload(uploadId), body: { reason } })),
  setPriority: (caseId: string, priority: Priority): Promise<unknown> =>
    answered(client.PUT('/api/cases/{case_id}/priority', { params: inCase(caseId), body: { priority } })),
  firstLooks: (): Promise<FirstLooks> => answered(client.GET('/api/technologist')),
};

export const pictureOf = (caseId: string): string => `/api/technologist/${encodeURIComponent(caseId)}/picture`;
