/* Decodes PACKED payloads into columns.

   One pass over the bytes for the checksum, one for the items. Every integer is read by varint(), which knows the end of
   the payload; what it answers is checked by whoever asked. Nothing is allocated per row. */
#include "heapdecode.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_SIZE 16
#define ADDRESS_LIMIT ((uint64_t)1 << 61) /* addresses are multiples of 8 and travel without the three zeros */
#define NO_LENGTH UINT64_MAX
#define INLINE static inline __attribute__((always_inline)) /* for what would be a call per field, or keep positions in memory */

enum {
    HAS_SHALLOW = 1 << 0,
    HAS_ALLOCATED = 1 << 1,
    HAS_REFCOUNT = 1 << 2,
    HAS_LENGTH = 1 << 3,
    HAS_FLAGS = 1 << 4,
    HAS_FINGERPRINT = 1 << 5,
    HAS_REFERENCES = 1 << 6,
    KNOWN_BITS = (1 << 7) - 1,
};

typedef struct {
    uint64_t shallow; /* of the row before of this type */
    uint64_t allocated;
    uint32_t flags;
    uint32_t id;
} Type;

struct HeapDecoder {
    uint32_t max_types;
    int failed;
    int is_open;          /* the last row has another chunk */
    uint64_t open_target; /* its target before, >> 3 */

    Type *types; /* by number on the wire */
    uint32_t type_count;
    uint32_t type_capacity;

    uint64_t *id_address; /* by id */
    uint32_t id_count;
    uint32_t id_capacity;
    uint32_t *slots; /* hash table of ids + 1, of a size that is a power of two */
    uint32_t slot_mask;
};

int heapdecode_abi(void) { return HEAPDECODE_ABI; }

HeapDecoder *heapdecode_open(uint32_t max_types)
{
    HeapDecoder *decoder = calloc(1, sizeof *decoder);
    if (decoder == NULL)
        return NULL;
    decoder->max_types = max_types;
    decoder->slot_mask = 1023;
    decoder->slots = calloc((size_t)decoder->slot_mask + 1, sizeof *decoder->slots);
    if (decoder->slots == NULL) {
        free(decoder);
        return NULL;
    }
    return decoder;
}

void heapdecode_close(HeapDecoder *decoder)
{
    if (decoder == NULL)
        return;
    free(decoder->types);
    free(decoder->id_address);
    free(decoder->slots);
    free(decoder);
}

int heapdecode_is_open(const HeapDecoder *decoder) { return decoder->is_open; }

uint32_t heapdecode_type_count(const HeapDecoder *decoder) { return decoder->id_count; }

void heapdecode_types(const HeapDecoder *decoder, uint64_t *addresses)
{
    if (decoder->id_count > 0)
        memcpy(addresses, decoder->id_address, decoder->id_count * sizeof *addresses);
}

/* ---- types ---- */

/* Make room for one more element; the element size is that of the array. */
static int grow(void **array, uint32_t count, uint32_t *capacity, size_t element_size)
{
    if (count < *capacity)
        return HEAPDECODE_OK;
    uint32_t wanted = *capacity ? *capacity * 2 : 256;
    void *grown = realloc(*array, wanted * element_size);
    if (grown == NULL)
        return HEAPDECODE_MEMORY;
    *array = grown;
    *capacity = wanted;
    return HEAPDECODE_OK;
}

static uint32_t slot_of(uint64_t address, uint32_t mask)
{
    return (uint32_t)((address * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & mask;
}

static int rehash(HeapDecoder *decoder)
{
    uint32_t mask = decoder->slot_mask * 2 + 1;
    uint32_t *slots = calloc((size_t)mask + 1, sizeof *slots);
    if (slots == NULL)
        return HEAPDECODE_MEMORY;
    for (uint32_t id = 0; id < decoder->id_count; id++) {
        uint32_t slot = slot_of(decoder->id_address[id], mask);
        while (slots[slot] != 0)
            slot = (slot + 1) & mask;
        slots[slot] = id + 1;
    }
    free(decoder->slots);
    decoder->slots = slots;
    decoder->slot_mask = mask;
    return HEAPDECODE_OK;
}

static int intern(HeapDecoder *decoder, uint64_t address, uint32_t *id)
{
    uint32_t slot = slot_of(address, decoder->slot_mask);
    for (; decoder->slots[slot] != 0; slot = (slot + 1) & decoder->slot_mask) {
        if (decoder->id_address[decoder->slots[slot] - 1] == address) {
            *id = decoder->slots[slot] - 1;
            return HEAPDECODE_OK;
        }
    }
    if (decoder->id_count >= decoder->max_types)
        return HEAPDECODE_TYPE;
    if (grow((void **)&decoder->id_address, decoder->id_count, &decoder->id_capacity, sizeof *decoder->id_address))
        return HEAPDECODE_MEMORY;
    *id = decoder->id_count++;
    decoder->id_address[*id] = address;
    decoder->slots[slot] = *id + 1;
    return decoder->id_count > decoder->slot_mask / 2 ? rehash(decoder) : HEAPDECODE_OK;
}

int heapdecode_intern(HeapDecoder *decoder, const uint64_t *addresses, size_t count, uint32_t *ids)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && addresses[i] == addresses[i - 1]) {
            ids[i] = ids[i - 1];
            continue;
        }
        int fault = intern(decoder, addresses[i], &ids[i]);
        if (fault)
            return fault;
    }
    return HEAPDECODE_OK;
}

static int add_type(HeapDecoder *decoder, uint64_t address)
{
    if (decoder->type_count >= decoder->max_types)
        return HEAPDECODE_TYPE;
    if (grow((void **)&decoder->types, decoder->type_count, &decoder->type_capacity, sizeof *decoder->types))
        return HEAPDECODE_MEMORY;
    Type type = {0};
    int fault = intern(decoder, address, &type.id);
    if (fault)
        return fault;
    decoder->types[decoder->type_count++] = type;
    return HEAPDECODE_OK;
}

/* ---- bytes ---- */

typedef struct {
    const uint8_t *at;
    const uint8_t *end;
    int fault;
} Bytes;

static uint64_t load64(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

static uint64_t checksum(const uint8_t *at, size_t size)
{
    uint64_t sum = 0, last = 0;
    for (; size >= 8; at += 8, size -= 8)
        sum = ((sum << 5 | sum >> 59) ^ load64(at)) * UINT64_C(0x9E3779B97F4A7C15);
    if (size > 0) {
        memcpy(&last, at, size);
        sum = ((sum << 5 | sum >> 59) ^ last) * UINT64_C(0x9E3779B97F4A7C15);
    }
    return sum;
}

/* A value and what follows it; or no place, and the fault. */
typedef struct {
    const uint8_t *at;
    uint64_t value;
} Found;

/* By value: whoever gave the address of its position away would have to keep it in memory. */
static __attribute__((noinline)) Found varint_bytewise(const uint8_t *at, const uint8_t *end)
{
    uint64_t value = 0;
    for (unsigned shift = 0; at < end; shift += 7) {
        uint64_t byte = *at++;
        if (shift == 63 && byte > 1)
            return (Found){NULL, HEAPDECODE_VARINT};
        value |= (byte & 0x7f) << shift;
        if (byte < 0x80)
            return (Found){at, value};
    }
    return (Found){NULL, HEAPDECODE_CUT_OFF};
}

/* The value of up to eight bytes of seven bits each. */
static inline uint64_t pack(uint64_t word)
{
    word = (word & UINT64_C(0x007f007f007f007f)) | (word & UINT64_C(0x7f007f007f007f00)) >> 1;
    word = (word & UINT64_C(0x00003fff00003fff)) | (word & UINT64_C(0x3fff00003fff0000)) >> 2;
    return (word & UINT64_C(0x000000000fffffff)) | (word & UINT64_C(0x0fffffff00000000)) >> 4;
}

/* Two to eight bytes without a loop: how many they are is hard to foresee, and a wrong guess costs more than this. */
INLINE uint64_t varint_long(Bytes *bytes)
{
    if (bytes->end - bytes->at >= 8) {
        uint64_t word = load64(bytes->at);
        uint64_t stops = ~word & UINT64_C(0x8080808080808080);
        if (stops != 0) {
            bytes->at += (__builtin_ctzll(stops) >> 3) + 1;
            return pack(word & (stops ^ (stops - 1)) & UINT64_C(0x7f7f7f7f7f7f7f7f));
        }
    }
    Found found = varint_bytewise(bytes->at, bytes->end);
    if (found.at == NULL) {
        bytes->fault = (int)found.value;
        return 0;
    }
    bytes->at = found.at;
    return found.value;
}

/* A fault leaves the position where it was; who reads on gets values that mean nothing. */
INLINE uint64_t varint(Bytes *bytes)
{
    if (bytes->at < bytes->end && *bytes->at < 0x80)
        return *bytes->at++;
    return varint_long(bytes);
}

static inline uint64_t unzigzag(uint64_t value) { return (value >> 1) ^ (0 - (value & 1)); }

/* ---- items ---- */

typedef struct {
    HeapDecoder *decoder;
    Bytes bytes;
    uint64_t *references;
    uint64_t *references_end;
} Frame;

/* Read chunks of one row until the last one or the end of the payload. */
INLINE int read_chunks(Frame *frame, uint64_t target, uint32_t *reference_count)
{
    Bytes bytes = frame->bytes;
    uint64_t total = *reference_count, more;
    do {
        uint64_t head = varint(&bytes), seen = 0;
        uint64_t count = head >> 1;
        more = head & 1;
        if (bytes.fault)
            return bytes.fault;
        if (count > (uint64_t)(bytes.end - bytes.at))
            return HEAPDECODE_CUT_OFF;
        if (count > (uint64_t)(frame->references_end - frame->references))
            return HEAPDECODE_COUNTS;
        uint64_t *to = frame->references, *to_end = to + count;
        for (; to < to_end; to++) {
            target += unzigzag(varint(&bytes));
            seen |= target;
            *to = target << 3;
        }
        if (bytes.fault)
            return bytes.fault;
        if (seen >= ADDRESS_LIMIT)
            return HEAPDECODE_ADDRESS;
        frame->references = to_end;
        total += count;
    } while (more && bytes.at < bytes.end);
    if (total > UINT32_MAX)
        return HEAPDECODE_RANGE;
    frame->bytes = bytes;
    frame->decoder->is_open = (int)more;
    frame->decoder->open_target = target;
    *reference_count = (uint32_t)total;
    return HEAPDECODE_OK;
}

INLINE int read_type(Frame *frame, uint32_t *number)
{
    HeapDecoder *decoder = frame->decoder;
    uint64_t wanted = varint(&frame->bytes);
    if (frame->bytes.fault)
        return frame->bytes.fault;
    if (wanted > decoder->type_count)
        return HEAPDECODE_TYPE;
    *number = (uint32_t)wanted;
    if (wanted < decoder->type_count)
        return HEAPDECODE_OK;
    uint64_t address = varint(&frame->bytes);
    if (frame->bytes.fault)
        return frame->bytes.fault;
    return address >= ADDRESS_LIMIT ? HEAPDECODE_ADDRESS : add_type(decoder, address << 3);
}

INLINE int read_row(Frame *frame, uint64_t *address, const HeapColumns *columns, uint64_t row)
{
    Bytes *bytes = &frame->bytes;
    if (bytes->at >= bytes->end)
        return HEAPDECODE_CUT_OFF;
    unsigned bits = *bytes->at++;
    uint32_t number;
    if (bits & ~(unsigned)KNOWN_BITS)
        return HEAPDECODE_BITS;
    *address += unzigzag(varint(bytes));
    int fault = read_type(frame, &number);
    if (fault)
        return fault;
    Type *type = &frame->decoder->types[number];
    if (bits & HAS_SHALLOW)
        type->shallow = varint(bytes);
    if (bits & HAS_ALLOCATED)
        type->allocated = varint(bytes);
    uint64_t refcount = bits & HAS_REFCOUNT ? varint(bytes) : 1;
    uint64_t length = bits & HAS_LENGTH ? varint(bytes) : NO_LENGTH;
    uint64_t flags = bits & HAS_FLAGS ? varint(bytes) : type->flags;
    uint64_t fingerprint = 0;
    if (bits & HAS_FINGERPRINT) {
        if (bytes->end - bytes->at < 8)
            return HEAPDECODE_CUT_OFF;
        fingerprint = load64(bytes->at);
        bytes->at += 8;
    }
    if (bytes->fault)
        return bytes->fault;
    if (*address >= ADDRESS_LIMIT)
        return HEAPDECODE_ADDRESS;
    if (flags > UINT32_MAX)
        return HEAPDECODE_RANGE;
    type->flags = (uint32_t)flags;
    columns->address[row] = *address << 3;
    columns->type[row] = type->id;
    columns->shallow[row] = type->shallow;
    columns->allocated[row] = type->allocated;
    columns->refcount[row] = refcount;
    columns->length[row] = length;
    columns->flags[row] = (uint32_t)flags;
    columns->fingerprint[row] = fingerprint;
    columns->reference_count[row] = 0;
    return bits & HAS_REFERENCES ? read_chunks(frame, *address, &columns->reference_count[row]) : HEAPDECODE_OK;
}

static int read_items(Frame *frame, const HeapColumns *columns, uint32_t rows)
{
    HeapDecoder *decoder = frame->decoder;
    uint64_t address = 0;
    if (decoder->is_open) {
        if (columns->first_row == 0)
            return HEAPDECODE_ROOM;
        int fault = read_chunks(frame, decoder->open_target, &columns->reference_count[columns->first_row - 1]);
        if (fault)
            return fault;
    }
    for (uint32_t row = 0; row < rows; row++) {
        int fault = read_row(frame, &address, columns, columns->first_row + row);
        if (fault)
            return fault;
    }
    /* A row is left open by a chunk at the end of the payload, so nothing can follow it here. */
    return frame->bytes.at == frame->bytes.end && frame->references == frame->references_end ? HEAPDECODE_OK
                                                                                             : HEAPDECODE_COUNTS;
}

static void touch_columns(const HeapColumns *to, uint32_t rows, uint32_t references)
{
    uint64_t *wide[] = {to->address, to->shallow, to->allocated, to->refcount, to->length, to->fingerprint};
    uint32_t *narrow[] = {to->type, to->flags, to->reference_count};
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
        heapmemory_touch(wide[i] + to->first_row, rows * sizeof *wide[i]);
    for (size_t i = 0; i < sizeof narrow / sizeof narrow[0]; i++)
        heapmemory_touch(narrow[i] + to->first_row, rows * sizeof *narrow[i]);
    heapmemory_touch(to->references + to->first_reference, references * sizeof *to->references);
}

static int feed(HeapDecoder *decoder, const uint8_t *payload, size_t size, const HeapColumns *columns)
{
    uint32_t rows, references;
    if (size < HEAD_SIZE)
        return HEAPDECODE_CUT_OFF;
    memcpy(&rows, payload, 4);
    memcpy(&references, payload + 4, 4);
    if (rows > columns->row_room || references > columns->reference_room)
        return HEAPDECODE_ROOM;
    if (checksum(payload + HEAD_SIZE, size - HEAD_SIZE) != load64(payload + 8))
        return HEAPDECODE_CHECKSUM;
    touch_columns(columns, rows, references);
    uint64_t *first = columns->references + columns->first_reference;
    Frame frame = {decoder, {payload + HEAD_SIZE, payload + size, 0}, first, first + references};
    return read_items(&frame, columns, rows);
}

int heapdecode_feed(HeapDecoder *decoder, const uint8_t *payload, size_t size, const HeapColumns *columns)
{
    if (decoder->failed)
        return HEAPDECODE_FAILED;
    int fault = feed(decoder, payload, size, columns);
    decoder->failed = fault != HEAPDECODE_OK;
    return fault;
}

/* ---- what must hold for all rows ---- */

void heapdecode_total(const uint64_t *address, const uint64_t *shallow, const uint64_t *allocated, uint64_t *length,
                      uint64_t count, uint64_t length_limit, HeapTotals *totals)
{
    HeapTotals found = {0};
    for (uint64_t i = 0; i < count; i++) {
        found.zero_addresses += address[i] == 0;
        found.largest = shallow[i] > found.largest ? shallow[i] : found.largest;
        found.largest = allocated[i] > found.largest ? allocated[i] : found.largest;
        found.shallow += (double)shallow[i];
        found.allocated += (double)allocated[i];
        if (length[i] > length_limit && length[i] != NO_LENGTH) {
            length[i] = NO_LENGTH;
            found.odd_lengths++;
        }
    }
    *totals = found;
}
