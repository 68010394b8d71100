/* TLS 1.2 and 1.3 as a client, between ciphertext that somebody else carries and plain text. Knows no socket,
 * never waits, and holds nothing back: what is fed is used up, what is written is sent at once.
 *
 * A context is made once and serves all connections; until then nothing of the library is touched. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/span.h"

enum { TLS_FINGERPRINT_SIZE = 32 }; /* SHA-256 */

/* Who the peer must be. All is only read while the context is made. */
struct tls_settings {
    const char *ca_file;        /* PEM; NULL: the system's CAs */
    const char *name;           /* that the certificate must be for; NULL: whatever it is for */
    const uint8_t *fingerprint; /* SHA-256 of the peer's certificate, which then alone counts; NULL: none */
    bool insecure;              /* any certificate is taken, and none (anonymous Diffie-Hellman) */
};

enum tls_problem {
    TLS_PROBLEM_NONE,
    TLS_PROBLEM_MEMORY,
    TLS_PROBLEM_UNREADABLE, /* errno says why the file of CAs cannot be read */
    TLS_PROBLEM_LIBRARY,    /* wolfSSL is not installed */
    TLS_PROBLEM_NO_CA,      /* the file holds no certificate that is of use */
};

enum tls_status {
    TLS_DONE,
    TLS_WAITING,     /* more of the peer's bytes are needed */
    TLS_CLOSED,      /* the peer has said that nothing follows */
    TLS_REFUSED,     /* the peer ended it with an alert; without a certificate it has no suite in common */
    TLS_UNTRUSTED,   /* no trusted CA has signed the certificate, or not for a server */
    TLS_OUTDATED,    /* expired or not yet valid */
    TLS_WRONG_NAME,  /* the certificate is for another name */
    TLS_WRONG_PRINT, /* the certificate has another fingerprint */
    TLS_BROKEN,      /* not TLS, or not as it must be */
};

struct tls_context;
struct tls;

/* NULL: *ret_problem says why. */
nodiscard_ struct tls_context *tls_context_new(const struct tls_settings *settings,
                                               enum tls_problem *ret_problem);
/* NULL is allowed. After all its connections. */
void tls_context_free(struct tls_context *context);

/* `send` takes all of the ciphertext; false: it cannot, and never will. NULL only if there is no memory. */
nodiscard_ struct tls *tls_new(struct tls_context *context, bool (*send)(void *owner, struct span bytes),
                               void *owner);
/* NULL is allowed. */
void tls_free(struct tls *t);

/* Ciphertext that has come. It is borrowed until tls_handshake or tls_read answers TLS_WAITING. */
void tls_feed(struct tls *t, struct span bytes);
/* TLS_DONE: the peer is who it must be. Any other answer than that and TLS_WAITING is the end. */
nodiscard_ enum tls_status tls_handshake(struct tls *t);
/* After the handshake. TLS_DONE: 1 to `capacity` bytes of plain text, and there may be more. */
nodiscard_ enum tls_status tls_read(struct tls *t, uint8_t *ret_bytes, size_t capacity, size_t *ret_len);
/* After the handshake. False: `send` said so. */
nodiscard_ bool tls_write(struct tls *t, struct span bytes);
/* Tells the peer that nothing follows. */
void tls_close(struct tls *t);
