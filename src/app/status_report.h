/* Prints the status of the daemon: as a page for people, or as one JSON document for programs. */
#pragma once

#include <stdio.h>
#include <time.h>

#include "app/status.h"

enum {
    STATUS_JSON_VERSION =
        1, /* of the document: it counts up when a member is removed or changes its meaning */
    STATUS_WIDTH_MIN = 60,
    /* Counters that are older than this are shown with their age. */
    STATUS_COUNTERS_OLD_S = 2 * COUNTERS_PERIOD_S,
};

struct status_report {
    struct status_page head; /* its rows are not used */
    struct mapping_status *row;
    unsigned rows;
    struct status_check check;
    struct status_finding *finding;
    unsigned findings;
};

/* Columns of the terminal; 0: the lines are as long as they have to be. */
void status_report_text(const struct status_report *report, unsigned width, bool colour, FILE *out);
/* The document is described in docs/status.md. */
void status_report_json(const struct status_report *report, FILE *out);
/* The same in pieces: the head, each finding, what is between them and the mappings, each mapping, and the
 * tail. */
void status_json_head(const struct status_report *report, FILE *out);
void status_json_finding(const struct status_report *report, const struct status_finding *finding, bool first,
                         FILE *out);
void status_json_mappings(const struct status_report *report, FILE *out);
void status_json_mapping(const struct status_report *report, const struct mapping_status *mapping, bool first,
                         FILE *out);
void status_json_tail(FILE *out);
struct status_cell {
    char text[80];
};

/* What the mapping's condition is, in words; short enough for a column. */
struct status_cell status_condition_text(const struct mapping_status *mapping);
/* "45s", "12m", "3h12m", "5d3h"; "-" if it is not known. */
struct status_cell status_duration(uint32_t seconds);
/* How many connections have arrived, and how long ago the last one did at most: "12, 3m ago", "none"; "-" if
 * the router has not shown it. */
struct status_cell status_arrivals(const struct mapping_status *mapping);
const char *status_protocol_text(const struct mapping_status *mapping);
/* True if packets to the external port reach the host, as far as is known. */
bool status_forwards(const struct mapping_status *mapping);
/* What is wrong and what to do about it, the router first; NULL: nothing, or nothing to be done. */
struct status_trouble {
    const char *what;
    const char *remedy;
};
struct status_trouble router_trouble(const struct proxy_status *proxy);
struct status_trouble gateway_trouble(const struct proxy_status *proxy);
struct status_trouble status_router_trouble(const struct status_report *report);
struct status_trouble status_gateway_trouble(const struct status_report *report);
