/* What lru_caches have counted: hits, misses and the limit. Frame: CACHES in heapscope/wire/protocol.py.
 *
 * struct lru_cache_object (Modules/_functoolsmodule.c, its first fields the same from 3.8 to 3.15)
 *     0 a link: head, prev, next, hash, key, result   56 wrapper   64 int typed   72 cache: a dict   80 hits   88 func
 *     96 maxsize: -1 without a limit   104 misses
 *
 * Nothing is believed that does not agree with itself: each entry of the dict was a miss once, and there are no more than allowed.
 */
#include "heapwalk.h"

enum { TYPED = 64, CACHE = 72, HITS = 80, FUNCTION = 88, LIMIT = 96, MISSES = 104, LEAST_SIZE = 112 };
enum { MAX_CACHES = 1 << 14, CACHES_PER_FRAME = 1 << 10, DICT_USED = 16 };
static const u64 MOST = (u64)1 << 62;

static Object caches[MAX_CACHES];
static u64 count;

static int makes_sense(Object object)
{
    Object cache = word_at(object, CACHE);
    u64 hits = word_at(object, HITS), limit = word_at(object, LIMIT), misses = word_at(object, MISSES);
    if (half_at(object, TYPED) > 1 || !is_readable(cache, 48) || TYPE_OF_OBJECT(cache) != SYMBOL(PyDict_Type))
        return 0;
    if (!looks_like_object(word_at(object, FUNCTION)) || hits > MOST || misses > MOST)
        return 0;
    u64 used = word_at(cache, DICT_USED);
    return used <= misses && (limit == UINT64_MAX || (limit <= MOST && used <= limit));
}

void caches_add(Object object)
{
    if (count < MAX_CACHES && word_at(TYPE_OF_OBJECT(object), TP_BASICSIZE) >= LEAST_SIZE && makes_sense(object))
        caches[count++] = object;
}

void caches_send(void)
{
    for (u64 start = 0; start < count; start += CACHES_PER_FRAME) {
        u64 end = start + CACHES_PER_FRAME < count ? start + CACHES_PER_FRAME : count;
        put_list(end - start);
        for (u64 i = start; i < end; i++) {
            put_list(5);
            put_unsigned(caches[i]);
            put_unsigned(word_at(caches[i], CACHE));
            put_unsigned(word_at(caches[i], HITS));
            put_unsigned(word_at(caches[i], MISSES));
            put_signed((int64_t)word_at(caches[i], LIMIT));
        }
        values_send(KIND_CACHES);
    }
}
