/* The way of a packet through the router, from the interface where it enters to the one where it should
 * leave: raw rules, mangle rules, routing, filter rules. */
#pragma once

#include "check/marks.h"
#include "check/ways.h"

struct trip {
    struct packet packet; /* as it enters */
    bool restored;        /* `to` was the source of its connection before src-nat */
    bool translated;      /* its destination is translated, to `to` and `to_port` */
    struct prefix to;
    uint16_t to_port;
    const struct nat_context *out; /* the interface where it should leave */
};

enum loss_by {
    LOSS_RAW,
    LOSS_FILTER,
    LOSS_RULE, /* a routing rule */
    LOSS_MARK, /* a routing mark */
    LOSS_MAIN, /* the main routing table */
};

/* What becomes of packets that do not arrive. */
struct loss {
    bool found;
    bool sure;                              /* of all packets; otherwise of some, or it is unknown */
    uint8_t by;                             /* enum loss_by */
    uint32_t id;                            /* the rule of `by` */
    char interface[INTERFACE_NAME_MAX + 1]; /* where they leave instead; empty: nowhere */
    uint32_t host;                          /* one of the hosts that they do not reach; 0: all of them */
};

/* Hosts that stand for all on the internet: some in each half, where rules and routes treat a part of it in a
 * way of its own. */
enum { SAMPLE_HOSTS = 6 };
extern const uint32_t sample_hosts[SAMPLE_HOSTS];

/* The packet behind the translation of its destination. */
struct packet trip_translated(const struct trip *trip);
/* From the marks that the connection has before (marks_none), to those that it has after. Filter rules that
 * fasttrack the packets accept them. */
void trip_follow(const struct survey *s, const struct trip *trip, struct outcomes *inout_marks,
                 struct loss *ret_loss);
/* The rule that fasttracks packets of established connections on that trip; false: none. */
bool trip_is_fasttracked(const struct survey *s, const struct trip *trip, const struct outcomes *marks,
                         struct ruling *ret_rule);
/* True if packets of that trip leave by its interface even without a routing mark. */
bool trip_leads_unmarked(const struct survey *s, const struct trip *trip);
