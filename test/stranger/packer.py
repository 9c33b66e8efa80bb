"""MessagePack, as much of it as the contract uses: nil, booleans, numbers, text, arrays, maps with text keys.

Written from the MessagePack specification and proto/, with nothing but the standard library.
"""

import math
import struct

DEPTH_MAX = 16


class BadFrame(ValueError):
    """The bytes are no message of this contract."""


def pack(value):
    """One value as bytes; integers in their shortest form, other numbers as float64."""
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return _pack_integer(value)
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, str):
        raw = value.encode("utf-8")
        return _length(len(raw), 0xA0, 31, (0xD9, 0xDA, 0xDB)) + raw
    if isinstance(value, (list, tuple)):
        return _length(len(value), 0x90, 15, (None, 0xDC, 0xDD)) + b"".join(map(pack, value))
    if isinstance(value, dict):
        body = b"".join(pack(key) + pack(item) for key, item in value.items())
        return _length(len(value), 0x80, 15, (None, 0xDE, 0xDF)) + body
    raise TypeError(f"cannot pack {type(value).__name__}")


def _pack_integer(value):
    if 0 <= value < 128:
        return struct.pack(">B", value)
    if -32 <= value < 0:
        return struct.pack(">b", value)
    unsigned = ((0xCC, ">B", 8), (0xCD, ">H", 16), (0xCE, ">I", 32), (0xCF, ">Q", 64))
    signed = ((0xD0, ">b", 7), (0xD1, ">h", 15), (0xD2, ">i", 31), (0xD3, ">q", 63))
    for code, form, bits in unsigned if value >= 0 else signed:
        if value < 1 << bits and value >= -(1 << bits):
            return bytes([code]) + struct.pack(form, value)
    raise OverflowError(value)


def _length(count, fix, fix_max, codes):
    if count <= fix_max:
        return bytes([fix | count])
    for code, form, limit in zip(codes, (">B", ">H", ">I"), (1 << 8, 1 << 16, 1 << 32)):
        if code is not None and count < limit:
            return bytes([code]) + struct.pack(form, count)
    raise OverflowError(count)


def unpack(data):
    """The one value that `data` holds; BadFrame when there is less, more, or something the contract does not use."""
    reader = _Reader(data)
    value = reader.value(0)
    if reader.at != len(data):
        raise BadFrame("bytes after the message")
    return value


class _Reader:
    NUMBERS = {
        0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q",
        0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q",
    }
    LENGTHS = {0xD9: ">B", 0xDA: ">H", 0xDB: ">I", 0xDC: ">H", 0xDD: ">I", 0xDE: ">H", 0xDF: ">I"}

    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, count):
        if count > len(self.data) - self.at:
            raise BadFrame("cut short")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def value(self, depth):
        if depth > DEPTH_MAX:
            raise BadFrame("nested too deep")
        code = self.take(1)[0]
        if code < 0x80:
            return code
        if code >= 0xE0:
            return code - 256
        if code in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[code]
        if code in self.NUMBERS:
            value = self.number(self.NUMBERS[code])
            if isinstance(value, float) and not math.isfinite(value):
                raise BadFrame("not a finite number")
            return value
        if code < 0x90:
            return self.map(code & 0x0F, depth)
        if code < 0xA0:
            return self.array(code & 0x0F, depth)
        if code < 0xC0:
            return self.text(code & 0x1F)
        if code not in self.LENGTHS:
            raise BadFrame(f"type 0x{code:02x} is not used here")
        count = self.number(self.LENGTHS[code])
        if code <= 0xDB:
            return self.text(count)
        return self.array(count, depth) if code <= 0xDD else self.map(count, depth)

    def text(self, count):
        try:
            return self.take(count).decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadFrame("text that is not UTF-8") from error

    def array(self, count, depth):
        # Every item takes a byte or more: a count beyond what is left is refused before anything is made of it.
        if count > len(self.data) - self.at:
            raise BadFrame("cut short")
        return [self.value(depth + 1) for _ in range(count)]

    def map(self, count, depth):
        if 2 * count > len(self.data) - self.at:
            raise BadFrame("cut short")
        result = {}
        for _ in range(count):
            key = self.value(depth + 1)
            if not isinstance(key, str):
                raise BadFrame("a key that is not text")
            result[key] = self.value(depth + 1)
        return result
