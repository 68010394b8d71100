/* print: which rows (the query stack), which properties (.proplist), and how many at a time. */
#include "router_model_internal.h"

#include "base/cursor.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { STACK_MAX = 256 };

/* ---- rows ---- */

void rm_row_clear(struct rm_row *row)
{
    row->count = 0;
    row->used = 0;
}

void rm_row_add(struct rm_row *row, const char *name, struct span value)
{
    assert(row->count < RM_ROW_FIELDS_MAX);
    row->field[row->count].name = name;
    row->field[row->count].value = value;
    row->count++;
}

void rm_row_printf(struct rm_row *row, const char *name, const char *format, ...)
{
    char *place = row->scratch + row->used;
    size_t room = sizeof(row->scratch) - row->used;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(place, room, format, arguments);
    va_end(arguments);
    assert(length >= 0 && (size_t)length < room);
    row->used += (size_t)length + 1;
    rm_row_add(row, name, span_of(place, (size_t)length));
}

static bool row_get(const struct rm_row *row, const char *name, struct span *ret_value)
{
    for (unsigned i = 0; i < row->count; i++) {
        if (strcmp(row->field[i].name, name) == 0) {
            *ret_value = row->field[i].value;
            return true;
        }
    }
    return false;
}

static bool list_has(struct span list, const char *name)
{
    while (list.len > 0) {
        const uint8_t *comma = memchr(list.data, ',', list.len);
        size_t length = comma ? (size_t)(comma - list.data) : list.len;
        if (span_is(span_of(list.data, length), name))
            return true;
        list = span_skip(list, comma ? length + 1 : length);
    }
    return false;
}

void rm_row_write(const struct router_model *m, struct rm_buffer *out, const struct rm_command *c,
                  const struct rm_row *row)
{
    struct span list = span_of(NULL, 0);
    bool all = !rm_find(c, ".proplist", &list) || list.len == 0;
    rm_begin(m, out, "!re", c->tag);
    for (unsigned i = 0; i < row->count; i++)
        if (all || list_has(list, row->field[i].name))
            rm_pair(out, row->field[i].name, row->field[i].value);
    rm_end(m, out, c->tag);
}

/* ---- queries ---- */

static bool as_number(struct span text, uint64_t *ret_value)
{
    uint32_t number;
    unsigned length;
    if (rm_parse_item_id(text, &number) || rm_parse_prefix(text, &number, &length)) {
        *ret_value = number;
        return true;
    }
    return parse_decimal(text, UINT64_MAX, ret_value);
}

/* Below, at or above 0. Both are compared as numbers or as addresses if they are such. */
static int compare(struct span a, struct span b)
{
    uint64_t x;
    uint64_t y;
    if (as_number(a, &x) && as_number(b, &y))
        return x < y ? -1 : x > y;
    size_t length = a.len < b.len ? a.len : b.len;
    int order = length > 0 ? memcmp(a.data, b.data, length) : 0;
    return order ? order : a.len < b.len ? -1 : a.len > b.len;
}

static bool equal(struct span value, struct span wanted)
{
    bool x;
    bool y;
    if (rm_parse_bool(value, &x) && rm_parse_bool(wanted, &y))
        return x == y;
    return span_equal(value, wanted);
}

static bool test(const struct rm_row *row, struct span word)
{
    uint8_t mode = word.len > 0 ? word.data[0] : 0;
    if (mode == '-' || mode == '=' || mode == '<' || mode == '>')
        word = span_skip(word, 1);
    else
        mode = 0;
    const uint8_t *equals = word.len > 0 ? memchr(word.data, '=', word.len) : NULL;
    char name[ROUTER_MODEL_TEXT_MAX];
    size_t length = equals ? (size_t)(equals - word.data) : word.len;
    snprintf(name, sizeof(name), "%.*s", length > 60 ? 60 : (int)length, (const char *)word.data);
    struct span value;
    bool has = row_get(row, name, &value);
    if (mode == '-')
        return !has;
    if (!has || !equals)
        return has;
    struct span wanted = span_skip(word, length + 1);
    if (mode == '<')
        return compare(value, wanted) < 0;
    if (mode == '>')
        return compare(value, wanted) > 0;
    return equal(value, wanted);
}

struct stack {
    bool at[STACK_MAX];
    unsigned depth;
};

/* An empty stack counts as true. */
static bool peek(const struct stack *stack, uint64_t index)
{
    return index >= stack->depth || stack->at[stack->depth - 1 - index];
}

static void push(struct stack *stack, bool value)
{
    assert(stack->depth < STACK_MAX);
    stack->at[stack->depth++] = value;
}

static bool pop(struct stack *stack)
{
    bool top = peek(stack, 0);
    stack->depth -= stack->depth > 0;
    return top;
}

/* Reads the digits at *at, and moves *at to the end of them. */
static uint64_t read_index(struct span operations, size_t *at)
{
    uint64_t index = 0;
    for (; *at < operations.len && operations.data[*at] >= '0' && operations.data[*at] <= '9'; (*at)++)
        index = index > STACK_MAX ? index : index * 10 + (uint64_t)(operations.data[*at] - '0');
    return index;
}

static void operate(struct stack *stack, struct span operations)
{
    bool after_index = false;
    for (size_t i = 0; i < operations.len; i++) {
        uint8_t operation = operations.data[i];
        if (operation >= '0' && operation <= '9') {
            bool value = peek(stack, read_index(operations, &i));
            if (i == operations.len)
                stack->depth = 0;
            push(stack, value);
            i--;
            after_index = true;
            continue;
        }
        if (operation == '!') {
            push(stack, !pop(stack));
        } else if (operation == '.') {
            if (!after_index)
                push(stack, peek(stack, 0));
        } else {
            bool b = pop(stack);
            bool a = pop(stack);
            push(stack, operation == '&' ? a && b : a || b);
        }
        after_index = false;
    }
}

bool rm_query(const struct rm_command *c, const struct rm_row *row)
{
    struct stack stack = {.depth = 0};
    for (unsigned i = 1; i < c->words; i++) {
        struct span word = c->word[i];
        if (!span_starts(word, "?"))
            continue;
        if (span_starts(word, "?#"))
            operate(&stack, span_skip(word, 2));
        else
            push(&stack, test(row, span_skip(word, 1)));
    }
    for (unsigned i = 0; i < stack.depth; i++)
        if (!stack.at[i])
            return false;
    return true;
}

/* This bounds the stack, because every character pushes at most one value. */
static bool query_is_valid(const struct rm_command *c)
{
    size_t pushes = 0;
    for (unsigned i = 1; i < c->words; i++) {
        struct span word = c->word[i];
        if (!span_starts(word, "?"))
            continue;
        bool operations = span_starts(word, "?#");
        pushes += operations ? word.len : 1;
        for (size_t k = 2; operations && k < word.len; k++)
            if (!word.data[k] || !strchr("0123456789!&|.", word.data[k]))
                return false;
    }
    return pushes < STACK_MAX;
}

/* ---- the command ---- */

static bool argument_is_known(const struct router_model *m, const struct rm_command *c, struct span name)
{
    static const char *const known[] = {
        ".proplist", "proplist",   "count-only", "follow",   "follow-only", "detail",
        "terse",     "value-list", "brief",      "stats",    "bytes",       "packets",
        "all",       "dynamic",    "static",     "as-value", "where",       "without-paging",
        "from",      "file",       "show-ids",   "append",
    };
    if (c->menu == RM_MENU_NAT && m->options.stats == ROUTER_MODEL_STATS_REFUSED && span_is(name, "stats"))
        return false;
    for (unsigned i = 0; i < ARRAY_LEN(known); i++)
        if (span_is(name, known[i]))
            return true;
    return false;
}

static bool arguments_are_known(struct router_model *m, const struct rm_command *c)
{
    for (unsigned i = 1; i < c->words; i++) {
        struct span name;
        struct span value;
        if (!rm_argument(c, i, &name, &value) || argument_is_known(m, c, name))
            continue;
        if (!m->options.unknown_is_named)
            return rm_fail(m, RM_NO_CATEGORY, "unknown parameter");
        return rm_fail(m, RM_NO_CATEGORY, "unknown parameter %.*s", (int)(name.len > 60 ? 60 : name.len),
                       (const char *)name.data);
    }
    if (!query_is_valid(c))
        return rm_fail(m, RM_NO_CATEGORY, "invalid query word");
    return true;
}

static void finish(struct router_model *m, struct rm_command *c)
{
    free(c->ids);
    c->ids = NULL;
    if (c->follow) {
        c->stage = RM_STAGE_LISTENING;
        return;
    }
    c->stage = RM_STAGE_DONE;
    if (c->rows == 0 && m->options.empty_reply) {
        rm_begin(m, &m->reply, "!empty", c->tag);
        rm_end(m, &m->reply, c->tag);
    }
    rm_done(m, c->tag);
}

/* What this version does not show of a rule. */
static bool is_hidden(const struct router_model *m, const struct rm_command *c, const char *name)
{
    enum router_model_stats stats = m->options.stats;
    if (strcmp(name, "bytes") != 0 && strcmp(name, "packets") != 0)
        return false;
    return stats == ROUTER_MODEL_STATS_ABSENT ||
           (stats == ROUTER_MODEL_STATS_ASKED && !rm_switch(c, "stats"));
}

static void hide(const struct router_model *m, const struct rm_command *c, struct rm_row *row)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < row->count; i++)
        if (c->menu != RM_MENU_NAT || !is_hidden(m, c, row->field[i].name))
            row->field[kept++] = row->field[i];
    row->count = kept;
}

void rm_print_rows(struct router_model *m, struct rm_command *c, unsigned count)
{
    unsigned end = count && count < c->count - c->at ? c->at + count : c->count;
    for (; c->at < end; c->at++) {
        if (!rm_menu_row(m, c->menu, c->ids[c->at], &m->row) || !rm_query(c, &m->row))
            continue;
        hide(m, c, &m->row);
        rm_row_write(m, &m->reply, c, &m->row);
        c->rows++;
    }
    if (c->at == c->count) {
        finish(m, c);
    } else {
        c->stage = RM_STAGE_PRINTING;
        c->due_ms = m->now_ms + 1;
    }
}

static void count_rows(struct router_model *m, struct rm_command *c)
{
    unsigned rows = 0;
    for (unsigned i = 0; i < c->count; i++)
        rows += rm_menu_row(m, c->menu, c->ids[i], &m->row) && rm_query(c, &m->row);
    char text[16];
    snprintf(text, sizeof(text), "%u", rows);
    rm_done_with(m, c->tag, span_text(text));
}

void rm_print(struct router_model *m, struct rm_command *c, bool listen)
{
    if (!arguments_are_known(m, c)) {
        rm_refuse(m, c->tag);
        return;
    }
    bool follow_only = listen || rm_switch(c, "follow-only");
    c->follow = follow_only || rm_switch(c, "follow");
    if (c->follow && rm_menu_single(c->menu)) {
        rm_fail(m, RM_NO_CATEGORY, "unknown parameter%s",
                !m->options.unknown_is_named ? ""
                : follow_only                ? " follow-only"
                                             : " follow");
        rm_refuse(m, c->tag);
        return;
    }
    if (follow_only) {
        c->stage = RM_STAGE_LISTENING;
        return;
    }
    m->counters.prints += c->menu == RM_MENU_NAT;
    if (!c->shows_nothing)
        c->count = rm_menu_ids(m, c->menu, &c->ids);
    if (c->only_id && c->count) {
        c->ids[0] = c->only_id;
        c->count = 1;
    }
    if (rm_switch(c, "count-only"))
        count_rows(m, c);
    else
        rm_print_rows(m, c, m->options.rows_per_ms);
}
