/* Runs the questions of a check (check/check.h) over real sockets until they are answered. What the driver is
 * for the daemon; nothing is decided here. */
#pragma once

#include "app/config.h"
#include "check/check.h"
#include "io/tls.h"

struct inquiry_end {
    int error;    /* not 0: there are no means for it, and nothing was asked */
    int signal;   /* not 0: what cut it short; what was begun by then has been undone */
    bool hanging; /* a thread still waits for a name server: then only _exit does not wait for it too */
};

/* `tls` is NULL for a router that is spoken to without it. A second signal ends the process at once. */
struct inquiry_end inquiry_run(struct check *check, const struct config *config, struct tls_context *tls);
/* The part of the configuration that a check is about; borrows from it. */
struct check_config inquiry_config(const struct config *config);
