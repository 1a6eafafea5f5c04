/* Texts of interned strings that look like names: with them a path can say which attribute or key leads on.
 *
 * Only what the interpreter itself has interned (names in code, attributes, modules), ASCII, an identifier, and short: values of
 * the application stay out. Frame: u64 address, u8 length, text; again and again.
 */
#include "heapwalk.h"

enum { STATE = 32, STATE_INTERNED = 3, LIMIT = 64, BUFFER = 1 << 16, MAX_NAMES = 1 << 18 };

static u8 buffer[BUFFER];
static u64 size, count;

static int is_name(const struct Text *text)
{
    const u8 *data = text->data;
    if (!text->is_ascii || text->length == 0 || text->length > LIMIT || (data[0] >= '0' && data[0] <= '9'))
        return 0;
    for (u64 i = 0; i < text->length; i++)
        if (!((data[i] | 32) >= 'a' && (data[i] | 32) <= 'z') && !(data[i] >= '0' && data[i] <= '9') && data[i] != '_')
            return 0;
    return 1;
}

void names_flush(void)
{
    if (size != 0)
        stream_raw(KIND_NAMES, buffer, size);
    size = 0;
}

void names_add(Object object)
{
    struct Text text;
    if (!(byte_at(object, STATE) & STATE_INTERNED) || count >= MAX_NAMES || !text_of(object, &text) || !is_name(&text))
        return;
    if (size + 9 + LIMIT > BUFFER)
        names_flush();
    memcpy(buffer + size, &object, 8);
    buffer[size + 8] = (u8)text.length;
    memcpy(buffer + size + 9, text.data, text.length);
    size += 9 + text.length;
    count++;
}
