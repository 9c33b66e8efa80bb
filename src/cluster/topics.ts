import type { ReplicaId } from '../domain/ids.ts';

/** What every replica tells all others. */
export const NEWS_TOPIC = 'news';
/** What is meant for one replica: questions, answers, drivers' places for its riders. */
export const replicaTopic = (replicaId: ReplicaId): string => `replica:${replicaId}`;
/** Where the drivers of the zones are that this replica watches. */
export const placesTopic = (replicaId: ReplicaId): string => `places:${replicaId}`;
