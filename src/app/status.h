/* What `double-natpmp status` asks the running daemon, and what the daemon replies: pages of plain structs.
 * Both are the same program; a page of another version is recognized by its size and by its version. */
#pragma once

#include "app/config.h"
#include "app/self_findings.h"
#include "core/proxy_status.h"

enum {
    STATUS_PAGE_ROWS = 128,
    STATUS_VERSION_MAX = 31,
    STATUS_QUESTION_SIZE = 3,
};

struct status_page {
    char version[STATUS_VERSION_MAX + 1];
    char instance[INSTANCE_NAME_MAX + 1];
    char router_host[CONFIG_HOST_MAX + 1];
    int64_t now; /* Unix time, from which the ages count */
    uint32_t gateway;
    uint16_t router_port;
    uint16_t next; /* where the next page begins; 0: this is the last one */
    uint16_t rows;
    struct proxy_status proxy;
    struct mapping_status row[STATUS_PAGE_ROWS];
};

/* A failure that the daemon's own check has found. */
struct status_finding {
    struct finding finding;
    uint32_t since_s; /* how long ago it was found first */
};

/* The last of these checks. */
struct status_check {
    bool known;     /* there was one in the trouble that is now */
    uint32_t age_s; /* how long ago it ended */
};

enum { FINDINGS_PAGE_ROWS = 5 };

struct findings_page {
    char version[STATUS_VERSION_MAX + 1];
    struct status_check check;
    uint8_t count; /* of all */
    uint8_t rows;  /* in this page */
    struct status_finding row[FINDINGS_PAGE_ROWS];
};

struct status_question {
    uint8_t bytes[STATUS_QUESTION_SIZE];
};

/* `from`: 0 for the first page, then what the last page names as `next`. */
struct status_question status_question(uint16_t from);
bool status_asks_for(struct span question, uint16_t *ret_from);

/* The same for the pages of findings, of which the next one begins behind the rows of the last one. */
struct status_question findings_question(uint16_t from);
bool findings_asks_for(struct span question, uint16_t *ret_from);

struct status_check status_check(const struct self_findings *findings, uint64_t now_ms);
/* The finding with that number; false: there are not so many. */
bool status_finding(const struct self_findings *findings, unsigned number, uint64_t now_ms,
                    struct status_finding *ret_finding);
struct findings_page findings_page(const struct self_findings *findings, uint16_t from, uint64_t now_ms);
bool findings_page_is_valid(const struct findings_page *page, int size);

struct status_page status_page(const struct proxy *proxy, const struct config *config, uint16_t from,
                               uint64_t now_ms);
/* True if the bytes are a page of this version of the program, with texts that end and numbers in their
 * ranges. */
bool status_page_is_valid(const struct status_page *page, int size);
