import type postgres from 'postgres';
import type { Role } from '../domain/role.ts';
import type { SessionEnd, SessionOwner, SessionStore, StoredSession } from './session-store.ts';

interface SessionRow {
  session_id: string;
  role: Role;
  subject: string;
  device: string;
  address: string;
  created_at: Date;
  seen_at: Date;
  expires_at: Date;
  salt: Buffer;
  generation: number;
  rotated_at: Date;
  ended_at: Date | null;
}

/** Sessions on PostgreSQL. The pool is whoever gave it's to end. */
export class PostgresSessionStore implements SessionStore {
  readonly #sql: postgres.Sql;

  constructor(sql: postgres.Sql) {
    this.#sql = sql;
  }

  open(session: Omit<StoredSession, 'generation' | 'endedMs'>, sessionsMax: number): Promise<string[]> {
    const { sessionId, role, subject, device, address, salt } = session;
    const [created, seen] = [new Date(session.createdMs), new Date(session.seenMs)];
    return this.#sql.begin(async (sql) => {
      // Two sign-ins at once count each other.
      await sql`select pg_advisory_xact_lock(hashtextextended(${`sessions ${role} ${subject}`}, 0))`;
      await sql`
        insert into sessions (session_id, role, subject, device, address, created_at, seen_at, expires_at, salt,
          generation, rotated_at)
        values (${sessionId}, ${role}, ${subject}, ${device}, ${address}, ${created}, ${seen},
          ${new Date(session.expiresMs)}, ${salt}, 1, ${new Date(session.rotatedMs)})
        on conflict (session_id) do nothing`;
      const rows = await sql<{ session_id: string }[]>`
        update sessions set ended_at = ${created}, end_reason = 'replaced'
        where session_id in (
          select session_id from sessions
          where subject = ${subject} and role = ${role} and ended_at is null
          order by seen_at desc, session_id desc offset ${sessionsMax})
        returning session_id`;
      return rows.map((row) => row.session_id);
    });
  }

  async session(sessionId: string): Promise<StoredSession | null> {
    const [row] = await this.#sql<SessionRow[]>`select * from sessions where session_id = ${sessionId}`;
    return row === undefined ? null : sessionOf(row);
  }

  async rotate(
    sessionId: string,
    { from, address, atMs, expiresMs }: Parameters<SessionStore['rotate']>[1],
  ): Promise<boolean> {
    const rows = await this.#sql`
      update sessions set generation = generation + 1, rotated_at = ${new Date(atMs)}, seen_at = ${new Date(atMs)},
        expires_at = ${new Date(expiresMs)}, address = ${address}
      where session_id = ${sessionId} and generation = ${from} and ended_at is null
        and expires_at > ${new Date(atMs)}
      returning 1`;
    return rows.length > 0;
  }

  async sessionsOf({ role, subject }: SessionOwner, nowMs: number): Promise<StoredSession[]> {
    const rows = await this.#sql<SessionRow[]>`
      select * from sessions
      where subject = ${subject} and role = ${role} and ended_at is null and expires_at > ${new Date(nowMs)}
      order by seen_at desc, session_id desc`;
    return rows.map(sessionOf);
  }

  async end(
    sessionId: string,
    owner: SessionOwner | null,
    { why, atMs }: { why: SessionEnd; atMs: number },
  ): Promise<boolean> {
    const sql = this.#sql;
    const rows = await sql`
      update sessions set ended_at = ${new Date(atMs)}, end_reason = ${why}
      where session_id = ${sessionId} and ended_at is null
        ${owner === null ? sql`` : sql`and subject = ${owner.subject} and role = ${owner.role}`}
      returning 1`;
    return rows.length > 0;
  }

  async endAll(
    { role, subject }: SessionOwner,
    { why, atMs }: { why: SessionEnd; atMs: number },
  ): Promise<string[]> {
    const rows = await this.#sql<{ session_id: string }[]>`
      update sessions set ended_at = ${new Date(atMs)}, end_reason = ${why}
      where subject = ${subject} and role = ${role} and ended_at is null returning session_id`;
    return rows.map((row) => row.session_id);
  }

  async endedSince(sinceMs: number): Promise<string[]> {
    const rows = await this.#sql<{ session_id: string }[]>`
      select session_id from sessions where ended_at >= ${new Date(sinceMs)}`;
    return rows.map((row) => row.session_id);
  }
}

function sessionOf(row: SessionRow): StoredSession {
  return {
    ...{ sessionId: row.session_id, role: row.role, subject: row.subject },
    ...{ device: row.device, address: row.address, salt: row.salt, generation: row.generation },
    createdMs: row.created_at.getTime(),
    seenMs: row.seen_at.getTime(),
    expiresMs: row.expires_at.getTime(),
    rotatedMs: row.rotated_at.getTime(),
    endedMs: row.ended_at?.getTime() ?? null,
  };
}
