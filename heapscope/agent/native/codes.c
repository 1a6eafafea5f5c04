/* Where each code object was written: file, first line, name. Frame: CODES in heapscope/wire/protocol.py.
 *
 * Reads what the compiler has put there; makes no tuple of names and no line table. The path of a file is sent once.
 */
#include "heapwalk.h"

enum { BUFFER = 1 << 16, MAX_CODES = 1 << 20, MAX_FILES = 1 << 16, SLOTS = 2 * MAX_FILES, MAX_PATH = 4096 };
enum { HEAD = 18, TEXT_ROOM = 8, ITEM_LIMIT = HEAD + MAX_NAME + TEXT_ROOM + 2 + MAX_PATH + TEXT_ROOM };

static u8 buffer[BUFFER];
static u64 size, count;
static Object files[MAX_FILES];
static u32 slots[SLOTS]; /* number of a file + 1 */
static u32 file_count;

/* The number of a file; that of the files known so far where it is a new one. */
static u32 number_of(Object file)
{
    static Object recent;
    static u32 recent_number;
    if (file == recent)
        return recent_number;
    u64 at = text_hash(file) & (SLOTS - 1);
    while (slots[at] != 0 && !text_equal(files[slots[at] - 1], file))
        at = (at + 1) & (SLOTS - 1);
    u32 number = slots[at] != 0 ? slots[at] - 1 : file_count;
    if (number == MAX_FILES)
        return number;
    slots[at] = number + 1;
    files[number] = file;
    recent = file;
    recent_number = number;
    return number;
}

static void put_bytes(const void *data, u64 length)
{
    memcpy(buffer + size, data, length);
    size += length;
}

static void put_short_text(Object text, u64 limit)
{
    u64 length = text_encode_bytes(text, buffer + size + 2, limit);
    uint16_t stated = (uint16_t)length;
    put_bytes(&stated, sizeof stated);
    size += length;
}

void codes_flush(void)
{
    if (size != 0)
        stream_raw(KIND_CODES, buffer, size);
    size = 0;
}

void codes_add(Object code)
{
    Object file = word_at(code, walk.layout.code_file);
    u32 line = half_at(code, walk.layout.code_first_line);
    if (count >= MAX_CODES || !is_text(file)) {
        walk.codes_left_out++;
        return;
    }
    u32 number = number_of(file);
    if (number == MAX_FILES) {
        walk.codes_left_out++;
        return;
    }
    if (size + ITEM_LIMIT > BUFFER)
        codes_flush();
    line = line >> 31 ? 0 : line;
    put_bytes(&code, 8);
    put_bytes(&line, 4);
    put_bytes(&number, 4);
    put_short_text(word_at(code, walk.layout.code_name), MAX_NAME);
    if (number == file_count) {
        put_short_text(file, MAX_PATH);
        file_count++;
    }
    count++;
}
