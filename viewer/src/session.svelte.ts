/** Who is signed in. */
import { api, setCsrfToken, whenSignedOut, type SessionInfo } from './client/api';
import { Failure } from './client/failure';

class Session {
  info = $state<SessionInfo | null>(null);
  /** Whether the gateway has been asked yet. */
  known = $state(false);
  /** Signed out by the gateway while the page was open: what is on the page stays. */
  ended = $state(false);
  unreachable = $state('');

  async restore(): Promise<void> {
    whenSignedOut(() => {
      if (this.info) this.ended = true;
    });
    try {
      this.adopt(await api.session());
    } catch (error) {
      if (error instanceof Failure && error.status !== 401) this.unreachable = error.message;
    } finally {
      this.known = true;
    }
  }

  /** Ask again who is signed in: whether they confirmed who they are may have changed. */
  async refresh(): Promise<void> {
    this.adopt(await api.session());
  }

  async signIn(userName: string, password: string): Promise<void> {
    const before = this.info?.user_name;
    const info = await api.signIn({ user_name: userName, password });
    // Another person's open page and unsaved decisions are not the new person's.
    if (before !== undefined && before !== info.user_name) window.location.reload();
    this.adopt(info);
  }

  /** Ends the session and loads the page anew, so that nothing of this person's is left for the next one. */
  async signOut(): Promise<void> {
    await api.signOut().catch(() => undefined);
    window.location.assign('/');
  }

  get isReader(): boolean {
    return this.info?.role === 'reader';
  }

  get isAuditor(): boolean {
    return this.info?.role === 'auditor';
  }

  get isOperator(): boolean {
    return this.info?.role === 'operator';
  }

  private adopt(info: SessionInfo): void {
    setCsrfToken(info.csrf_token);
    this.info = info;
    this.ended = false;
    this.unreachable = '';
  }
}

export const session = new Session();
