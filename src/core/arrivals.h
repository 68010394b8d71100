/* What has arrived at a mapping since its record was made, by the counters of its rules on the router. Only
 * arrivals.c writes it.
 *
 * A counter begins again at 0 when the rule is replaced, when somebody resets it, and when the router starts.
 * The sums go on, and do not have what arrived between the last reading and that. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct mapping;
struct mapping_tables;
struct nat_counters;

struct arrivals {
    uint64_t bytes;        /* of the first packets of these connections */
    uint64_t rule_bytes;   /* the rule's counter, as it was read last */
    uint32_t connections;  /* no more are counted than the number has room for */
    uint32_t rule_packets; /* the rule's counter, as it was read last */
    uint32_t rule_id;      /* the id of that rule; 0: no counter was ever read */
    uint32_t not_before_s; /* the last connection came at this time or later; 0: it is not known when */
};

/* The router has shown the counters of the mapping's rule. The reading before began at last_reading_ms. */
void arrivals_on_counted(struct mapping_tables *t, uint16_t m, const struct nat_counters *counters,
                         uint64_t last_reading_ms);
bool arrivals_are_known(const struct mapping *mapping);
