/**
 * What was answered does not fit what was asked, as from a client library that has lost count of a result's rows: it may have been done or
 * not. Whoever asks again with the same keys hears what happened.
 */
class WrongAnswersError extends Error {
  override readonly name = 'WrongAnswersError';
  /** Named in the table of retry.ts. */
  readonly code = 'WRONG_ANSWERS';
}

/**
 * `list` as answers, once it is known to be a list without holes of `countMin` to `countMax`.
 *
 * @throws WrongAnswersError
 */
export function answerList<T>(list: unknown, countMin: number, countMax = countMin): T[] {
  if (!Array.isArray(list)) throw new WrongAnswersError(`the store answered no list but ${typeof list}`);
  const count = list.filter((answer) => answer !== null && answer !== undefined).length;
  if (count !== list.length || count < countMin || count > countMax) {
    throw new WrongAnswersError(
      `the store answered ${count} of ${list.length}, asked for ${countMin} to ${countMax}`,
    );
  }
  return list as T[];
}
