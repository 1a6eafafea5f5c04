"""The encoding of one plain value (None, bool, int, float, str, bytes, list, dict) as bytes and back.

Never trusts a length, a count or a depth that it reads, and never builds anything but those plain types.

    N | T | F                      None, True, False
    i + 8 bytes, u + 8 bytes       signed and unsigned 64-bit integers, little-endian
    f + u8 length + text           a float as float.hex() writes it: exact, and needs no module to encode
    s, b + u32 length + bytes      text (UTF-8) and bytes
    l, d + u32 count + values      list; dict as key, value, key, value (keys: text or integers, no key twice)

Runs on both sides: the syntax of Python 3.8, no imports.
"""

MAX_DEPTH = 16
MAX_VALUES = 1 << 22  # values inside one encoding: bounds what a hostile sender can make the reader allocate


class ValueFormatError(ValueError):
    """The bytes are no encoded value, or the object cannot be encoded."""


def encode_value(value: object) -> bytes:
    """Encode a plain value; lone surrogates in text arrive as their backslash escapes.

    Raises:
        ValueFormatError: the value, or one inside it, is of another type, too large, or too deep.
    """
    out = []  # type: list[bytes]
    _encode(value, out, MAX_DEPTH)
    return b"".join(out)


def _encode(value: object, out: "list[bytes]", depth: int) -> None:
    kind = type(value)
    if value is None:
        out.append(b"N")
    elif kind is bool:
        out.append(b"T" if value else b"F")
    elif kind is int:
        out.append(_encode_int(value))  # type: ignore[arg-type]
    elif kind is str:
        _encode_sized(b"s", value.encode("utf-8", "backslashreplace"), out)  # type: ignore[attr-defined]
    elif kind is bytes:
        _encode_sized(b"b", value, out)  # type: ignore[arg-type]
    elif kind is float:
        text = value.hex().encode("ascii")  # type: ignore[attr-defined]
        out.append(b"f" + bytes((len(text),)) + text)
    else:
        _encode_container(value, out, depth)


def _encode_container(value: object, out: "list[bytes]", depth: int) -> None:
    if depth <= 0:
        raise ValueFormatError("value is nested too deep")
    kind = type(value)
    if kind is list or kind is tuple:
        out.append(b"l" + len(value).to_bytes(4, "little"))  # type: ignore[arg-type]
        for item in value:  # type: ignore[attr-defined]
            _encode(item, out, depth - 1)
    elif kind is dict:
        out.append(b"d" + len(value).to_bytes(4, "little"))  # type: ignore[arg-type]
        for key, item in value.items():  # type: ignore[attr-defined]
            if type(key) is not str and type(key) is not int:
                raise ValueFormatError("a key is neither text nor an integer")
            _encode(key, out, depth - 1)
            _encode(item, out, depth - 1)
    else:
        raise ValueFormatError("cannot encode a value of type " + kind.__name__)


def _encode_int(value: int) -> bytes:
    if -(1 << 63) <= value < 1 << 63:
        return b"i" + value.to_bytes(8, "little", signed=True)
    if 0 <= value < 1 << 64:
        return b"u" + value.to_bytes(8, "little")
    raise ValueFormatError("integer needs more than 64 bits")


def _encode_sized(tag: bytes, data: bytes, out: "list[bytes]") -> None:
    if len(data) >= 1 << 32:
        raise ValueFormatError("text or bytes too long")
    out.append(tag + len(data).to_bytes(4, "little"))
    out.append(data)


def decode_value(data: "bytes | bytearray | memoryview", max_depth: int = MAX_DEPTH) -> object:
    """Decode exactly one value that fills ``data``.

    Raises:
        ValueFormatError: anything else than one complete, well-formed value.
    """
    decoder = _Decoder(bytes(data))
    value = decoder.decode(max_depth)
    if decoder.position != len(decoder.data):
        raise ValueFormatError("bytes follow the value")
    return value


class _Decoder:
    """A position in the bytes of one value. Recursion is bounded by the caller's depth.

    A capture has tens of thousands of values, most of them short texts that come again and again: each step counts here.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0
        self.values_left = MAX_VALUES
        self.texts = {}  # type: dict[bytes, str]

    def take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self.data):
            raise ValueFormatError("value is cut short")
        chunk = self.data[self.position : end]
        self.position = end
        return chunk

    def count(self, smallest_item: int) -> int:
        count = int.from_bytes(self.take(4), "little")
        if count * smallest_item > len(self.data) - self.position:
            raise ValueFormatError("count is larger than the bytes that follow")
        return count

    def decode(self, depth: int) -> object:
        self.values_left -= 1
        if self.values_left < 0:
            raise ValueFormatError("too many values")
        data = self.data
        start = self.position + 1
        tag = data[start - 1 : start]
        self.position = start
        if tag == b"s":
            return self.decode_text()
        if tag in (b"i", b"u"):
            self.position = end = start + 8
            if end > len(data):
                raise ValueFormatError("value is cut short")
            return int.from_bytes(data[start:end], "little", signed=tag == b"i")
        if tag in (b"l", b"d"):
            if depth <= 0:
                raise ValueFormatError("value is nested too deep")
            return self.decode_list(depth - 1) if tag == b"l" else self.decode_dict(depth - 1)
        return self.decode_rare(tag)

    def decode_rare(self, tag: bytes) -> object:
        if tag in _CONSTANTS:
            return _CONSTANTS[tag]
        if tag == b"b":
            return self.take(self.count(1))
        if tag == b"f":
            return self.decode_float()
        raise ValueFormatError("unknown tag" if tag else "value is cut short")

    def decode_text(self) -> str:
        data = self.data
        start = self.position + 4
        end = start + int.from_bytes(data[start - 4 : start], "little")
        if end > len(data):
            raise ValueFormatError("text is cut short")
        self.position = end
        chunk = data[start:end]
        try:
            return self.texts[chunk]
        except KeyError:
            pass
        try:
            text = self.texts[chunk] = chunk.decode("utf-8")
        except UnicodeDecodeError:
            raise ValueFormatError("text is not UTF-8") from None
        return text

    def decode_float(self) -> float:
        text = self.take(self.take(1)[0])
        try:
            value = float.fromhex(text.decode("ascii"))
        except (ValueError, OverflowError):
            raise ValueFormatError("not a float") from None
        if value.hex().encode("ascii") != text:
            raise ValueFormatError("not a float as float.hex() writes it")
        return value

    def decode_list(self, depth: int) -> "list[object]":
        decode = self.decode
        return [decode(depth) for _ in range(self.count(1))]

    def decode_dict(self, depth: int) -> "dict[str | int, object]":
        decode = self.decode
        result = {}  # type: dict[str | int, object]
        for _ in range(self.count(2)):
            key = decode(depth)
            if type(key) is not str and type(key) is not int:
                raise ValueFormatError("a key is neither text nor an integer")
            if key in result:
                raise ValueFormatError("a key comes twice")
            result[key] = decode(depth)
        return result


_CONSTANTS = {b"N": None, b"T": True, b"F": False}
