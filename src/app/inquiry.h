/* Runs a check (check/check.h) over real sockets, by the driver of the daemon, until it has asked everything.
 */
#pragma once

#include "app/config.h"
#include "check/check.h"
#include "io/tls.h"

struct inquiry_end {
    int error;    /* not 0: no memory or no descriptors; nothing was asked */
    int signal;   /* not 0: this signal ended it early; all changes have been undone */
    bool hanging; /* a thread still waits for a name server: the process can end only by _exit() */
};

/* `tls` is NULL for a connection to the router without TLS. A second signal ends the process at once. */
struct inquiry_end inquiry_run(struct check *check, const struct config *config, struct tls_context *tls);
/* The part of the configuration that a check needs. It points into `config`. */
struct check_config inquiry_config(const struct config *config);
