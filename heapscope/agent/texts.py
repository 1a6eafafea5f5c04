"""How strings keep their characters: bytes per character, and whether their UTF-8 is kept beside them.

Never makes anything in a string, and says nothing where the layout was not found true on strings made here.

    state       at 32: two bits interned, three bits kind (bytes per character), a bit compact, a bit ascii
    UTF-8       a pointer in strings that are not ASCII; those that are share it with their characters. That of strings of one
                Latin-1 character is static from 3.12 on, as these strings are
"""

from heapscope.wire.protocol import Flag

LENGTH = 16
STATE = 32
COMPACT = 1 << 5
ASCII = 1 << 6
ONE_BYTE = 1 << Flag.TEXT_WIDTH_SHIFT
_WIDTHS = {1: ONE_BYTE, 2: 2 << Flag.TEXT_WIDTH_SHIFT, 4: 3 << Flag.TEXT_WIDTH_SHIFT}
_IS_ASCII = str.isascii
_SIZEOF = str.__sizeof__
_SAMPLES = ((0x61, 1), (0xE9, 1), (0x416, 2), (0x1F600, 4))


class TextMarker:
    """Puts the TEXT bits into the flags of str objects and instances of subclasses."""

    def __init__(self, layout):
        self._memory = layout.memory
        self._header = layout.text_header
        self._utf8 = 56 if layout.minor < 12 else 48
        self._has_static_texts = layout.minor >= 12
        self.is_known = layout.verified and self._holds()

    def _holds(self):
        memory = self._memory
        for character, kind in _SAMPLES:
            sample = chr(character) * 3
            memory.forget()  # the sample is younger than what is cached
            state = memory.word(id(sample) + STATE)
            if state >> 2 & 7 != kind or not state & COMPACT or bool(state & ASCII) != (character < 128):
                return False
            if character >= 128 and (
                _SIZEOF(sample) != self._header + 4 * kind or memory.word(id(sample) + self._utf8) != 0
            ):
                return False
        memory.forget()
        return True

    def mark(self, objects, flags):
        """Add to the flags of each object."""
        if not self.is_known:
            return
        word = self._memory.word
        for index, is_ascii in enumerate(map(_IS_ASCII, objects)):
            if is_ascii:
                flags[index] |= ONE_BYTE
                continue
            address = id(objects[index])
            width = _WIDTHS.get(word(address + STATE) >> 2 & 7, 0)
            flags[index] |= width
            if width and word(address + self._utf8) and not self._is_static_form(address, width):
                flags[index] |= Flag.TEXT_CACHES_UTF8

    def _is_static_form(self, address, width):
        return self._has_static_texts and width == ONE_BYTE and self._memory.word(address + LENGTH) == 1
