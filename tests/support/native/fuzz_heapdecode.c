/* Feeds the decoder and the index with damaged input, to be built with sanitizers: fuzz_heapdecode STREAM ROUNDS SEED

   STREAM holds payloads, each behind its u32 size. Every round decodes them with some bytes changed, cut or repeated, with a
   right checksum mostly, into blocks of exactly the size announced; then it indexes what came out, with duplicates and
   nonsense among it. Ends with 0, or with the sanitizer's report. */
#include "../../../heapscope/snapshot/native/heapdecode.c"

#include <stdio.h>

#define MAX_PAYLOADS 64

static uint64_t state;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint64_t below(uint64_t limit) { return limit ? next() % limit : 0; }

typedef struct {
    uint8_t *bytes;
    uint32_t size;
} Payload;

static uint32_t load(const char *path, Payload *payloads)
{
    uint32_t count = 0, size;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return 0;
    while (count < MAX_PAYLOADS && fread(&size, 4, 1, file) == 1) {
        payloads[count].size = size;
        payloads[count].bytes = malloc(size + 1);
        if (fread(payloads[count].bytes, 1, size, file) != size)
            return 0;
        count++;
    }
    fclose(file);
    return count;
}

/* A copy with up to eight changes, in a block of exactly its size. */
static Payload damaged(const Payload *from)
{
    static const uint8_t odd[] = {0, 1, 0x7f, 0x80, 0xff, 0x40, 0x20};
    Payload made = {NULL, from->size};
    if (below(4) == 0)
        made.size = (uint32_t)below(from->size + 1);
    made.bytes = malloc(made.size ? made.size : 1);
    memcpy(made.bytes, from->bytes, made.size);
    for (uint64_t changes = below(9); changes > 0 && made.size > 0; changes--) {
        uint64_t at = below(made.size), length = below(12);
        if (below(3) == 0 && at + length <= made.size)
            memset(made.bytes + at, below(2) ? 0xff : 0x80, length);
        else
            made.bytes[at] = below(2) ? (uint8_t)next() : odd[below(sizeof odd)];
    }
    if (made.size >= HEAD_SIZE && below(20) != 0) {
        uint64_t sum = checksum(made.bytes + HEAD_SIZE, made.size - HEAD_SIZE);
        memcpy(made.bytes + 8, &sum, 8);
    }
    return made;
}

static void free_columns(const HeapColumns *columns)
{
    free(columns->address), free(columns->type), free(columns->shallow), free(columns->allocated);
    free(columns->refcount), free(columns->length), free(columns->flags), free(columns->fingerprint);
    free(columns->reference_count), free(columns->references);
}

/* Columns that hold the rows before, and room for exactly what comes. */
static HeapColumns with_room(const HeapColumns *before, uint32_t rows, uint32_t references)
{
    uint64_t had = before->first_row, had_references = before->first_reference;
    HeapColumns made = {.first_row = had, .row_room = rows, .first_reference = had_references,
                        .reference_room = references};
#define GROW(name, old, count)                                                  \
    made.name = malloc(((old) + (count) + !((old) + (count))) * sizeof *made.name); \
    if (old)                                                                    \
    memcpy(made.name, before->name, (old) * sizeof *made.name)
    GROW(address, had, rows);
    GROW(type, had, rows);
    GROW(shallow, had, rows);
    GROW(allocated, had, rows);
    GROW(refcount, had, rows);
    GROW(length, had, rows);
    GROW(flags, had, rows);
    GROW(fingerprint, had, rows);
    GROW(reference_count, had, rows);
    GROW(references, had_references, references);
    free_columns(before);
    return made;
}

static void use_index(const HeapColumns *columns)
{
    HeapIndex *index;
    uint64_t count = columns->first_reference;
    uint32_t objects = (uint32_t)columns->first_row;
    if (heapindex_open(columns->address, objects, below(1 << 20), (uint32_t)below(256), &index) == HEAPDECODE_OK) {
        heapindex_find(index, columns->references, count, (uint32_t *)columns->references);
        heapindex_close(index);
    }
    uint64_t *offsets = malloc((objects + 1) * sizeof *offsets);
    if (objects > 0 && below(3) == 0)
        columns->reference_count[below(objects)] = (uint32_t)next();
    heapindex_compact(columns->reference_count, objects, (uint32_t *)columns->references, count, offsets);
    free(offsets);
}

static uint64_t decode(const Payload *payloads, uint32_t count)
{
    HeapColumns columns = {0};
    HeapDecoder *decoder = heapdecode_open((uint32_t)below(40) + 1);
    uint64_t good = 0;
    columns = with_room(&columns, 0, 0);
    for (uint32_t i = 0; i < count; i++) {
        Payload payload = damaged(&payloads[below(8) ? i : below(count)]);
        uint32_t head[2] = {0, 0};
        if (payload.size >= HEAD_SIZE)
            memcpy(head, payload.bytes, 8);
        if (head[0] <= payload.size && head[1] <= payload.size) {
            columns = with_room(&columns, head[0], head[1]);
            if (heapdecode_feed(decoder, payload.bytes, payload.size, &columns) == HEAPDECODE_OK) {
                columns.first_row += head[0];
                columns.first_reference += head[1];
                good++;
            }
        }
        free(payload.bytes);
    }
    uint32_t ids[3];
    heapdecode_intern(decoder, columns.address, columns.first_row < 3 ? columns.first_row : 3, ids);
    uint64_t *types = malloc((heapdecode_type_count(decoder) + 1) * sizeof *types);
    heapdecode_types(decoder, types);
    free(types);
    heapdecode_close(decoder);
    use_index(&columns);
    free_columns(&columns);
    return good;
}

int main(int argc, char **argv)
{
    Payload payloads[MAX_PAYLOADS];
    uint32_t count = argc == 4 ? load(argv[1], payloads) : 0;
    uint64_t good = 0;
    if (count == 0)
        return 2;
    state = strtoull(argv[3], NULL, 10) * 2 + 1;
    for (uint64_t round = strtoull(argv[2], NULL, 10); round > 0; round--)
        good += decode(payloads, count);
    for (uint32_t i = 0; i < count; i++)
        free(payloads[i].bytes);
    printf("%llu\n", (unsigned long long)good);
    return 0;
}
