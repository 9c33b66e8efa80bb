import type { DriverMessage, ServerMessage } from '../../src/protocol/messages.ts';

/** What riders tell their drivers at the pickup; both are in one process here. */
export class Pins {
  private readonly known = new Map<string, string>();
  private readonly waiting = new Map<string, (pin: string) => void>();

  tell(tripId: string, pin: string): void {
    this.known.set(tripId, pin);
    this.waiting.get(tripId)?.(pin);
    this.waiting.delete(tripId);
  }

  /** At once, or as soon as the rider knows it. */
  whenKnown(tripId: string, then: (pin: string) => void): void {
    const pin = this.known.get(tripId);
    if (pin === undefined) this.waiting.set(tripId, then);
    else then(pin);
  }

  forget(tripId: string): void {
    this.known.delete(tripId);
  }
}

const STEPS = ['accept', 'arrived', 'start', 'complete'] as const;

/** One driver’s way through a ride: each step as soon as the one before is stored. */
export class RideWork {
  private readonly pins: Pins;
  private readonly onTrouble: (why: Error) => void;
  private readonly send: (message: DriverMessage) => void;
  private offer = { offerId: '', tripId: '' };
  private step = 0;

  /** `onTrouble`: a step was refused for good. */
  constructor(pins: Pins, onTrouble: (why: Error) => void, send: (message: DriverMessage) => void) {
    this.pins = pins;
    this.onTrouble = onTrouble;
    this.send = send;
  }

  begin(offer: { readonly offerId: string; readonly tripId: string }): void {
    this.offer = offer;
    this.step = 0;
    this.take();
  }

  acked(id: string): void {
    if (id !== this.idOf(this.step)) return;
    this.step += 1;
    if (this.step < STEPS.length) this.take();
  }

  refused({ id, code, retryable }: Extract<ServerMessage, { t: 'error' }>): void {
    if (id !== this.idOf(this.step)) return;
    if (retryable) this.take();
    else if (code !== 'offer_gone') this.onTrouble(new Error(`${id} is refused: ${code}`));
  }

  private idOf(step: number): string {
    return `${STEPS[step]}-${this.offer.offerId}`;
  }

  private take(): void {
    const { tripId, offerId } = this.offer;
    const id = this.idOf(this.step);
    const step = STEPS[this.step]!;
    if (step === 'accept') this.send({ t: step, id, offerId });
    else if (step === 'start')
      this.pins.whenKnown(tripId, (pin) => this.send({ t: 'start', id, tripId, pin }));
    else this.send({ t: step, id, tripId });
  }
}
