import type { Child } from '../../child.ts';
import type { FromChaosClient, ToChaosClient } from './client-messages.ts';

type Kind = FromChaosClient['kind'];
type Of<K extends Kind> = Extract<FromChaosClient, { kind: K }>;

/** The process of the clients, as the run talks to it. */
export class ClientLink {
  private readonly child: Child;
  private readonly listeners = new Set<(message: FromChaosClient) => void>();

  constructor(child: Child) {
    this.child = child;
    child.onMessage((message: FromChaosClient) => {
      for (const listener of [...this.listeners]) listener(message);
    });
  }

  tell(message: ToChaosClient): void {
    this.child.send(message);
  }

  /** Tells it something and waits for what it answers; rejects when it fails or ends before. */
  ask<K extends Kind>(message: ToChaosClient, answer: K): Promise<Of<K>> {
    const answered = this.next(answer);
    this.tell(message);
    return answered;
  }

  /** Calls `heard` with every message of that kind from now on. */
  on<K extends Kind>(kind: K, heard: (message: Of<K>) => void): void {
    this.listeners.add((message) => {
      if (message.kind === kind) heard(message as Of<K>);
    });
  }

  /** What `wanted` resolves to, or a rejection when the process fails or ends before. */
  before<T>(wanted: Promise<T>): Promise<T> {
    return this.child.before(wanted);
  }

  private next<K extends Kind>(kind: K): Promise<Of<K>> {
    const wanted = new Promise<Of<K>>((resolve, reject) => {
      const listener = (message: FromChaosClient): void => {
        if (message.kind === 'failed') reject(new Error(message.message));
        else if (message.kind === kind) resolve(message as Of<K>);
        else return;
        this.listeners.delete(listener);
      };
      this.listeners.add(listener);
    });
    return this.before(wanted);
  }
}
