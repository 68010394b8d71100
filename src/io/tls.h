/* TLS 1.2, and 1.3 where the library has it, as a client, between ciphertext that the caller carries and
 * plain text. It has no socket, never waits and keeps nothing back: input is used up and output is sent at
 * once.
 *
 * A context is made once and serves all connections. Before it is made, the library is not used at all. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/failure.h"
#include "base/span.h"

enum { TLS_FINGERPRINT_SIZE = 32 }; /* SHA-256 */

/* Who the peer must be. The settings are read only while the context is made. */
struct tls_settings {
    const char *ca_file;        /* PEM; NULL: the system's CAs */
    const char *name;           /* the name in the certificate; NULL: any name */
    const uint8_t *fingerprint; /* SHA-256 of the peer's certificate, the only check then; NULL: none */
    bool insecure;              /* accepts any certificate, and none (anonymous Diffie-Hellman) */
};

enum tls_problem {
    TLS_PROBLEM_NONE,
    TLS_PROBLEM_MEMORY,
    TLS_PROBLEM_UNREADABLE, /* the file of CAs cannot be read, see errno */
    TLS_PROBLEM_LIBRARY,    /* wolfSSL is not installed */
    TLS_PROBLEM_NO_CA,      /* the file has no usable certificate */
};

enum tls_status {
    TLS_DONE,
    TLS_WAITING, /* more bytes from the peer are needed */
    TLS_CLOSED,  /* the peer has closed the connection */
    TLS_FAILED,  /* not TLS, or not the right peer; after the handshake tls_failure() says more */
};

struct tls_context;
struct tls;

/* NULL if it fails; *ret_problem says why. */
nodiscard_ struct tls_context *tls_context_new(const struct tls_settings *settings,
                                               enum tls_problem *ret_problem);
/* NULL is allowed. To be called after tls_free() of all connections. */
void tls_context_free(struct tls_context *context);

/* `send` takes all of the ciphertext; it returns false if the connection is broken. Returns NULL only if
 * there is no memory. */
nodiscard_ struct tls *tls_new(struct tls_context *context, bool (*send)(void *owner, struct span bytes),
                               void *owner);
/* NULL is allowed. */
void tls_free(struct tls *t);

/* Gives received ciphertext, which is borrowed until tls_handshake() or tls_read() returns TLS_WAITING. */
void tls_feed(struct tls *t, struct span bytes);
/* TLS_DONE: the handshake is over and the peer is who it must be. Everything but TLS_DONE and TLS_WAITING is
 * final. */
nodiscard_ enum tls_status tls_handshake(struct tls *t);
/* Why a handshake ended in TLS_FAILED: one of FAILURE_TLS_... */
enum failure tls_failure(const struct tls *t);
/* To be called after the handshake. TLS_DONE: there are 1 to `capacity` bytes of plain text, and there may be
 * more. */
nodiscard_ enum tls_status tls_read(struct tls *t, uint8_t *ret_bytes, size_t capacity, size_t *ret_len);
/* To be called after the handshake. False if `send` returned false. */
nodiscard_ bool tls_write(struct tls *t, struct span bytes);
/* Tells the peer that nothing more follows. */
void tls_close(struct tls *t);
