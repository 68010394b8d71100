/* The RouterOS API of a router whose work takes no time: bytes of a connection in, bytes out, no sockets. It
 * knows the commands that the daemon uses, and checks nothing. The model in tests/models checks what a router
 * checks, and is too slow for measurements: an addition takes 12 us there and 1.6 us here, and a print of
 * 60,000 rules 460 ms and 15 ms. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "wire/routeros.h"

enum { ROUTEROS_CONNECTIONS_MAX = 8, ROUTEROS_RULES_MAX = 200000 };

struct routeros_connection {
    bool open;
    struct ros_reader reader;
    char listen_tag[16]; /* empty: it does not listen */
    uint8_t *out;        /* output that is to be sent; it grows */
    size_t out_len;
    size_t out_capacity;
    uint64_t snapshots; /* how many prints of the rules were answered */
};

struct routeros_rule {
    uint8_t *words; /* its attributes, encoded; NULL: no such rule */
    uint16_t len;
};

struct routeros_server {
    struct routeros_connection connection[ROUTEROS_CONNECTIONS_MAX];
    struct routeros_rule rule[ROUTEROS_RULES_MAX]; /* by id */
    uint32_t next_id;
    uint64_t commands;
    uint64_t rules;
};

/* The memory must be zero. Makes foreign dst-nat rules, and rules of an earlier run of the daemon for
 * 10.64.0.1 and up, as `load` requests them, with `mappings` for each client. */
void routeros_server_init(struct routeros_server *s, unsigned foreign, unsigned ours, unsigned mappings);
void routeros_server_open(struct routeros_server *s, unsigned connection);
void routeros_server_close(struct routeros_server *s, unsigned connection);
/* Answers are appended to `out` of this connection and of the listening ones. */
void routeros_server_take(struct routeros_server *s, unsigned connection, struct span input);
