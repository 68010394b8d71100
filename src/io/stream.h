/* An outgoing connection that carries bytes in order: TCP, or TLS over it, behind the same three functions
 * and three callbacks.
 *
 * A stream lives from stream_open until its `closed` callback returns or until stream_close; then the pointer
 * is dead. Callbacks come from the loop only, never from within a call of a function below. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "base/attributes.h"
#include "base/span.h"
#include "io/tls.h"

enum {
    STREAM_CONNECT_TIMEOUT_MS = 5000, /* for each address of the host */
    /* A resolver asks again after 5 s if the first packet was lost: that second try is let through. */
    STREAM_RESOLVE_TIMEOUT_MS = 10000,
    STREAM_TLS_TIMEOUT_MS = 5000, /* for the handshake: a small router signs for half a second */
    STREAM_KEEPALIVE_S = 30,
    /* A peer that takes no more than this behind is broken. */
    STREAM_QUEUE_MAX = 1 << 20,
    STREAM_INPUT_MAX = 4096,
};

enum stream_end {
    STREAM_END_RESOLVE, /* the name has no address, or the resolver does not answer */
    STREAM_END_REFUSED,
    STREAM_END_UNREACHABLE,
    STREAM_END_TIMEOUT,
    STREAM_END_RESET,
    STREAM_END_EOF,
    /* Before `opened`: the peer is not who it must be, or no TLS came about. */
    STREAM_END_TLS_REFUSED,
    STREAM_END_TLS_UNTRUSTED,
    STREAM_END_TLS_OUTDATED,
    STREAM_END_TLS_WRONG_NAME,
    STREAM_END_TLS_WRONG_PRINT,
    STREAM_END_TLS_BROKEN,
    STREAM_END_FAILED,
};

struct stream_handlers {
    /* With TLS, after the handshake. `peer` is the IPv4 address in host byte order, 0 for an IPv6 peer. */
    void (*opened)(void *context, uint32_t peer);
    void (*received)(void *context, struct span bytes);
    void (*closed)(void *context, enum stream_end end);
};

struct stream;

/* False for an IPv4 or IPv6 address: for one, no file is opened and no thread is made. */
bool stream_needs_resolver(const char *host);
/* Resolves `host` (a name, an IPv4 or IPv6 address; copied) off the loop and connects to its addresses in
 * turn. `tls` is NULL for plain TCP. NULL only if there is no memory. */
nodiscard_ struct stream *stream_open(uv_loop_t *loop, const char *host, uint16_t port,
                                      struct tls_context *tls, const struct stream_handlers *handlers,
                                      void *context);
/* Only after `opened`. Gives to the kernel what it takes before returning; the rest is queued. */
void stream_send(struct stream *s, struct span bytes);
/* Our IPv4 address of an open connection; 0: it has none. */
uint32_t stream_local(const struct stream *s);
/* At any time, also from a callback of this stream; no callback follows. */
void stream_close(struct stream *s);
