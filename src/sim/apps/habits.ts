/** How an app's software behaves on a bad line. Times in ms of the app's clock: a demo multiplies them by its speed. */
export interface PhoneHabits {
  /**
   * No welcome for so long: another server is tried. No answer: the command is sent again; no answer a second time on the same
   * line, or no sign of life for as long: the line is given up, and another server tried.
   */
  readonly answerTimeoutMs: number;
  /** First pause before trying again (connecting, or a command refused as retryable); doubles up to `retryMsMax`, times a random number below 1. */
  readonly retryMs: number;
  readonly retryMsMax: number;
}

/** What the people and phones on the drivers' side do. Probabilities per case; times in ms of the city. */
export interface DriverHabits {
  /** Of all offers; the rest is accepted. */
  readonly declines: number;
  readonly ignores: number;
  /** Log-normal time to answer an offer: median and spread (of the logarithm). */
  readonly answerMs: number;
  readonly answerSpread: number;
  /** Gives the trip up on the way to the pickup. */
  readonly givesUp: number;
  /** Types a wrong PIN first. */
  readonly mistypesPin: number;
  /** Before another try when the PIN was wrong or the rider has not told it yet. */
  readonly pinAgainMs: number;
  /** Mean time between lost connections, and mean time until the connection is back (both exponential). */
  readonly lostEveryMs: number;
  readonly outageMs: number;
  /** Shares of a trip's standing time (CitySpeed.kerbS): to get in, and to get out. */
  readonly boardingShare: number;
  readonly leavingShare: number;
  /** Log-normal median: until the rider is at the car. The records' riders stood at the kerb and waved; an app's come down. */
  readonly comesDownMs: number;
  readonly comesDownSpread: number;
  /** Spread (of the logarithm) of drives and of standing around the fitted time. */
  readonly driveSpread: number;
  readonly kerbSpread: number;
  /** Ping periods: shortest and longest, uniform in between. */
  readonly idlePingMs: readonly [number, number];
  readonly movingPingMs: readonly [number, number];
  /** GPS error: standard deviation per axis, metres; and what the phone claims. */
  readonly gpsErrorM: number;
  readonly gpsAccuracyM: number;
}

/** What the people and phones on the riders' side do. */
export interface RiderHabits {
  /** Asks for a quote first, so long before the request. */
  readonly quotes: number;
  readonly quoteLeadMs: number;
  /** Of all riders: cancels while searching, after an exponential time of this mean (if still searching then). */
  readonly cancelsSearching: number;
  readonly searchingPatienceMs: number;
  /** Of all riders: cancels while the driver is on the way, after a time uniform up to this. */
  readonly cancelsMatched: number;
  readonly matchedPatienceMs: number;
  /** Nobody waits longer for a match; the server's own limit should come first. */
  readonly patienceMs: number;
  /** Is not at the kerb. */
  readonly staysAway: number;
  readonly lostEveryMs: number;
  readonly outageMs: number;
  /** Keeps the app open so long after the end. */
  readonly lingersMs: number;
}

export interface Habits {
  readonly phone: PhoneHabits;
  readonly driver: DriverHabits;
  readonly rider: RiderHabits;
}

/**
 * The demo's people. No record says how they behave, so these are choices, made to show every path in a minute's run: most
 * people simply ride. Getting in and out share the fitted standing time of the city's recorded trips; nobody pays in the car when
 * an app does. Riders come down to the car in two minutes: within companies' free waiting times (2 to 5 minutes), and chosen so that
 * 4,500 cabs in Manhattan are as scarce as in the sketch of issue 2 (82 s of mean wait by closest pair).
 */
export const HABITS: Habits = {
  phone: { answerTimeoutMs: 8_000, retryMs: 250, retryMsMax: 5_000 },
  driver: {
    declines: 0.04,
    ignores: 0.015,
    answerMs: 3_000,
    answerSpread: 0.5,
    givesUp: 0.01,
    mistypesPin: 0.02,
    pinAgainMs: 5_000,
    lostEveryMs: 60 * 60_000,
    outageMs: 12_000,
    boardingShare: 0.85,
    leavingShare: 0.15,
    comesDownMs: 120_000,
    comesDownSpread: 0.4,
    driveSpread: 0.12,
    kerbSpread: 0.4,
    idlePingMs: [4_000, 10_000],
    movingPingMs: [2_000, 4_000],
    gpsErrorM: 4,
    gpsAccuracyM: 9,
  },
  rider: {
    quotes: 0.3,
    quoteLeadMs: 20_000,
    cancelsSearching: 0.02,
    searchingPatienceMs: 120_000,
    cancelsMatched: 0.02,
    matchedPatienceMs: 180_000,
    patienceMs: 8.5 * 60_000,
    staysAway: 0.005,
    lostEveryMs: 30 * 60_000,
    outageMs: 12_000,
    lingersMs: 5_000,
  },
};

/** The phone's times on a clock that runs `speed` times as fast as the network it stands on. */
export function phoneHabitsAt(habits: PhoneHabits, speed: number): PhoneHabits {
  return {
    answerTimeoutMs: habits.answerTimeoutMs * speed,
    retryMs: habits.retryMs * speed,
    retryMsMax: habits.retryMsMax * speed,
  };
}
