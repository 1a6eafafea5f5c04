/* Frames to the host: packed rows and references, and plain values. Formats: heapscope/wire/protocol.py and values.py. */
#include "heapwalk.h"

enum { RESULT_DESCRIPTOR = 3, HEADER = 8, PACKED_HEAD = 16, BUFFER = 1 << 18, ROW_LIMIT = 192, REFERENCE_LIMIT = 10 };
enum { VALUES_LIMIT = 8 << 20 };
enum { BIT_SHALLOW = 1, BIT_ALLOCATED = 2, BIT_REFCOUNT = 4, BIT_LENGTH = 8, BIT_FLAGS = 16, BIT_FINGERPRINT = 32, BIT_REFERENCES = 64 };

struct Frame values;
static u8 buffer[BUFFER + 16];
static u8 *position;
static u32 rows, references;
static int is_bare; /* the last row announces references, and has no chunk yet */
static u64 previous_address, previous_target, sequence, known_types;

static void put_header(u8 *to, u64 length, int kind)
{
    u32 size = (u32)length;
    memcpy(to, &size, 4);
    to[4] = (u8)kind;
    to[5] = 0;
    to[6] = (u8)sequence;
    to[7] = (u8)(sequence >> 8);
    sequence++;
}

static void send(const void *data, u64 size)
{
    if (machine_write(RESULT_DESCRIPTOR, data, size) < 0)
        machine_exit(0); /* the host has gone: nobody is left to tell */
}

static void begin_packed(void)
{
    position = buffer + HEADER + PACKED_HEAD;
    rows = references = 0;
    previous_address = 0;
}

void stream_open(void)
{
    values.data = machine_map(VALUES_LIMIT);
    values.limit = VALUES_LIMIT;
    if (values.data == NULL)
        machine_exit(1);
    begin_packed();
    values_reset();
}

static u64 checksum(const u8 *data, u64 size)
{
    u64 sum = 0;
    for (u64 i = 0; i < size; i += 8) {
        u64 word;
        memcpy(&word, data + i, 8);
        sum = ((sum << 5 | sum >> 59) ^ word) * 0x9E3779B97F4A7C15u;
    }
    return sum;
}

void stream_check_limits(void)
{
    if (walk.deadline != 0 && machine_now_ns() > walk.deadline)
        walk.failure = "deadline";
    if (walk.objects > walk.options->max_objects)
        walk.failure = "too-many-objects";
}

void stream_flush(void)
{
    u8 *payload = buffer + HEADER;
    u64 size = (u64)(position - payload) - PACKED_HEAD;
    if (size == 0)
        return;
    memset(position, 0, 8); /* the checksum takes whole words */
    u64 sum = checksum(payload + PACKED_HEAD, size);
    memcpy(payload, &rows, 4);
    memcpy(payload + 4, &references, 4);
    memcpy(payload + 8, &sum, 8);
    put_header(buffer, PACKED_HEAD + size, KIND_PACKED);
    send(buffer, HEADER + PACKED_HEAD + size);
    begin_packed();
    stream_check_limits();
}

/* Without a loop: how many bytes it takes is hard to foresee. Writes a whole word; what is behind the number comes next. */
static inline u8 *pack_varint(u8 *to, u64 value)
{
    if (value < 128) {
        *to = (u8)value;
        return to + 1;
    }
    if (value >> 56) {
        for (; value >= 128; value >>= 7)
            *to++ = (u8)(value | 128);
        *to++ = (u8)value;
        return to;
    }
    unsigned more = (63 - (unsigned)__builtin_clzll(value)) / 7; /* bytes but the last, 1 to 7 */
    u64 word = (value & 0x0FFFFFFF) | (value & 0x00FFFFFFF0000000) << 4;
    word = (word & 0x00003FFF00003FFF) | (word & 0x0FFFC0000FFFC000) << 2;
    word = (word & 0x007F007F007F007F) | (word & 0x3F803F803F803F80) << 1;
    word |= 0x8080808080808080 & (((u64)1 << 8 * more) - 1);
    memcpy(to, &word, 8);
    return to + more + 1;
}

static inline u8 *pack_delta(u8 *to, u64 from, u64 target)
{
    int64_t delta = (int64_t)(target - from) >> 3;
    return pack_varint(to, (u64)delta << 1 ^ (u64)(delta >> 63));
}

void stream_row(struct Plan *plan, Object object, u64 refcount, const struct Row *row, int has_references)
{
    if (walk.is_census) {
        count_row(plan, row);
        return;
    }
    if (position > buffer + BUFFER - ROW_LIMIT)
        stream_flush();
    unsigned what = has_references ? BIT_REFERENCES : 0;
    u8 *first = position, *to = pack_delta(first + 1, previous_address, object);
    previous_address = previous_target = object;
    int is_new = plan->number == 0;
    if (is_new)
        plan->number = ++known_types;
    to = pack_varint(to, plan->number - 1);
    if (is_new)
        to = pack_varint(to, plan->type >> 3);
    if (row->shallow != plan->last_shallow) {
        what |= BIT_SHALLOW;
        to = pack_varint(to, plan->last_shallow = row->shallow);
    }
    if (row->allocated != plan->last_allocated) {
        what |= BIT_ALLOCATED;
        to = pack_varint(to, plan->last_allocated = row->allocated);
    }
    if (refcount != 1) {
        what |= BIT_REFCOUNT;
        to = pack_varint(to, refcount);
    }
    if (row->length != NO_LENGTH) {
        what |= BIT_LENGTH;
        to = pack_varint(to, row->length);
    }
    if (row->flags != plan->last_flags) {
        what |= BIT_FLAGS;
        to = pack_varint(to, plan->last_flags = row->flags);
    }
    if (row->fingerprint != 0) {
        what |= BIT_FINGERPRINT;
        memcpy(to, &row->fingerprint, 8);
        to += 8;
    }
    *first = (u8)what;
    position = to;
    is_bare = has_references;
    rows++;
    walk.objects++;
}

void stream_chunk(const Object *targets, u64 count, int more)
{
    enum { STEP = 4096 };
    if (walk.is_census) {
        walk.references += count;
        return;
    }
    do {
        u64 part = count < STEP ? count : STEP;
        if (position > buffer + BUFFER - REFERENCE_LIMIT * (part + 1)) {
            if (is_bare) /* a row and its first chunk stand in one frame: let that be an empty one */
                *position++ = 1;
            stream_flush();
        }
        is_bare = 0;
        count -= part;
        u8 *to = pack_varint(position, part << 1 | (count > 0 || more));
        u64 previous = previous_target;
        for (u64 i = 0; i < part; i++) {
            to = pack_delta(to, previous, targets[i]);
            previous = targets[i];
        }
        position = to;
        previous_target = previous;
        targets += part;
        references += (u32)part;
        walk.references += part;
    } while (count > 0);
}

void stream_raw(int kind, const void *data, u64 size)
{
    u8 header[HEADER];
    put_header(header, size, kind);
    send(header, HEADER);
    send(data, size);
}

/* ---- plain values ---- */

void values_reset(void)
{
    values.size = HEADER;
}

void values_send(int kind)
{
    stream_flush();
    put_header(values.data, values.size - HEADER, kind);
    send(values.data, values.size);
    values_reset();
}

static u8 *take(u64 size)
{
    if (values.size + size > values.limit) {
        walk.failure = "a record is too long";
        values.size = HEADER;
    }
    u8 *place = values.data + values.size;
    values.size += size;
    return place;
}

static void put_tagged(char tag, const void *data, u64 size)
{
    u8 *place = take(1 + size);
    *place = (u8)tag;
    memcpy(place + 1, data, size);
}

void put_none(void)
{
    put_tagged('N', "", 0);
}

void put_bool(int value)
{
    put_tagged(value ? 'T' : 'F', "", 0);
}

void put_unsigned(u64 value)
{
    put_tagged(value >> 63 ? 'u' : 'i', &value, 8);
}

void put_signed(int64_t value)
{
    put_tagged('i', &value, 8);
}

void put_list(u64 count)
{
    u32 size = (u32)count;
    put_tagged('l', &size, 4);
}

void put_dict(u64 count)
{
    u32 size = (u32)count;
    put_tagged('d', &size, 4);
}

u64 values_hole(void)
{
    return values.size - 4; /* the count of the list or dict just put */
}

void values_fill(u64 hole, u64 count)
{
    u32 size = (u32)count;
    memcpy(values.data + hole, &size, 4);
}

void put_text(const char *data, u64 length)
{
    u32 size = (u32)length;
    put_tagged('s', &size, 4);
    memcpy(take(length), data, length);
}

void put_c_text(const char *text)
{
    u64 length = 0;
    while (text[length] != 0 && length < MAX_NAME)
        length++;
    put_text(text, length);
}
