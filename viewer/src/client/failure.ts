/** A request that did not succeed. `status` is 0 when no answer came at all. */
export class Failure extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }

  /** Whether trying the same again later may help. */
  get transient(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** What went wrong, in the user's words; empty when all went well. */
export async function failing(action: () => Promise<unknown>): Promise<string> {
  try {
    await action();
    return '';
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return error.message;
  }
}
