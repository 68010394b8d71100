/* The book's records. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "book.h"

enum { ROOM_FIRST = 256 };

void book_fail(const struct book *b, const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    b->config.fail(b->config.context, text);
}

const char *book_name(const struct book_mapping *m, char text[48])
{
    (void)snprintf(text, 48, "%u.%u.%u.%u %s port %u", (unsigned)(m->address >> 24),
                   (unsigned)(m->address >> 16 & 255), (unsigned)(m->address >> 8 & 255),
                   (unsigned)(m->address & 255), m->tcp ? "tcp" : "udp", m->port);
    return text;
}

/* ---- the tables ---- */

static size_t slot_of(uint64_t key, size_t room)
{
    return (size_t)((key * 0x9e3779b97f4a7c15u) >> 32) & (room - 1);
}

static void *zeroed(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    assert(memory);
    return memory;
}

static uint64_t mapping_key(uint32_t address, bool tcp, uint16_t port)
{
    return (uint64_t)address << 32 | (uint64_t)tcp << 16 | port;
}

static struct book_mapping *probe_mapping(struct book_mapping *at, size_t room, uint32_t address, bool tcp,
                                          uint16_t port)
{
    size_t i = slot_of(mapping_key(address, tcp, port), room);

    while (at[i].used && (at[i].address != address || at[i].tcp != tcp || at[i].port != port))
        i = (i + 1) & (room - 1);
    return &at[i];
}

struct book_mapping *book_find(const struct book *b, uint32_t address, bool tcp, uint16_t port)
{
    struct book_mapping *m = probe_mapping(b->mappings, b->mappings_room, address, tcp, port);

    return m->used ? m : NULL;
}

/* Entries move, so pointers into the table become invalid here. */
struct book_mapping *book_take_mapping(struct book *b, uint32_t address, bool tcp, uint16_t port)
{
    struct book_mapping *m;

    if (b->mappings_count * 2 >= b->mappings_room) {
        struct book_mapping *larger = zeroed(b->mappings_room * 2, sizeof(*larger));

        for (size_t i = 0; i < b->mappings_room; i++) {
            m = &b->mappings[i];
            if (m->used)
                *probe_mapping(larger, b->mappings_room * 2, m->address, m->tcp, m->port) = *m;
        }
        free(b->mappings);
        b->mappings = larger;
        b->mappings_room *= 2;
    }
    m = probe_mapping(b->mappings, b->mappings_room, address, tcp, port);
    if (!m->used) {
        *m = (struct book_mapping){.used = true, .tcp = tcp, .address = address, .port = port};
        b->mappings_count++;
    }
    return m;
}

void book_asked_before(struct book *b, uint32_t address, bool tcp, uint16_t port)
{
    struct book_mapping *m = book_take_mapping(b, address, tcp, port);
    const struct book_rule *rule = book_rule_of(b, address, tcp, port);

    m->doubtful = true;
    if (rule && rule->enabled) /* the next process adopts it */
        m->rule_generation = b->rule_generation;
}

void book_static(struct book *b, uint32_t address, bool tcp, uint16_t port)
{
    struct book_mapping *m = book_take_mapping(b, address, tcp, port);

    b->statics += !m->is_static;
    m->is_static = true;
    m->doubtful = true;
}

static struct book_request *probe_request(struct book_request *at, size_t room,
                                          const struct book_request *wanted)
{
    uint64_t key =
        (uint64_t)wanted->address << 32 | (uint64_t)wanted->source_port << 16 | wanted->internal_port;
    size_t i = slot_of(key ^ (uint64_t)wanted->kind << 59, room);

    while (at[i].used && (at[i].kind != wanted->kind || at[i].process != wanted->process ||
                          at[i].address != wanted->address || at[i].source_port != wanted->source_port ||
                          at[i].internal_port != wanted->internal_port))
        i = (i + 1) & (room - 1);
    return &at[i];
}

struct book_request *book_take_request(struct book *b, const struct book_request *wanted)
{
    struct book_request *request;

    if (b->requests_count * 2 >= b->requests_room) {
        struct book_request *larger = zeroed(b->requests_room * 2, sizeof(*larger));

        for (size_t i = 0; i < b->requests_room; i++) {
            if (b->requests[i].used)
                *probe_request(larger, b->requests_room * 2, &b->requests[i]) = b->requests[i];
        }
        free(b->requests);
        b->requests = larger;
        b->requests_room *= 2;
    }
    request = probe_request(b->requests, b->requests_room, wanted);
    if (!request->used) {
        *request = *wanted;
        request->used = true;
        b->requests_count++;
    }
    return request;
}

/* NULL: there is no such request without an answer. */
struct book_request *book_find_request(const struct book *b, uint32_t to, uint16_t to_port,
                                       uint16_t internal_port, unsigned kind)
{
    struct book_request wanted = {.kind = kind,
                                  .process = b->process,
                                  .address = to,
                                  .source_port = to_port,
                                  .internal_port = internal_port};
    struct book_request *request = probe_request(b->requests, b->requests_room, &wanted);

    return request->used && request->first_ms != 0 ? request : NULL;
}

static void init_process(struct book_process *process)
{
    process->leases = zeroed(2 * (size_t)65536, sizeof(*process->leases));
    process->lease_of = zeroed(2 * (size_t)65536, sizeof(*process->lease_of));
}

static void free_process(struct book_process *process)
{
    free(process->leases);
    free(process->lease_of);
}

void book_init(struct book *b, const struct book_config *config)
{
    *b = (struct book){.config = *config, .mappings_room = ROOM_FIRST, .requests_room = ROOM_FIRST};
    b->mappings = zeroed(b->mappings_room, sizeof(*b->mappings));
    b->requests = zeroed(b->requests_room, sizeof(*b->requests));
    b->clients = zeroed(BOOK_CLIENTS, sizeof(*b->clients));
    init_process(&b->own);
    init_process(&b->other);
}

void book_free(struct book *b)
{
    free(b->mappings);
    free(b->requests);
    free(b->before);
    free(b->clients);
    free_process(&b->own);
    free_process(&b->other);
}

/* ---- the rules on the router ---- */

const struct book_rule *book_rule_of(const struct book *b, uint32_t address, bool tcp, uint16_t port)
{
    const struct book_rule *found = NULL;

    for (unsigned i = 0; i < b->rule_count; i++) {
        const struct book_rule *rule = &b->rules[i];

        if (rule->sane && rule->address == address && rule->tcp == tcp && rule->port == port &&
            (!found || !found->enabled || (rule->enabled && rule->id > found->id)))
            found = rule;
    }
    return found;
}
