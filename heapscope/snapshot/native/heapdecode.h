/* Kernels that turn the bytes of a capture stream into flat columns, and addresses into object indexes.

   Bytes and addresses come from a process that nobody controls: every length, number and index is checked before it is
   used. A fault is an answer, never a crash, and no function writes outside of the room that it was given. */
#ifndef HEAPDECODE_H
#define HEAPDECODE_H

#include <stddef.h>
#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "columns and stream are little-endian, and so must be the machine"
#endif

#define HEAPDECODE_ABI 2
#define HEAPDECODE_NONE UINT32_MAX

#define HEAPDECODE_API __attribute__((visibility("default")))

enum {
    HEAPDECODE_OK = 0,
    HEAPDECODE_MEMORY = 1,    /* out of memory */
    HEAPDECODE_CUT_OFF = 2,   /* the payload ends inside an item */
    HEAPDECODE_CHECKSUM = 3,  /* the items are not those that the sender summed up */
    HEAPDECODE_VARINT = 4,    /* an integer of more than 64 bits */
    HEAPDECODE_ADDRESS = 5,   /* an address outside of 64 bits */
    HEAPDECODE_TYPE = 6,      /* a type number that was not given before, or too many of them */
    HEAPDECODE_BITS = 7,      /* a row with fields that this version does not know */
    HEAPDECODE_RANGE = 8,     /* flags, or the number of references of one object, beyond 32 bits */
    HEAPDECODE_COUNTS = 9,    /* not as many rows or references as the head of the payload says */
    HEAPDECODE_ROOM = 10,     /* the columns have no room for what the head of the payload says */
    HEAPDECODE_FAILED = 11,   /* an earlier payload of the stream was wrong */
    HEAPINDEX_DUPLICATE = 12, /* two objects have the same address */
    HEAPINDEX_UNFIT = 13,     /* addresses are too thinly spread, or no multiples of 8: search them in another way */
    HEAPINDEX_TARGETS = 14,   /* the reference counts do not add up to the references */
};

HEAPDECODE_API int heapdecode_abi(void);

/* ---- memory ---- */

/* Change the size of a block; both sizes are multiples of 64 KiB, 0 for none. Gives its new place, or NULL: without memory
   (the old block is as it was), or because the new size is 0. New memory reads as zeros. */
HEAPDECODE_API void *heapmemory_resize(void *place, size_t old_size, size_t new_size);

/* Have the system give all pages of a large part at once, from the first that begins in it: a tenth cheaper than one by one
   when they are written to. */
void heapmemory_touch(void *place, size_t size);

/* ---- PACKED payloads (heapscope/wire/protocol.py has the format) ---- */

/* First elements of the columns, and where new values go. A decoder writes rows first_row ... first_row + row_room - 1
   and references likewise; besides, it adds to reference_count[first_row - 1] what belongs to a row left open. */
typedef struct {
    uint64_t *address;
    uint32_t *type; /* ids: heapdecode_types tells the addresses */
    uint64_t *shallow;
    uint64_t *allocated;
    uint64_t *refcount;
    uint64_t *length;
    uint32_t *flags;
    uint64_t *fingerprint;
    uint32_t *reference_count;
    uint64_t *references;
    uint64_t first_row;
    uint64_t row_room;
    uint64_t first_reference;
    uint64_t reference_room;
} HeapColumns;

typedef struct HeapDecoder HeapDecoder;

/* One decoder per stream; NULL without memory. Types of the stream are at most max_types. */
HEAPDECODE_API HeapDecoder *heapdecode_open(uint32_t max_types);
HEAPDECODE_API void heapdecode_close(HeapDecoder *decoder);

/* Decode one payload. On HEAPDECODE_OK it wrote exactly the rows and references that the head of the payload counts.
   After any other answer the decoder answers HEAPDECODE_FAILED for ever. */
HEAPDECODE_API int heapdecode_feed(HeapDecoder *decoder, const uint8_t *payload, size_t size,
                                   const HeapColumns *columns);

/* 1 while references of the last row are still to come. */
HEAPDECODE_API int heapdecode_is_open(const HeapDecoder *decoder);

/* Give the ids of types by address, new ones to those not seen before. */
HEAPDECODE_API int heapdecode_intern(HeapDecoder *decoder, const uint64_t *addresses, size_t count, uint32_t *ids);

/* How many ids were given; their addresses by id into a place with room for that many. */
HEAPDECODE_API uint32_t heapdecode_type_count(const HeapDecoder *decoder);
HEAPDECODE_API void heapdecode_types(const HeapDecoder *decoder, uint64_t *addresses);

/* ---- what must hold for all rows ---- */

typedef struct {
    uint64_t zero_addresses; /* rows without an address */
    uint64_t odd_lengths;    /* lengths beyond the limit that were set to UINT64_MAX, which is none */
    uint64_t largest;        /* of shallow and allocated */
    double shallow;          /* sums */
    double allocated;
} HeapTotals;

/* Look at all rows in one pass, and take lengths that cannot be as none. */
HEAPDECODE_API void heapdecode_total(const uint64_t *address, const uint64_t *shallow, const uint64_t *allocated,
                                     uint64_t *length, uint64_t count, uint64_t length_limit, HeapTotals *totals);

/* ---- object indexes by address ---- */

typedef struct HeapIndex HeapIndex;

/* Index addresses, which have to stay where they are only during the call. The table may take free_bytes, and
   bytes_per_address more for each address. */
HEAPDECODE_API int heapindex_open(const uint64_t *address, uint32_t count, uint64_t free_bytes,
                                  uint32_t bytes_per_address, HeapIndex **index);
HEAPDECODE_API void heapindex_close(HeapIndex *index);

/* found[i] becomes the index of the object at wanted[i], HEAPDECODE_NONE if none starts there.
   Both may begin at the same byte: the u32 then take the first half of the place of the u64. */
HEAPDECODE_API void heapindex_find(const HeapIndex *index, const uint64_t *wanted, uint64_t count, uint32_t *found);

/* Turn reference counts into count + 1 offsets, and take the targets that are HEAPDECODE_NONE out, in place. */
HEAPDECODE_API int heapindex_compact(const uint32_t *reference_count, uint32_t count, uint32_t *targets,
                                     uint64_t target_count, uint64_t *offsets);

#endif
