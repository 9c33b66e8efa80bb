#!/usr/bin/env python3
"""A stranger's client: Python 3 and its standard library, written from proto/ and docs/ alone.

It checks the golden frames with its own decoder, then drives whole trips, as driver and as rider, in both encodings:

    client.py --proto DIR [--url http://HOST:PORT --driver-token T --rider-token T --pickup LAT,LNG --dropoff LAT,LNG]

Every message that the server sends is held against proto/asyncapi.json. The last line of its output is JSON with what was done;
the exit code is 0 only if all of it went as the contract says.
"""

import argparse
import http.client
import json
import math
import sys
import time
import uuid
from urllib.parse import urlencode, urlsplit

from contract import SUBPROTOCOLS, Contract, decode, encode
from vectors import check_vectors, load_vectors
from websocket import BINARY, TEXT, Closed, WebSocket

WAIT_S = 10.0
FRAMES_PER_CONNECTION = 8
METRES_PER_DEGREE = 111_195.0
DRIVE_MPS = 15.0


class Broken(AssertionError):
    """The server did not do what the contract says."""


def expect(truth, what):
    if not truth:
        raise Broken(what)


class Account:
    """One account's connection. Keeps what was sent out of turn until somebody asks for it."""

    def __init__(self, contract, options, role, encoding):
        self.contract = contract
        self.options = options
        self.role = role
        self.encoding = encoding
        self.token = getattr(options, f"{role}_token")
        self.epoch, self.seq = None, 0
        self.waiting = []
        self.commands = 0
        self.received = 0

    def connect(self, resume=False):
        """Connects, and answers the welcome. With `resume` it says what it has seen already."""
        parts = urlsplit(self.options.url)
        query = urlencode({"epoch": self.epoch, "seq": self.seq}) if resume else ""
        url = f"ws://{parts.netloc}/v1/socket" + (f"?{query}" if query else "")
        headers = {"Authorization": f"Bearer {self.token}"}
        self.socket = WebSocket(url, headers, SUBPROTOCOLS[self.encoding])
        welcome = self.wait("welcome")
        self.epoch, self.seq = welcome["epoch"], welcome["seq"]
        self.ahead_s = welcome["serverMs"] / 1000 - time.time()
        return welcome

    def now_ms(self):
        """The server's clock, as far as the welcome told."""
        return int((time.time() + self.ahead_s) * 1000)

    def send(self, message):
        self.socket.send(encode(message, self.encoding), BINARY if self.encoding == "msgpack" else TEXT)

    def command(self, kind, **fields):
        """Sends a command and answers its ack; an error is answered as it came."""
        self.commands += 1
        command_id = f"{self.role}-{uuid.uuid4()}"
        self.send({"t": kind, "id": command_id, **fields})
        answers = ("ack", "error")
        return self.wait(f"answer to {kind}", lambda one: one["t"] in answers and one.get("id") == command_id)

    def done(self, kind, **fields):
        """The ack of a command that must not be refused."""
        answer = self.command(kind, **fields)
        expect(answer["t"] == "ack", f"{kind} was refused: {answer}")
        return answer

    def wait(self, what, fits=None, timeout_s=WAIT_S):
        """The next message that fits (or of that type); the others are kept."""
        fits = fits or (lambda one: one["t"] == what)
        until = time.monotonic() + timeout_s
        for i, message in enumerate(self.waiting):
            if fits(message):
                return self.waiting.pop(i)
        while True:
            message = self._receive(until, what)
            if fits(message):
                return message
            self.waiting.append(message)

    def hangs_up(self):
        """The close code, when the server closes and says nothing more."""
        try:
            message = self._receive(time.monotonic() + WAIT_S, "the end of the connection")
        except Closed as closed:
            return closed.code
        raise Broken(f"instead of closing, the server said {message}")

    def wait_trip(self, status):
        return self.wait(f"trip {status}", lambda one: one["t"] == "trip" and one["trip"]["status"] == status)["trip"]

    def _receive(self, until, what):
        left_s = until - time.monotonic()
        expect(left_s > 0, f"the {self.role} waited in vain for: {what}; has {self.waiting}")
        try:
            opcode, payload = self.socket.receive(left_s)
        except TimeoutError as error:
            raise Broken(f"the {self.role} waited in vain for: {what}; has {self.waiting}") from error
        expect(opcode == (BINARY if self.encoding == "msgpack" else TEXT), f"a frame of opcode {opcode}")
        message = decode(payload, self.encoding)
        fault = self.contract.check(message, f"{self.role}IsSent")
        expect(fault is None, f"sent to the {self.role}, and not of the contract: {fault}")
        self.received += 1
        if "seq" in message and message["t"] != "welcome":
            expect(message["seq"] == self.seq + 1, f"after number {self.seq} came {message['seq']}")
            self.seq = message["seq"]
        return message

    def ping(self, place):
        self.send({"t": "ping", "p": [self.now_ms(), place["lat"], place["lng"], 5, DRIVE_MPS, None]})

    def rest(self, method, path, body=None, key=None):
        """Status and body of one HTTP request of this account."""
        connection = http.client.HTTPConnection(urlsplit(self.options.url).netloc, timeout=WAIT_S)
        headers = {"Authorization": f"Bearer {self.token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key is not None:
            headers["Idempotency-Key"] = key
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        return response.status, answer


def north_of(place, metres):
    return {"lat": place["lat"] + metres / METRES_PER_DEGREE, "lng": place["lng"]}


def metres_between(one, other):
    lat = math.radians((one["lat"] + other["lat"]) / 2)
    north = (one["lat"] - other["lat"]) * METRES_PER_DEGREE
    east = (one["lng"] - other["lng"]) * METRES_PER_DEGREE * math.cos(lat)
    return math.hypot(north, east)


def ride_of(options):
    return {"pickup": options.pickup, "dropoff": options.dropoff, "vehicleClass": "economy", "seats": 1}


def match(driver, rider, options):
    """Up to the accepted offer; answers the rider's view of the trip."""
    welcome = driver.connect()
    expect(not welcome["resumed"] and welcome["snapshot"] is not None, "a first welcome carries a snapshot")
    rider.connect()
    driver.done("online", vehicleClass="economy", seats=4)
    driver.ping(north_of(options.pickup, -DRIVE_MPS))
    quote = rider.done("quote", **ride_of(options))["quote"]
    trip = rider.done("request", **ride_of(options))["trip"]
    expect(trip["status"] == "searching", f"a new trip searches: {trip}")
    expect(trip["quote"] == quote, "the request holds what the quote said")
    offer = driver.wait("offer")["offer"]
    expect(offer["tripId"] == trip["tripId"], "the offer is of the trip asked for")
    expect(offer["fareMinor"] == quote["fareMinor"], "the driver is told the quoted fare")
    expect(offer["expiresMs"] > driver.now_ms(), "the offer can still be answered")
    accepted = driver.done("accept", offerId=offer["offerId"])["trip"]
    expect(accepted["status"] == "to_pickup" and accepted["pin"] is None, "the PIN is the rider's alone")
    late = driver.command("accept", offerId=offer["offerId"])
    expect(late.get("code") == "offer_gone", f"an offer is answered once: {late}")
    return rider.wait_trip("to_pickup")


def pick_up(driver, rider, trip, options):
    """From the kerb to a rider aboard; the rider's connection breaks and is resumed in between."""
    driver.ping(options.pickup)
    seen = rider.wait("driver_at")
    expect(seen["tripId"] == trip["tripId"] and seen["etaS"] >= 0, f"the rider sees the driver: {seen}")
    rider.socket.drop()
    driver.done("arrived", tripId=trip["tripId"])
    welcome = rider.connect(resume=True)
    expect(welcome["resumed"] and welcome["snapshot"] is None, f"the session is resumed: {welcome}")
    rider.wait_trip("at_pickup")
    wrong = f"{(int(trip['pin']) + 1) % 10_000:04d}"
    refused = driver.command("start", tripId=trip["tripId"], pin=wrong)
    expect(refused.get("code") == "wrong_pin" and refused["retryable"] is False, f"the wrong PIN: {refused}")
    driver.done("start", tripId=trip["tripId"], pin=trip["pin"])
    rider.wait_trip("on_trip")


def drive(driver, rider, trip, options):
    """A few seconds of driving, one fix a second, then the end; answers the trip as the rider sees it."""
    seconds = 2
    # The first fix a second after the start: by this clock, which lags by the welcome's way, it could seem to lie before it.
    for second in range(seconds + 1):
        time.sleep(1)
        driver.ping(north_of(options.pickup, DRIVE_MPS * second))
    seen = rider.wait("driver_at", lambda one: one["t"] == "driver_at" and one["place"] != options.pickup)
    expect(metres_between(seen["place"], options.pickup) <= DRIVE_MPS * seconds + 1, f"on the way: {seen}")
    driver.done("complete", tripId=trip["tripId"])
    ended = rider.wait_trip("completed")
    driver.wait_trip("completed")
    driven_m = metres_between(options.pickup, north_of(options.pickup, DRIVE_MPS * seconds))
    expect(abs(ended["distanceM"] - driven_m) < 0.02 * driven_m, f"{ended['distanceM']} m of {driven_m} m driven")
    expect(ended["fareMinor"] > 0 and ended["endedMs"] >= ended["startedMs"], f"paid and ended: {ended}")
    return ended


def whole_trip(contract, options, encoding):
    driver = Account(contract, options, "driver", encoding)
    rider = Account(contract, options, "rider", encoding)
    trip = match(driver, rider, options)
    pick_up(driver, rider, trip, options)
    ended = drive(driver, rider, trip, options)
    driver.done("offline")
    for account in (driver, rider):
        told = account.done("get_trip", tripId=ended["tripId"])["trip"]
        expect(told["status"] == "completed" and told["fareMinor"] == ended["fareMinor"], f"how it ended: {told}")
    snapshot = rider.done("snapshot")["snapshot"]
    expect(snapshot == {"status": None, "offer": None, "trip": None}, f"nothing left to show: {snapshot}")
    status, view = rider.rest("GET", f"/v1/trips/{ended['tripId']}")
    expect(status == 200 and view["status"] == "completed", f"REST tells the same: {status} {view}")
    expect(view["fareMinor"] == ended["fareMinor"], "and the same fare")
    for account in (driver, rider):
        account.socket.close()
    return {
        "tripId": ended["tripId"],
        "fareMinor": ended["fareMinor"],
        "distanceM": ended["distanceM"],
        "commands": driver.commands + rider.commands,
        "received": driver.received + rider.received,
    }


def cancelled_over_rest(contract, options):
    """Asked for over REST, asked again with the same key, seen and given up."""
    rider = Account(contract, options, "rider", "json")
    key = f"rest-{uuid.uuid4()}"
    status, trip = rider.rest("POST", "/v1/trips", ride_of(options), key)
    expect(status == 201, f"asked over REST: {status} {trip}")
    again = rider.rest("POST", "/v1/trips", ride_of(options), key)[1]
    expect(again["tripId"] == trip["tripId"], "the same key gives the same trip")
    path = f"/v1/trips/{trip['tripId']}/cancel"
    status, ended = rider.rest("POST", path, {"reason": "changed my mind"}, f"rest-{uuid.uuid4()}")
    expect(status == 200 and ended["status"] == "cancelled", f"given up: {status} {ended}")
    expect(ended["endedBy"] == "rider" and ended["endReason"] == "changed my mind", f"by whom and why: {ended}")
    status, problem = rider.rest("POST", path, {"reason": "again"}, f"rest-{uuid.uuid4()}")
    expect(status == 409 and problem["code"] == "wrong_state", f"it ends once: {status} {problem}")
    return ended["tripId"]


def refused_by_server(contract, options):
    """Every frame that must be refused, sent to the server: the error must be the one that proto/vectors tells."""
    refused = load_vectors(options.proto, "refused")
    kinds = sorted({(vector["role"], vector["encoding"]) for vector in refused})
    for role, encoding in kinds:
        frames = [vector for vector in refused if (vector["role"], vector["encoding"]) == (role, encoding)]
        for i, vector in enumerate(frames):
            # A server hangs up on who keeps on sending nonsense: a new connection for every few.
            if i % FRAMES_PER_CONNECTION == 0:
                account = Account(contract, options, role, encoding)
                account.connect()
            frame = bytes.fromhex(vector["hex"])
            account.socket.send(frame, BINARY if encoding == "msgpack" else TEXT)
            if encoding == "json" and not is_utf8(frame):
                # Text that is not UTF-8 is no WebSocket frame at all (RFC 6455, 8.1): the connection is broken off.
                expect(account.hangs_up() in (1006, 1007), f"{vector['why']}: the connection stays")
                account.connect()
                continue
            error = account.wait("error")
            answer = {"id": error["id"], "code": error["code"]}
            expect(answer == vector["error"], f"{vector['why']} ({encoding}): the server says {answer}")
            expect(error["retryable"] == contract.error_codes[error["code"]]["retryable"], f"retryable: {error}")
    return len(refused)


def is_utf8(frame):
    try:
        frame.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def other_kind_of_frame(contract, options):
    """Binary where text was agreed on, and the other way round: a bad frame, and the connection goes on."""
    for encoding, opcode in (("msgpack", TEXT), ("json", BINARY)):
        account = Account(contract, options, "rider", encoding)
        account.connect()
        account.socket.send(encode({"t": "snapshot", "id": "1"}, "json"), opcode)
        error = account.wait("error")
        expect(error["code"] == "bad_message" and error["id"] is None, f"the other kind of frame: {error}")
        account.done("snapshot")
        account.socket.close()


def place(text):
    lat, lng = (float(part) for part in text.split(","))
    return {"lat": lat, "lng": lng}


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--proto", required=True)
    parser.add_argument("--url")
    parser.add_argument("--driver-token")
    parser.add_argument("--rider-token")
    parser.add_argument("--pickup", type=place, default=place("37.7749,-122.4194"))
    parser.add_argument("--dropoff", type=place, default=place("37.7949,-122.4094"))
    return parser.parse_args()


def main():
    options = read_options()
    contract = Contract(options.proto)
    checked, faults = check_vectors(contract, options.proto)
    report = {"vectors": checked, "vectorFaults": faults, "trips": {}}
    if options.url is not None:
        for encoding in SUBPROTOCOLS:
            report["trips"][encoding] = whole_trip(contract, options, encoding)
        other_kind_of_frame(contract, options)
        report["refused"] = refused_by_server(contract, options)
        report["cancelledTripId"] = cancelled_over_rest(contract, options)
    print(json.dumps(report))
    return 1 if faults else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Broken as broken:
        print(f"not as the contract says: {broken}", file=sys.stderr)
        sys.exit(1)
