/* The collector's lists: where they begin, and every object on them.
 *
 *     three generations of 24 bytes (head next, head prev, threshold, count); on 3.8-3.13 a pointer to the first one; the permanent one
 *
 * They move even in patch releases, and one build has them at an odd multiple of 4, so the table says only where to begin to look; what counts is that four heads stand in
 * exactly this pattern and that each ring closes on both sides.
 */
#include "heapwalk.h"

enum { GENERATION_SIZE = 24, NEIGHBOURHOOD = 2048, GC_HEAD = 16, MAX_INTERPRETERS = 64 };

static Object generation[MAX_INTERPRETERS][4];
static unsigned interpreter_count;

static u64 link_at(Object head, long offset)
{
    return word_at(head, offset) & ~(u64)3;
}

static int is_ring(Object head)
{
    if (!is_readable(head, 16))
        return 0;
    Object next = link_at(head, 0), last = link_at(head, 8);
    if (next == 0 || last == 0 || !is_readable(next, 16) || !is_readable(last, 16))
        return 0;
    return link_at(next, 8) == head && link_at(last, 0) == head;
}

static Object permanent_of(Object first)
{
    Object end = first + 3 * GENERATION_SIZE;
    return walk.layout.minor < 14 ? round_up(end, 8) + 8 : end;
}

static int fits(Object first)
{
    Object permanent = permanent_of(first);
    if (walk.layout.minor < 14 && word_at(permanent, -8) != first)
        return 0;
    if (!is_ring(permanent))
        return 0;
    for (int i = 0; i < 3; i++)
        if (!is_ring(first + (u64)i * GENERATION_SIZE))
            return 0;
    return half_at(first, 16) < 1u << 30 && half_at(permanent, 16) == 0;
}

static int find_lists(Object base, unsigned number)
{
    static const unsigned short usual[] = {368, 640, 640, 672, 136, 7424, 7432, 7408}; /* 3.8 first; there from _PyRuntime */
    Object guess = base + usual[walk.layout.minor - 8];
    u64 found = 0;
    for (long distance = 0; distance <= NEIGHBOURHOOD && found == 0; distance += 4)
        for (int sign = 1; sign >= -1 && found == 0; sign -= 2) {
            Object first = guess + (u64)(sign * distance);
            if (first < base || !is_readable(first, 4 * GENERATION_SIZE + 16) || !fits(first))
                continue;
            found = 1;
            for (u64 i = 0; i < 3; i++)
                generation[number][i] = first + i * GENERATION_SIZE;
            generation[number][3] = permanent_of(first);
        }
    return (int)found;
}

const char *collector_open(void)
{
    if (walk.layout.minor < 9) {
        interpreter_count = 1;
        return find_lists(walk.options->runtime, 0) ? NULL : "the collector's lists were not found";
    }
    Object interpreter = ((Object(*)(void))SYMBOL(PyInterpreterState_Head))();
    while (interpreter != 0 && interpreter_count < MAX_INTERPRETERS) {
        if (!find_lists(interpreter, interpreter_count))
            return "the collector's lists were not found";
        interpreter_count++;
        interpreter = ((Object(*)(Object))SYMBOL(PyInterpreterState_Next))(interpreter);
    }
    return interpreter_count > 0 ? NULL : "there is no interpreter";
}

int collector_each(int (*take)(Object object, unsigned generation))
{
    for (unsigned i = 0; i < interpreter_count; i++)
        for (unsigned g = 0; g < 4; g++) {
            Object head = generation[i][g];
            Object node = link_at(head, 0);
            while (node != head && node != 0 && walk.failure == NULL) {
                Object next = link_at(node, 0);
                __builtin_prefetch((const void *)next);
                if (take(node + GC_HEAD, g) < 0)
                    return -1;
                node = next;
            }
            if (node == 0)
                walk.failure = "a list of the collector is broken";
            if (walk.failure != NULL)
                return -1;
        }
    return 0;
}
