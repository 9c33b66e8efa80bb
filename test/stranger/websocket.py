"""RFC 6455, the client's side of it: handshake, masked frames, pings answered, fragments joined."""

import base64
import hashlib
import os
import socket
import struct
from urllib.parse import urlsplit

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA


class Closed(Exception):
    """The server closed, with this code (1006: without a word)."""

    def __init__(self, code, reason=""):
        super().__init__(f"closed with {code} {reason}".strip())
        self.code = code


class Refused(Exception):
    """The server answered the handshake with this status and no socket."""

    def __init__(self, status, body):
        super().__init__(f"handshake refused with {status}: {body}")
        self.status = status


class WebSocket:
    def __init__(self, url, headers, subprotocol, timeout_s=10.0):
        parts = urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port or 80), timeout_s)
        self.buffer = b""
        key = base64.b64encode(os.urandom(16))
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        lines = [
            f"GET {target} HTTP/1.1",
            f"Host: {parts.netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key.decode()}",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Protocol: {subprotocol}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
        self._finish_handshake(key, subprotocol)

    def _finish_handshake(self, key, subprotocol):
        while b"\r\n\r\n" not in self.buffer:
            self._receive_more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        status_line, *lines = head.decode("latin-1").split("\r\n")
        status = int(status_line.split(" ")[1])
        if status != 101:
            raise Refused(status, self.buffer.decode("utf-8", "replace"))
        answer = {name.strip().lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        wanted = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
        if answer.get("sec-websocket-accept") != wanted or answer.get("sec-websocket-protocol") != subprotocol:
            raise Refused(status, f"a handshake that does not fit: {answer}")

    def _receive_more(self):
        try:
            more = self.socket.recv(65536)
        except ConnectionError as error:
            raise Closed(1006) from error
        if not more:
            raise Closed(1006)
        self.buffer += more

    def _take(self, count):
        while len(self.buffer) < count:
            self._receive_more()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def send(self, payload, opcode=BINARY):
        """One frame, masked as a client must."""
        mask = os.urandom(4)
        if len(payload) < 126:
            head = struct.pack(">BB", 0x80 | opcode, 0x80 | len(payload))
        elif len(payload) < 1 << 16:
            head = struct.pack(">BBH", 0x80 | opcode, 0x80 | 126, len(payload))
        else:
            head = struct.pack(">BBQ", 0x80 | opcode, 0x80 | 127, len(payload))
        masked = bytes(byte ^ mask[i & 3] for i, byte in enumerate(payload))
        self.socket.sendall(head + mask + masked)

    def receive(self, timeout_s):
        """The next message's (opcode, payload); TimeoutError, or Closed."""
        self.socket.settimeout(timeout_s)
        kind, whole = None, b""
        while True:
            final, opcode, payload = self._frame()
            if opcode == PING:
                self.send(payload, PONG)
            elif opcode == CLOSE:
                code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else 1005
                self.send(payload[:2], CLOSE)
                self.socket.close()
                raise Closed(code, payload[2:].decode("utf-8"))
            elif opcode != PONG:
                kind, whole = (kind or opcode), whole + payload
                if final:
                    return kind, whole

    def _frame(self):
        # What a time-out interrupts is not lost: bytes leave the buffer when the frame is whole.
        need = 2
        while True:
            while len(self.buffer) < need:
                self._receive_more()
            short = self.buffer[1] & 0x7F
            at = {126: 4, 127: 10}.get(short, 2)
            if len(self.buffer) < at:
                need = at
                continue
            length = short if short < 126 else int.from_bytes(self.buffer[2:at], "big")
            need = at + length
            if len(self.buffer) >= need:
                break
        if self.buffer[1] & 0x80:
            raise Closed(1002, "a server does not mask")
        first = self.buffer[0]
        payload = self._take(need)[at:]
        return bool(first & 0x80), first & 0x0F, payload

    def drop(self):
        """Gone without a word, like a phone in a tunnel."""
        self.socket.close()

    def close(self):
        try:
            self.send(struct.pack(">H", 1000), CLOSE)
        finally:
            self.socket.close()
