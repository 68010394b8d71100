/* Between the core and the world: what happens becomes an event, and the actions that come back are carried
 * out.
 *
 * The only file that knows both sides. Nothing is decided here. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "app/config.h"
#include "app/log.h"
#include "core/proxy.h"
#include "io/clock.h"
#include "io/probe.h"
#include "io/stream.h"
#include "io/udp.h"
#include "io/udp_client.h"

struct driver;

struct driver_session {
    struct driver *driver;
    struct stream *stream; /* NULL: none */
    bool failed;           /* there was no memory for one: the core is still to be told */
};

/* What the log has said of a counter. */
struct reported {
    uint64_t count;
    uint64_t at_ms;
};

/* Large, but only what was used costs memory, if it comes from calloc. */
struct driver {
    uv_loop_t loop;
    uv_signal_t terminate;
    uv_signal_t interrupt;
    struct deadline deadline;
    struct udp_server lan;
    struct udp_client gateway;
    struct probe_server probe;
    struct driver_session session[ROUTER_SESSIONS_MAX];
    const struct config *config;
    struct tls_context *tls;
    struct proxy *proxy;
    struct log *log;
    bool stepping;
    bool stopping; /* EVENT_STOP was given */
    bool exiting;
    struct reported lan_dropped;
    struct reported lan_floods;
    struct actions actions;
};

/* Opens everything and binds. The memory is zero, and the others outlive the driver; `tls` is NULL if the
 * router is spoken to without it. 0, or a negative errno: then LISTEN_ADDR could not be bound, and nothing
 * stays open.
 */
nodiscard_ int driver_open(struct driver *d, const struct config *config, struct tls_context *tls,
                           struct proxy *proxy, struct log *log);
/* Runs the core from EVENT_START until it asks for the end. A second SIGTERM or SIGINT ends the process at
 * once, with 128 and the signal's number as exit status. */
void driver_run(struct driver *d);
/* False if a thread still waits for a name server: then only _exit does not wait for it too. */
nodiscard_ bool driver_close(struct driver *d);

/* ---- what the driver of a check (app/inquiry.c) needs as well ---- */

void driver_watch_signal(uv_loop_t *loop, uv_signal_t *handle, int number, uv_signal_cb callback, void *data);
/* Runs the loop until all handles that were closed are gone, and closes it. False if a thread still waits for
 * a name server. */
nodiscard_ bool driver_end_loop(uv_loop_t *loop);
enum gateway_error driver_gateway_error(enum udp_error error);
enum router_close_reason driver_close_reason(enum stream_end end);
