/* From addresses to object indexes, for millions of references at once.

   A bitmap marks where objects start; its words are numbered through, so a set bit has a rank, and a permutation turns
   ranks into object indexes:

       address:  | 1 GiB region | 64 KiB chunk of it | 512-byte word of it | 8-byte granule of it |
                   regions[]      directory[]          words[].bits          bit, must be set
                                                       words[].rank + set bits below --> order[] --> index

   Only chunks in which objects start have words: about 1/32 of the heap's size, and four bytes per object. References
   are looked up in batches, each step for the whole batch with the memory of the next step asked for beforehand: what a
   look-up costs is waiting for memory, and so many wait at once. */
#include "heapdecode.h"

#include <stdlib.h>
#include <string.h>

#define REGION_BITS 30
#define CHUNK_BITS 16
#define WORD_BITS 9
#define MAX_REGIONS 4096 /* a directory of at most 256 MiB: 4 TiB of addresses in use */
#define CHUNKS_PER_REGION (1 << (REGION_BITS - CHUNK_BITS))
#define WORDS_PER_CHUNK (1 << (CHUNK_BITS - WORD_BITS))
#define BATCH 256
#define INLINE static inline __attribute__((always_inline)) /* also into what is compiled for another processor */

typedef struct {
    uint64_t bits;
    uint64_t rank; /* set bits in all words before */
} Word;

struct HeapIndex {
    uint64_t regions[MAX_REGIONS]; /* ascending */
    uint32_t region_count;
    uint32_t chunk_count; /* with chunk 0, which is empty: every address that is nowhere ends there */
    uint32_t *directory;
    Word *words;
    uint32_t *order;
};

/* ---- building ---- */

/* Position of the first region not below the one wanted. */
static uint32_t region_position(const HeapIndex *index, uint64_t region)
{
    uint32_t low = 0, high = index->region_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (index->regions[middle] < region)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int collect_regions(HeapIndex *index, const uint64_t *address, uint32_t count)
{
    uint64_t last = UINT64_MAX, odd = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t region = address[i] >> REGION_BITS;
        odd |= address[i];
        if (region == last)
            continue;
        last = region;
        uint32_t position = region_position(index, region);
        if (position < index->region_count && index->regions[position] == region)
            continue;
        if (index->region_count == MAX_REGIONS)
            return HEAPINDEX_UNFIT;
        memmove(&index->regions[position + 1], &index->regions[position],
                (index->region_count - position) * sizeof index->regions[0]);
        index->regions[position] = region;
        index->region_count++;
    }
    return odd & 7 ? HEAPINDEX_UNFIT : HEAPDECODE_OK;
}

/* Number the chunks in which objects start, from 1. */
static int collect_chunks(HeapIndex *index, const uint64_t *address, uint32_t count)
{
    uint64_t last = UINT64_MAX;
    index->directory = calloc((size_t)index->region_count * CHUNKS_PER_REGION + 1, sizeof *index->directory);
    if (index->directory == NULL)
        return HEAPDECODE_MEMORY;
    index->chunk_count = 1;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t chunk = address[i] >> CHUNK_BITS;
        if (chunk == last)
            continue;
        last = chunk;
        size_t base = (size_t)region_position(index, address[i] >> REGION_BITS) * CHUNKS_PER_REGION;
        uint32_t *entry = &index->directory[base + chunk % CHUNKS_PER_REGION];
        if (*entry == 0)
            *entry = index->chunk_count++;
    }
    return HEAPDECODE_OK;
}

static size_t chunk_of(const HeapIndex *index, uint64_t address)
{
    size_t region = region_position(index, address >> REGION_BITS);
    return index->directory[region * CHUNKS_PER_REGION + (address >> CHUNK_BITS) % CHUNKS_PER_REGION];
}

static Word *word_in(const HeapIndex *index, size_t chunk, uint64_t address)
{
    return &index->words[chunk * WORDS_PER_CHUNK + (address >> WORD_BITS) % WORDS_PER_CHUNK];
}

static uint64_t bit_of(uint64_t address) { return (uint64_t)1 << (address >> 3) % 64; }

/* The instruction for it is missing in the oldest processors, so that compilers use it where they are told to only. */
#if defined(HEAPINDEX_COUNTS_ITSELF) /* a test */
#define COUNTS_BITS
#define processor_counts_bits() 0
#elif defined(__x86_64__) && defined(__GNUC__)
#define COUNTS_BITS __attribute__((target("popcnt")))
#define processor_counts_bits() __builtin_cpu_supports("popcnt")
#else
#define COUNTS_BITS
#define processor_counts_bits() 1
#endif

INLINE uint32_t count_bits(uint64_t word, int by_processor)
{
    if (by_processor)
        return (uint32_t)__builtin_popcountll(word);
    word -= word >> 1 & UINT64_C(0x5555555555555555);
    word = (word & UINT64_C(0x3333333333333333)) + (word >> 2 & UINT64_C(0x3333333333333333));
    word = (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (uint32_t)(word * UINT64_C(0x0101010101010101) >> 56);
}

static int mark(HeapIndex *index, const uint64_t *address, uint32_t count)
{
    uint64_t last = UINT64_MAX, rank = 0;
    size_t chunk = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (address[i] >> CHUNK_BITS != last) {
            last = address[i] >> CHUNK_BITS;
            chunk = chunk_of(index, address[i]);
        }
        Word *word = word_in(index, chunk, address[i]);
        if (word->bits & bit_of(address[i]))
            return HEAPINDEX_DUPLICATE;
        word->bits |= bit_of(address[i]);
    }
    for (size_t w = 0; w < (size_t)index->chunk_count * WORDS_PER_CHUNK; w++) {
        index->words[w].rank = rank;
        rank += count_bits(index->words[w].bits, 0);
    }
    return HEAPDECODE_OK;
}

INLINE void order_by(HeapIndex *index, const uint64_t *address, uint32_t count, int by_processor)
{
    uint64_t last = UINT64_MAX;
    size_t chunk = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (address[i] >> CHUNK_BITS != last) {
            last = address[i] >> CHUNK_BITS;
            chunk = chunk_of(index, address[i]);
        }
        const Word *word = word_in(index, chunk, address[i]);
        index->order[word->rank + count_bits(word->bits & (bit_of(address[i]) - 1), by_processor)] = i;
    }
}

COUNTS_BITS static void order_fast(HeapIndex *index, const uint64_t *address, uint32_t count)
{
    order_by(index, address, count, 1);
}

static void set_order(HeapIndex *index, const uint64_t *address, uint32_t count)
{
    if (processor_counts_bits())
        order_fast(index, address, count);
    else
        order_by(index, address, count, 0);
}

static int build(HeapIndex *index, const uint64_t *address, uint32_t count, uint64_t allowed_bytes)
{
    int fault = collect_regions(index, address, count);
    if (fault)
        return fault;
    fault = collect_chunks(index, address, count);
    if (fault)
        return fault;
    size_t words = (size_t)index->chunk_count * WORDS_PER_CHUNK;
    if (words * sizeof *index->words > allowed_bytes)
        return HEAPINDEX_UNFIT;
    index->words = calloc(words, sizeof *index->words);
    index->order = malloc(((size_t)count + 1) * sizeof *index->order);
    if (index->words == NULL || index->order == NULL)
        return HEAPDECODE_MEMORY;
    fault = mark(index, address, count);
    if (fault)
        return fault;
    set_order(index, address, count);
    return HEAPDECODE_OK;
}

int heapindex_open(const uint64_t *address, uint32_t count, uint64_t free_bytes, uint32_t bytes_per_address,
                   HeapIndex **index)
{
    HeapIndex *made = calloc(1, sizeof *made);
    *index = NULL;
    if (made == NULL)
        return HEAPDECODE_MEMORY;
    int fault = build(made, address, count, free_bytes + (uint64_t)bytes_per_address * count);
    if (fault)
        heapindex_close(made);
    else
        *index = made;
    return fault;
}

void heapindex_close(HeapIndex *index)
{
    if (index == NULL)
        return;
    free(index->directory);
    free(index->words);
    free(index->order);
    free(index);
}

/* ---- looking up ---- */

typedef struct {
    uint64_t region; /* of the address before: most references lead into the same one */
    size_t base;
} Near;

/* Give the word that an address belongs to; one of chunk 0, which is empty, if there is none. */
INLINE const Word *find_word(const HeapIndex *index, uint64_t address, Near *near)
{
    uint64_t region = address >> REGION_BITS;
    if (region != near->region) {
        uint32_t position = region_position(index, region);
        if (position == index->region_count || index->regions[position] != region)
            return index->words;
        near->region = region;
        near->base = (size_t)position * CHUNKS_PER_REGION;
    }
    return word_in(index, index->directory[near->base + (address >> CHUNK_BITS) % CHUNKS_PER_REGION], address);
}

INLINE void find_batch(const HeapIndex *index, const uint64_t *address, uint32_t count, uint32_t *found, Near *near,
                       int by_processor)
{
    const Word *word[BATCH];
    const uint32_t *place[BATCH];
    for (uint32_t i = 0; i < count; i++) {
        word[i] = find_word(index, address[i], near);
        __builtin_prefetch(word[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        uint64_t bits = word[i]->bits, bit = bit_of(address[i]);
        place[i] = (address[i] & 7) == 0 && (bits & bit) != 0
                       ? &index->order[word[i]->rank + count_bits(bits & (bit - 1), by_processor)]
                       : NULL;
        __builtin_prefetch(place[i]);
    }
    for (uint32_t i = 0; i < count; i++)
        found[i] = place[i] != NULL ? *place[i] : HEAPDECODE_NONE;
}

INLINE void find_by(const HeapIndex *index, const uint64_t *wanted, uint64_t count, uint32_t *found, int by_processor)
{
    uint64_t address[BATCH];
    uint32_t batch_found[BATCH];
    Near near = {UINT64_MAX, 0};
    for (uint64_t start = 0; start < count; start += BATCH) {
        uint32_t size = count - start < BATCH ? (uint32_t)(count - start) : BATCH;
        /* Copied in and out as bytes: both arrays may share their place. */
        memcpy(address, wanted + start, size * sizeof *address);
        find_batch(index, address, size, batch_found, &near, by_processor);
        memcpy(found + start, batch_found, size * sizeof *found);
    }
}

COUNTS_BITS static void find_fast(const HeapIndex *index, const uint64_t *wanted, uint64_t count, uint32_t *found)
{
    find_by(index, wanted, count, found, 1);
}

void heapindex_find(const HeapIndex *index, const uint64_t *wanted, uint64_t count, uint32_t *found)
{
    if (processor_counts_bits())
        find_fast(index, wanted, count, found);
    else
        find_by(index, wanted, count, found, 0);
}

int heapindex_compact(const uint32_t *reference_count, uint32_t count, uint32_t *targets, uint64_t target_count,
                      uint64_t *offsets)
{
    uint64_t read = 0, written = 0;
    for (uint32_t i = 0; i < count; i++) {
        offsets[i] = written;
        if (reference_count[i] > target_count - read)
            return HEAPINDEX_TARGETS;
        for (uint64_t end = read + reference_count[i]; read < end; read++) {
            uint32_t target = targets[read];
            targets[written] = target;
            written += target != HEAPDECODE_NONE;
        }
    }
    offsets[count] = written;
    return read == target_count ? HEAPDECODE_OK : HEAPINDEX_TARGETS;
}
