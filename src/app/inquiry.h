/* Runs a check (check/check.h) over real sockets, by the driver of the daemon, until it has asked everything.
 */
#pragma once

#include "app/config.h"
#include "check/check.h"
#include "io/tls.h"

struct inquiry {
    const struct survey *survey;
    int error;    /* not 0: no memory or no descriptors; nothing was asked */
    int signal;   /* not 0: this signal ended it early; all changes have been undone */
    bool hanging; /* a thread still waits for a name server: the process can end only by _exit() */
};

/* `tls` is NULL for a connection to the router without TLS. With tables_only the router's version is all
 * that is asked for. A second signal ends the process at once. */
struct inquiry inquiry_run(const struct config *config, struct tls_context *tls, bool tables_only);
