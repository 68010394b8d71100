/* An outgoing connection that carries bytes in order, over TCP or over TLS, with the same functions and
 * callbacks.
 *
 * A stream lives from stream_open() until its `closed` callback returns or stream_close() is called; then the
 * pointer is invalid. Callbacks come from the loop only, never within a call of a function below. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "base/attributes.h"
#include "base/failure.h"
#include "base/span.h"
#include "io/tls.h"

enum {
    STREAM_CONNECT_TIMEOUT_MS = 5000, /* for each address of the host */
    /* A resolver repeats its query after 5 s if the first packet was lost. There is time for this second
     * try. */
    STREAM_RESOLVE_TIMEOUT_MS = 10000,
    STREAM_TLS_TIMEOUT_MS = 5000, /* for the handshake: a small router needs half a second for a signature */
    STREAM_KEEPALIVE_S = 30,
    /* A peer that leaves more than this unread is broken. */
    STREAM_QUEUE_MAX = 1 << 20,
    STREAM_INPUT_MAX = 4096,
};

struct stream_handlers {
    /* With TLS it comes after the handshake. `peer` is the IPv4 address in host byte order; 0 for an IPv6
     * peer. */
    void (*opened)(void *context, uint32_t peer);
    void (*received)(void *context, struct span bytes);
    void (*closed)(void *context, enum failure failure);
};

struct stream;

/* False if `host` is an IPv4 or IPv6 address: then no file is opened and no thread is made. */
bool stream_needs_resolver(const char *host);
/* Resolves `host` (a name or an IPv4 or IPv6 address, which is copied) in another thread and tries to connect
 * to its addresses in turn. `tls` is NULL for plain TCP. Returns NULL only if there is no memory. */
nodiscard_ struct stream *stream_open(uv_loop_t *loop, const char *host, uint16_t port,
                                      struct tls_context *tls, const struct stream_handlers *handlers,
                                      void *context);
/* To be called only after `opened`. What the kernel does not take at once is queued. */
void stream_send(struct stream *s, struct span bytes);
/* Our own IPv4 address on an open connection; 0 if it has none. */
uint32_t stream_local(const struct stream *s);
/* Can be called at any time, even in a callback of this stream; no callback follows. */
void stream_close(struct stream *s);
