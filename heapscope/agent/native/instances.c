/* How an instance of a heap type holds its attributes, and what that costs. Creates no __dict__, runs no code of the class.
 *
 *     3.8-3.10   dict pointer at dictoffset
 *     3.11       values pointer at -32, dict pointer at -24
 *     3.12       tagged word at -24: odd is values block + 1, even is a dict
 *     3.13+      dict pointer at -24; inline values behind basicsize: u8 capacity, size, embedded, valid
 */
#include "heapwalk.h"

enum { DICT_OBJECT = 64, DICT_USED = 16, INT_HEAD = 24 };

static void read_split_before_311(struct Plan *plan, Object dict, struct Instance *found)
{
    struct DictView view = dict_view(dict);
    u64 used = word_at(dict, DICT_USED);
    found->state = STATE_SPLIT;
    found->second = values_bytes(view.keys.capacity);
    tally_shape(plan, view.keys.address, NULL, used, 0);
}

static void read_dict(struct Plan *plan, Object dict, struct Instance *found)
{
    if (TYPE_OF_OBJECT(dict) != SYMBOL(PyDict_Type)) {
        plan->replaced++;
        found->state = STATE_COMBINED;
        return;
    }
    plan->replaced += half_at(dict, 0) > 1; /* somebody else holds it too */
    struct DictView view = dict_view(dict);
    found->has_dict = 1;
    if (view.values == 0) {
        found->state = STATE_COMBINED;
        found->second = view.keys.references == 1 ? view.keys.size : 0;
        tally_combined(plan, dict);
    } else if (walk.layout.minor < 11) {
        read_split_before_311(plan, dict, found);
    } else if (walk.layout.minor < 13) {
        u64 used;
        found->state = STATE_SPLIT;
        found->second = values_block_bytes(view.values, view.keys.total, &used);
        tally_shape(plan, view.keys.address, (const u8 *)(view.values - 2 - used), used, 0);
    } else {
        u64 capacity = byte_at(view.block, 0);
        found->state = byte_at(view.block, 2) ? STATE_MATERIALISED : STATE_SPLIT;
        found->second = byte_at(view.block, 2) ? 0 : values_bytes(capacity);
        tally_shape(plan, view.keys.address, (const u8 *)(view.values + 8 * capacity), byte_at(view.block, 1), 0);
    }
}

static void note_attributes(struct Plan *plan, Object object, Object values, const u8 *order, u64 used, u64 capacity, struct Instance *found)
{
    u64 count = plan->keys_count;
    found->attributes = (struct Attributes){values, order, count < capacity ? count : capacity, used};
    found->shape = tally_shape(plan, plan->keys, order, used, object);
}

static void read_inline(struct Plan *plan, Object object, struct Instance *found)
{
    Object head = object + (u64)plan->basicsize;
    Object dict = word_at(object, -24);
    u64 capacity = byte_at(head, 0);
    found->state = STATE_INLINE;
    int is_early = plan->keys_total - plan->keys_count > 1 || capacity > plan->keys_total;
    found->own += inline_bytes(capacity, object - plan->pre, found->own, is_early);
    if (byte_at(head, 3)) {
        const u8 *order = (const u8 *)(head + 8 + 8 * capacity);
        if (dict == 0) {
            note_attributes(plan, object, head + 8, order, byte_at(head, 1), capacity, found);
        } else { /* the dict shows the values; 3.13.0 has the instance show them too, which is left out */
            tally_shape(plan, plan->keys, order, byte_at(head, 1), 0);
            u64 count = plan->keys_count;
            found->attributes = (struct Attributes){head + 8, order, count < capacity ? count : capacity, 0};
            found->state = STATE_MATERIALISED;
            found->has_dict = 1;
            found->hidden = dict;
        }
    } else if (dict != 0) {
        read_dict(plan, dict, found);
    }
}

static void read_values(struct Plan *plan, Object object, struct Instance *found)
{
    Object dict = word_at(object, -24), values = 0;
    if (walk.layout.minor == 12 && (dict & 1)) {
        values = dict + 1;
        dict = 0;
    } else if (walk.layout.minor == 11) {
        values = word_at(object, -32);
    }
    if (values != 0) {
        u64 used;
        found->state = STATE_VALUES;
        found->values = values_block_bytes(values, plan->keys_total, &used);
        note_attributes(plan, object, values, (const u8 *)(values - 2 - used), used, UINT64_MAX, found);
    } else if (dict != 0) {
        read_dict(plan, dict, found);
    }
}

static void read_pointer(struct Plan *plan, Object object, struct Instance *found)
{
    long offset = plan->dict_offset;
    if (offset < 0 && !(walk.layout.minor >= 11 && (plan->flags & FLAG_MANAGED_DICT))) {
        u64 items = word_at(object, VAR_SIZE);
        items = items >> 63 ? 0 - items : items;
        offset += (long)round_up((u64)plan->basicsize + items * (u64)plan->itemsize, 8);
    }
    Object dict = word_at(object, offset);
    if (dict != 0)
        read_dict(plan, dict, found);
}

void instance_read(struct Plan *plan, Object object, u64 raw, struct Instance *found)
{
    found->own = plan->pre + (u64)plan->basicsize;
    found->values = found->second = found->shape = 0;
    found->state = STATE_NONE;
    found->weak = found->has_dict = 0;
    found->hidden = 0;
    found->attributes.values = 0;
    found->attributes.order = NULL;
    found->attributes.count = found->attributes.used = 0;
    if (plan->mode == INSTANCE_UNKNOWN) {
        found->state = STATE_UNKNOWN;
    } else if (walk.layout.instances_known && plan->weak_offset != 0 && plan->weak_offset >= -32) {
        found->weak = word_at(object, plan->weak_offset) != 0;
    }
    if (plan->mode == INSTANCE_INLINE)
        read_inline(plan, object, found);
    else if (plan->mode == INSTANCE_VALUES)
        read_values(plan, object, found);
    else if (plan->mode == INSTANCE_POINTER)
        read_pointer(plan, object, found);
    if (plan->itemsize > 0) { /* PyType_GenericAlloc adds one item that __sizeof__ does not count; that of int no dict pointer */
        u64 missed = (u64)plan->itemsize + (plan->size == SIZE_INT ? (u64)plan->basicsize - INT_HEAD : 0);
        found->own += round_up(raw + missed, 8) - (u64)plan->basicsize;
    }
}

void instance_tally(struct Plan *plan, const struct Instance *found)
{
    struct Figures *figures = &plan->state[found->state];
    figures->count++;
    figures->requested += found->own + found->values;
    figures->allocated += allocated_bytes(found->own) + allocated_bytes(found->values);
    plan->weakly_referenced += found->weak;
    if (plan->itemsize > 0)
        own_size_add(plan, found->own);
    if (found->has_dict) {
        figures->requested += DICT_OBJECT + found->second;
        figures->allocated += DICT_OBJECT + allocated_bytes(found->second);
    }
}
