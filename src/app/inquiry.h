/* Runs a check (check/check.h) over real sockets, by the driver of the daemon, until it has asked everything.
 */
#pragma once

#include "app/config.h"
#include "check/check.h"
#include "io/tls.h"

struct inquiry {
    struct survey *survey;
    int error;    /* not 0: no memory or no descriptors; nothing was asked */
    int signal;   /* not 0: this signal ended it early; all changes have been undone */
    bool hanging; /* a thread still waits for a name server: the process can end only by _exit() */
};

enum inquiry_scope {
    INQUIRY_ALL,
    INQUIRY_REPORT, /* and the names of all columns */
    INQUIRY_TABLES, /* of the router; nothing is changed, and the gateway is not asked */
};

/* What a check of that configuration is about; all of it is borrowed. */
struct check_config inquiry_about(const struct config *config);
/* Writes the addresses of this machine into the survey. */
void inquiry_list_own(struct survey *survey);

/* `tls` is NULL for a connection to the router without TLS. A second signal ends the process at once. */
struct inquiry inquiry_run(const struct config *config, struct tls_context *tls, enum inquiry_scope scope);
