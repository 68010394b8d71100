/* Connects the core, or a check, with the sockets: what happens becomes an event, and the actions that come
 * back are performed.
 *
 * Only this file knows both sides. It decides nothing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "app/changes.h"
#include "app/config.h"
#include "app/log.h"
#include "app/self_check.h"
#include "app/web.h"
#include "core/proxy.h"
#include "io/clock.h"
#include "io/feed.h"
#include "io/probe.h"
#include "io/stream.h"
#include "io/udp.h"
#include "io/udp_client.h"

struct driver;

/* What is driven, by the contract of the core. */
struct machine {
    void *state;
    void (*step)(void *state, const struct event *event, struct actions *out);
    uint64_t (*deadline_ms)(const void *state);
};

enum {
    DRIVER_SIGNALS = 13, /* those that driver.c lists */
};

struct driver_session {
    struct driver *driver;
    struct stream *stream; /* NULL: none */
    bool failed;           /* no memory for a stream: the core must learn of it */
};

/* What the log has said of a counter. */
struct reported {
    uint64_t count;
    uint64_t at_ms;
};

/* The struct is large. If it comes from calloc(), only the parts in use cost memory. */
struct driver {
    uv_loop_t loop;
    uv_signal_t signals[DRIVER_SIGNALS];
    struct deadline deadline;
    struct udp_server lan; /* not open in a check, and neither are probe, feed and self_check */
    struct udp_client gateway;
    struct probe_server probe;
    struct feed_server feed;
    struct web web; /* not open without STATUS_LISTEN */
    struct self_check self_check;
    struct driver_session session[ROUTER_SESSIONS_MAX];
    const struct config *config;
    struct tls_context *tls;
    struct machine machine;
    struct log *log;
    bool stepping;
    int signal; /* not 0: the one for which the machine has received EVENT_STOP */
    bool exiting;
    struct reported lan_dropped;
    struct reported lan_floods;
    struct changes changes;
    struct actions actions;
    struct self_findings findings; /* the last member: its pages are not used while all is well */
};

/* How many file descriptors that configuration needs. */
unsigned driver_descriptors_needed(const struct config *config);
/* The limit of file descriptors, raised to `needed` if this process may do that. */
uint64_t driver_descriptors(unsigned needed);
/* Opens all sockets but those that listen. The memory must be zero, and the other arguments must outlive the
 * driver; `tls` is NULL for a connection to the router without TLS. Returns 0 or a negative errno: -EMFILE if
 * there are too few descriptors. */
nodiscard_ int driver_open_machine(struct driver *d, const struct config *config, struct tls_context *tls,
                                   struct machine machine, struct log *log);
/* Opens all sockets for the core. Returns 0, or a negative errno if LISTEN_ADDR cannot be bound; then
 * everything is closed again. */
nodiscard_ int driver_open(struct driver *d, const struct config *config, struct tls_context *tls,
                           struct proxy *proxy, struct log *log);
/* Runs the machine from EVENT_START until it asks to exit. A second SIGTERM, SIGINT or SIGQUIT ends the
 * process at once; the exit status is then 128 plus the number of the signal. */
void driver_run(struct driver *d);
/* False if a thread still waits for a name server: the process can then end only by _exit(), because exit()
 * waits for the thread. */
nodiscard_ bool driver_close(struct driver *d);
