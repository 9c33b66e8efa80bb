import type { Clock } from '../../src/lib/clock.ts';
import { manyDriversSpeech } from '../growth/many-drivers-speech.ts';
import { peerLoadSpeech } from '../peers/peer-load.ts';
import { bareSpeech, engineSpeech } from './engine-speech.ts';
import type { Speech } from './speech.ts';

/** By subject. Throws for one that nobody can speak to. */
export function speechOf(subject: string, clock: Clock): Speech {
  switch (subject) {
    case 'hexdispatch':
      return engineSpeech(clock);
    case 'bare uWebSockets.js':
      return bareSpeech;
    case 'Socket.IO':
      return peerLoadSpeech('socketio');
    case 'ws':
      return peerLoadSpeech('ws');
    case 'Django Channels':
      return peerLoadSpeech('django');
    case 'many drivers':
      return manyDriversSpeech();
    default:
      throw new Error(`no load speaks to ${subject}`);
  }
}
