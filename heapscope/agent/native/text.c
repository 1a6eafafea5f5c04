/* Reading str objects where they lie: characters of 1, 2 or 4 bytes. Nothing is cached in the object, unlike PyUnicode_AsUTF8. */
#include "heapwalk.h"

enum { LENGTH = 16, HASH = 24, STATE = 32, BYTES_DATA = 32 };
enum { STATE_INTERNED = 3, STATE_KIND_SHIFT = 2, STATE_COMPACT = 1 << 5, STATE_ASCII = 1 << 6 };

int is_text(Object object)
{
    return object != 0 && (word_at(TYPE_OF_OBJECT(object), TP_FLAGS) & FLAG_STR);
}

int text_of(Object object, struct Text *text)
{
    if (!is_text(object))
        return 0;
    u8 state = byte_at(object, STATE);
    u32 width = state >> STATE_KIND_SHIFT & 7;
    text->length = word_at(object, LENGTH);
    text->width = width;
    text->is_ascii = (state & STATE_ASCII) != 0;
    if (state & STATE_COMPACT)
        text->data = (const void *)(object + (u64)(text->is_ascii ? walk.layout.ascii_data : walk.layout.compact_data));
    else
        text->data = (const void *)word_at(object, walk.layout.any_data);
    if (text->data == NULL || (width != 1 && width != 2 && width != 4) || text->length >> 48) {
        text->length = 0; /* 3.8-3.11: a legacy string that was never made ready */
        text->width = 1;
        text->data = "";
    }
    return 1;
}

u64 text_flags(Object object)
{
    static const u8 widths[8] = {[1] = 1, [2] = 2, [4] = 3}; /* 0: a legacy string that was never made ready */
    u8 state = byte_at(object, STATE);
    u64 width = widths[state >> STATE_KIND_SHIFT & 7];
    /* What is ASCII shares its characters with its UTF-8; from 3.12 on the strings of one Latin-1 character are static with it. */
    int is_static_form = walk.layout.minor >= 12 && width == 1 && word_at(object, LENGTH) == 1;
    int caches = width != 0 && !(state & STATE_ASCII) && !is_static_form && word_at(object, walk.layout.utf8) != 0;
    return width << ROW_TEXT_WIDTH_SHIFT | (caches ? ROW_TEXT_CACHES_UTF8 : 0);
}

static u32 character(const struct Text *text, u64 index)
{
    if (text->width == 1)
        return ((const u8 *)text->data)[index];
    return text->width == 2 ? ((const uint16_t *)text->data)[index] : ((const u32 *)text->data)[index];
}

static u64 c_length(const char *text)
{
    u64 length = 0;
    while (text[length] != 0)
        length++;
    return length;
}

int c_text_is(const char *text, const char *other)
{
    u64 length = c_length(other);
    for (u64 i = 0; i <= length; i++)
        if (text[i] != other[i])
            return 0;
    return 1;
}

int text_is(Object object, const char *ascii)
{
    struct Text text;
    u64 length = c_length(ascii);
    return text_of(object, &text) && text.width == 1 && text.length == length && memcmp(text.data, ascii, length) == 0;
}

int text_is_interned(Object object)
{
    return (byte_at(object, STATE) & STATE_INTERNED) != 0;
}

int text_equal(Object left, Object right)
{
    struct Text a, b;
    return left == right || (text_of(left, &a) && text_of(right, &b) && a.length == b.length && a.width == b.width &&
                             memcmp(a.data, b.data, a.length * a.width) == 0);
}

int text_contains(Object object, const char *ascii)
{
    struct Text text;
    u64 length = c_length(ascii);
    if (!text_of(object, &text))
        return 0;
    for (u64 start = 0; start + length <= text.length; start++) {
        u64 i = 0;
        while (i < length && character(&text, start + i) == (u8)ascii[i])
            i++;
        if (i == length)
            return 1;
    }
    return 0;
}

/* The hash that Python computes of a str or bytes: kept in the object or computed here, never written there. */
u64 text_hash(Object object)
{
    u64 known = word_at(object, HASH);
    if (known != UINT64_MAX)
        return known;
    const void *data = (const void *)(object + BYTES_DATA);
    u64 size = word_at(object, VAR_SIZE);
    struct Text text;
    if (text_of(object, &text)) {
        data = text.data;
        size = text.length * text.width;
    }
    Object function = SYMBOL(_Py_HashBytes) ? SYMBOL(_Py_HashBytes) : SYMBOL(Py_HashBuffer);
    return function == 0 ? 0 : (u64)((long (*)(const void *, long))function)(data, (long)size);
}

/* unicode_sizeof() in Objects/unicodeobject.c. */
u64 text_bytes(Object object)
{
    struct Text text;
    text_of(object, &text);
    u8 state = byte_at(object, STATE);
    long basic = walk.layout.any_data + 8;
    u64 size = (text.length + 1) * text.width;
    if (text.length == 0 && word_at(object, LENGTH) != 0)
        size = 0;
    if (!(state & STATE_COMPACT))
        size = word_at(object, walk.layout.any_data) != 0 ? size + (u64)basic : (u64)basic;
    else
        size += (u64)(text.is_ascii ? walk.layout.ascii_data : walk.layout.compact_data);
    if (walk.layout.minor < 12) {
        u64 wide = word_at(object, 40);
        u64 wide_length = (state & STATE_COMPACT) && text.is_ascii ? text.length : word_at(object, 64);
        if (wide != 0 && wide != (u64)text.data)
            size += (wide_length + 1) * 4;
    }
    if (!((state & STATE_COMPACT) && text.is_ascii)) {
        u64 utf8 = word_at(object, walk.layout.utf8);
        if (utf8 != 0 && utf8 != (u64)text.data)
            size += word_at(object, walk.layout.utf8_length) + 1;
    }
    return size;
}

static void put_character(u8 *to, u64 *size, u32 value)
{
    static const char digits[] = "0123456789abcdef";
    if (value < 0x80) {
        to[(*size)++] = (u8)value;
    } else if (value < 0x800) {
        to[(*size)++] = (u8)(0xC0 | value >> 6);
        to[(*size)++] = (u8)(0x80 | (value & 63));
    } else if (value >= 0xD800 && value < 0xE000) { /* a lone surrogate, as "backslashreplace" writes it */
        to[(*size)++] = '\\';
        to[(*size)++] = 'u';
        for (int shift = 12; shift >= 0; shift -= 4)
            to[(*size)++] = (u8)digits[value >> shift & 15];
    } else if (value < 0x10000) {
        to[(*size)++] = (u8)(0xE0 | value >> 12);
        to[(*size)++] = (u8)(0x80 | (value >> 6 & 63));
        to[(*size)++] = (u8)(0x80 | (value & 63));
    } else if (value < 0x110000) {
        to[(*size)++] = (u8)(0xF0 | value >> 18);
        to[(*size)++] = (u8)(0x80 | (value >> 12 & 63));
        to[(*size)++] = (u8)(0x80 | (value >> 6 & 63));
        to[(*size)++] = (u8)(0x80 | (value & 63));
    }
}

/* Write at most ``limit`` characters as UTF-8; returns bytes. ``to`` has room for 6 bytes per character. */
u64 text_encode(Object object, u8 *to, u64 limit)
{
    struct Text text;
    u64 size = 0;
    if (!text_of(object, &text))
        return 0;
    for (u64 i = 0; i < text.length && i < limit; i++)
        put_character(to, &size, character(&text, i));
    return size;
}

/* Write at most ``limit`` bytes of UTF-8, cut between characters; returns bytes. */
u64 text_encode_bytes(Object object, u8 *to, u64 limit)
{
    struct Text text;
    u64 size = 0;
    if (!text_of(object, &text))
        return 0;
    for (u64 i = 0; i < text.length && size <= limit; i++)
        put_character(to, &size, character(&text, i));
    if (size > limit)
        for (size = limit; size > 0 && (to[size] & 0xC0) == 0x80;)
            size--;
    return size;
}

/* The same for a C string of the target: what is not ASCII becomes "?". */
u64 c_text_encode(const char *text, u8 *to, u64 limit)
{
    u64 size = 0;
    for (; text != NULL && size < limit && text[size] != 0; size++)
        to[size] = (u8)text[size] < 0x80 ? (u8)text[size] : '?';
    return size;
}

void put_object_text(Object object)
{
    static u8 text[6 * MAX_NAME];
    put_text((const char *)text, text_encode(object, text, MAX_NAME));
}
