"""What proto/asyncapi.json says of a message: a small JSON Schema checker, and the codec of both encodings."""

import json
import os
import re

from packer import DEPTH_MAX, BadFrame, pack, unpack

SUBPROTOCOLS = {"msgpack": "hexdispatch.v1.msgpack", "json": "hexdispatch.v1.json"}


def encode(message, encoding):
    """A message as the payload of one frame."""
    if encoding == "msgpack":
        return pack(message)
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def decode(payload, encoding):
    """A frame's payload as a value; BadFrame when it is none."""
    if encoding == "msgpack":
        return unpack(payload)
    try:
        value = json.loads(payload.decode("utf-8"), parse_constant=_refuse_constant)
    except ValueError as error:
        raise BadFrame(str(error)) from error
    if _depth(value) > DEPTH_MAX:
        raise BadFrame("nested too deep")
    return value


def _refuse_constant(name):
    raise BadFrame(f"{name} is not JSON")


def _depth(value):
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


class Refusal(Exception):
    """What a server must answer to a frame: an error with this id (or None) and code."""

    def __init__(self, command_id, code, why):
        super().__init__(why)
        self.command_id = command_id
        self.code = code


class Contract:
    """proto/asyncapi.json, read once."""

    def __init__(self, proto_dir):
        with open(os.path.join(proto_dir, "asyncapi.json"), encoding="utf-8") as file:
            self.document = json.load(file)
        components = self.document["components"]
        self.schemas = components["schemas"]
        self.payloads = {name: entry["payload"] for name, entry in components["messages"].items()}
        self.close_codes = self.document["x-close-codes"]
        self.error_codes = self.document["x-error-codes"]

    def types(self, operation):
        """Names of the messages of one operation (driverSends, riderIsSent, ...)."""
        refs = self.document["operations"][operation]["messages"]
        return {ref["$ref"].rsplit("/", 1)[1] for ref in refs}

    def check(self, message, operation):
        """None when the message is a well-formed one of this operation, else a sentence that says what is wrong."""
        if not isinstance(message, dict) or message.get("t") not in self.types(operation):
            return f"no message of {operation}: {message!r}"
        return self.fault(self.payloads[message["t"]], message, message["t"])

    def read(self, payload, encoding, role):
        """A client's frame as a server should read it: the message without unknown fields, or a Refusal."""
        try:
            message = decode(payload, encoding)
        except BadFrame as error:
            raise Refusal(None, "bad_message", str(error)) from error
        if not isinstance(message, dict):
            raise Refusal(None, "bad_message", "not a map")
        command_id = message.get("id")
        id_schema = self.payloads["snapshot"]["properties"]["id"]
        if self.fault(id_schema, command_id, "id") is not None:
            command_id = None
        kind = message.get("t")
        if not isinstance(kind, str):
            raise Refusal(command_id, "bad_message", "no type")
        if kind not in self.types(f"{role}Sends"):
            known = self.types("driverSends") | self.types("riderSends")
            raise Refusal(command_id, "forbidden" if kind in known else "unknown_type", kind)
        fault = self.fault(self.payloads[kind], message, kind)
        if fault is not None:
            raise Refusal(command_id, "bad_message", fault)
        return self.known_fields(self.payloads[kind], message)

    def resolve(self, schema):
        return self.schemas[schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema

    def known_fields(self, schema, value):
        """The value without the fields that the schema does not name."""
        schema = self.resolve(schema)
        if isinstance(value, dict) and "properties" in schema:
            fields = schema["properties"]
            return {key: self.known_fields(fields[key], item) for key, item in value.items() if key in fields}
        return value

    def fault(self, schema, value, path):
        """The first thing wrong with a value, or None."""
        schema = self.resolve(schema)
        if "anyOf" in schema:
            faults = [self.fault(option, value, path) for option in schema["anyOf"]]
            return None if None in faults else faults[0]
        if "enum" in schema and value not in schema["enum"]:
            return f"{path} is {value!r}, not one of {schema['enum']}"
        if "const" in schema and value != schema["const"]:
            return f"{path} is {value!r}, not {schema['const']!r}"
        kind = schema.get("type")
        if kind is not None and not _is_of(kind, value):
            return f"{path} is {value!r}, not {kind}"
        if isinstance(value, str):
            return self._text_fault(schema, value, path)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            if value < schema.get("minimum", value) or value > schema.get("maximum", value):
                return f"{path} is {value!r}, out of range"
        if isinstance(value, list):
            return self._list_fault(schema, value, path)
        if isinstance(value, dict):
            return self._map_fault(schema, value, path)
        return None

    def _text_fault(self, schema, value, path):
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            return f"{path} is {value!r}: its length"
        if "pattern" in schema and re.search(schema["pattern"], value) is None:
            return f"{path} is {value!r}, not {schema['pattern']}"
        return None

    def _list_fault(self, schema, value, path):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            return f"{path} has {len(value)} items"
        items = schema.get("items")
        if isinstance(items, list) and len(value) > len(items):
            return f"{path} has {len(value)} items, more than {len(items)}"
        pairs = zip(items, value) if isinstance(items, list) else ((items, item) for item in value)
        faults = (self.fault(one, item, f"{path}[{i}]") for i, (one, item) in enumerate(pairs))
        return next((fault for fault in faults if fault is not None), None)

    def _map_fault(self, schema, value, path):
        for key in schema.get("required", ()):
            if key not in value:
                return f"{path} has no {key}"
        fields = schema.get("properties", {})
        faults = (self.fault(one, value[key], f"{path}.{key}") for key, one in fields.items() if key in value)
        return next((fault for fault in faults if fault is not None), None)


def _is_of(kind, value):
    if isinstance(value, bool):
        return kind == "boolean"
    kinds = {"object": dict, "array": list, "string": str, "number": (int, float), "null": type(None)}
    if kind == "integer":
        return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return kind in kinds and isinstance(value, kinds[kind])
