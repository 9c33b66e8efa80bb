"""proto/vectors/ against a decoder that shares nothing with the server's."""

import json
import os

from contract import Refusal, decode, encode


def check_vectors(contract, proto_dir):
    """Decodes every golden frame; answers how many were checked and a list of sentences about those that differ."""
    faults = []
    checked = 0
    for name, operations in (
        ("driver", ("driverSends",)),
        ("rider", ("riderSends",)),
        ("server", ("driverIsSent", "riderIsSent")),
    ):
        for vector in load_vectors(proto_dir, name):
            checked += 2
            faults += [f"{name}: {fault}" for fault in _differences(contract, vector, operations)]
    for vector in load_vectors(proto_dir, "accepted"):
        checked += 1
        message = contract.read(bytes.fromhex(vector["hex"]), vector["encoding"], vector["role"])
        if message != vector["message"]:
            faults.append(f"accepted, {vector['why']}: read as {message!r}")
    for vector in load_vectors(proto_dir, "refused"):
        checked += 1
        answer = _answer(contract, vector)
        if answer != vector["error"]:
            faults.append(f"refused, {vector['why']} ({vector['encoding']}): {answer!r}")
    return checked, faults


def load_vectors(proto_dir, name):
    """The vectors of one file of proto/vectors/."""
    with open(os.path.join(proto_dir, "vectors", f"{name}.json"), encoding="utf-8") as file:
        return json.load(file)


def _differences(contract, vector, operations):
    message = vector["message"]
    frames = {"json": vector["json"].encode("utf-8"), "msgpack": bytes.fromhex(vector["msgpack"])}
    for encoding, frame in frames.items():
        if decode(frame, encoding) != message:
            yield f"{encoding} of {message['t']} reads as {decode(frame, encoding)!r}"
        if decode(encode(message, encoding), encoding) != message:
            yield f"{encoding} of {message['t']} does not survive this client's own encoder"
    if all(contract.check(message, operation) is not None for operation in operations):
        yield f"{message['t']} does not fit its schema: {contract.check(message, operations[0])}"


def _answer(contract, vector):
    try:
        return contract.read(bytes.fromhex(vector["hex"]), vector["encoding"], vector["role"])
    except Refusal as refusal:
        return {"id": refusal.command_id, "code": refusal.code}
