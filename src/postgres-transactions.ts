import type postgres from 'postgres';

type Work = (tx: postgres.TransactionSql) => unknown;
type Begin = (...args: [Work] | [string, Work]) => Promise<unknown>;

/**
 * Makes `sql.begin` safe against connections that are lost in a transaction. postgres 3.4.9 sends the rollback, and whatever
 * the transaction goes on to say, on the connection that is gone: by chance that ends the process or leaves the connection
 * waiting for ever for an answer to what was never sent. Here nothing more is said for a transaction whose connection is
 * lost; its promise rejects with the connection's error. Not covered: savepoints, and work that catches the connection's error
 * and at once goes on in the transaction.
 */
export function guardTransactions(sql: postgres.Sql): postgres.Sql {
  const plain = sql.begin.bind(sql) as unknown as Begin;
  const begin: Begin = async (...args) => {
    const work = args.at(-1) as Work;
    const state = { isOver: false };
    const guarded: Work = (tx) => settled(() => work(guardedTx(tx, state)), state);
    try {
      return await (args.length === 1 ? plain(guarded) : plain(args[0], guarded));
    } finally {
      state.isOver = true;
    }
  };
  return Object.assign(sql, { begin });
}

interface State {
  isOver: boolean;
}

/** The work's outcome; never any when the transaction is over before it, since what follows would be sent to nobody. */
function settled(work: () => unknown, state: State): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const run = async (): Promise<unknown> => work();
    run().then(
      (value) => {
        if (!state.isOver) resolve(value);
      },
      (error: Error) => {
        // Two turns later it is known whether the error was the connection's end.
        setImmediate(() => setImmediate(() => (state.isOver ? undefined : reject(error))));
      },
    );
  });
}

function guardedTx(tx: postgres.TransactionSql, state: State): postgres.TransactionSql {
  const check = (): void => {
    if (state.isOver)
      throw Object.assign(new Error('the transaction is over'), { code: 'CONNECTION_CLOSED' });
  };
  return new Proxy(tx, {
    apply(target, self, args: unknown[]) {
      check();
      return Reflect.apply(target as unknown as (...all: unknown[]) => unknown, self, args);
    },
    get(target, name, self) {
      if (name === 'unsafe') check();
      return Reflect.get(target, name, self) as unknown;
    },
  });
}
