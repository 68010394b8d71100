#include "io/tls.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "io/file.h"
#include "io/tls_library.h"

#include <wolfssl/error-ssl.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

enum {
    /* Enough for all public CAs: Debian's file has 0.2 MB. */
    CA_FILE_MAX = 4 << 20,
    SEED_DEVICE = 1,
    NAME_MAX_LEN = 255, /* RFC 1035 section 2.3.4 */
};

/* By default the library offers suites that were broken long ago as well. RouterOS 7 has
 * ECDHE-RSA-AES256-GCM-SHA384, RouterOS 6 has DHE-RSA-AES256-GCM-SHA384; the others are for a proxy in front
 * of the router. Without ChaCha20 and CBC, which no server requires, the images are smaller. */
#define SUITES                                                                                               \
    "TLS13-AES256-GCM-SHA384:TLS13-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"                         \
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                 \
    "DHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256"
/* A RouterOS without a certificate offers this one. It comes last, so that a router with a certificate shows
 * it. */
#define ANONYMOUS_SUITE ":ADH-AES256-GCM-SHA384"

static const char *const system_ca_files[] = {
    "/etc/ssl/certs/ca-certificates.crt", /* Debian, Alpine, Arch */
    "/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora */
    "/etc/ssl/cert.pem",
};

/* Set by the first context. */
static const struct tls_library *wolf;

struct tls_context {
    WOLFSSL_CTX *ctx;
    bool insecure;
    bool pinned;
    uint8_t fingerprint[TLS_FINGERPRINT_SIZE];
    char name[NAME_MAX_LEN + 1]; /* empty: any */
};

struct tls {
    WOLFSSL *ssl;
    const struct tls_context *context;
    bool (*send)(void *owner, struct span bytes);
    void *owner;
    struct span input;
    bool accepted; /* the peer's own certificate was checked and is right */
    bool rejected;
    enum failure failure; /* of the handshake */
};

/* ---- the file of CAs ---- */

/* The library skips certificates that it cannot read; one that it can read is enough. */
static enum tls_problem load_cas(WOLFSSL_CTX *ctx, const char *path)
{
    uint8_t *bytes = malloc(CA_FILE_MAX);
    ssize_t len = bytes == NULL ? -1 : file_read(path, bytes, CA_FILE_MAX);
    int result = WOLFSSL_FAILURE;
    if (len == CA_FILE_MAX) {
        errno = EFBIG;
        len = -1;
    }
    if (len >= 0)
        result = wolf->wolfSSL_CTX_load_verify_buffer(ctx, bytes, (long)len, WOLFSSL_FILETYPE_PEM);
    free(bytes);
    if (len < 0)
        return TLS_PROBLEM_UNREADABLE;
    return result == WOLFSSL_SUCCESS ? TLS_PROBLEM_NONE : TLS_PROBLEM_NO_CA;
}

static enum tls_problem load_system_cas(WOLFSSL_CTX *ctx)
{
    enum tls_problem problem = TLS_PROBLEM_UNREADABLE;
    for (size_t i = 0; i < ARRAY_LEN(system_ca_files) && problem == TLS_PROBLEM_UNREADABLE; i++)
        problem = load_cas(ctx, system_ca_files[i]);
    return problem;
}

/* ---- who the peer is ---- */

static bool has_fingerprint(const struct tls_context *context, const WOLFSSL_X509_STORE_CTX *store)
{
    uint8_t fingerprint[TLS_FINGERPRINT_SIZE];
    return store->totalCerts > 0 &&
           wolf->wc_Sha256Hash(store->certs[0].buffer, store->certs[0].length, fingerprint) == 0 &&
           memcmp(fingerprint, context->fingerprint, sizeof(fingerprint)) == 0;
}

/* The library calls this for each certificate that it finds wrong, and always for the peer's own, which is
 * the first of `certs` and has depth 0. */
static int on_certificate(int is_good, WOLFSSL_X509_STORE_CTX *store)
{
    struct tls *t = store->userCtx;
    bool good = t->context->pinned ? has_fingerprint(t->context, store) : is_good == 1;
    if (!good)
        t->rejected = true;
    else if (store->error_depth == 0)
        t->accepted = true;
    return good ? 1 : 0;
}

/* The library compares addresses as text, and IPv6 addresses as eight groups of four digits. */
static bool keep_name(struct tls_context *context, const char *name)
{
    struct in6_addr address;
    const uint8_t *a = address.s6_addr;
    int len;
    if (inet_pton(AF_INET6, name, &address) == 1)
        len = snprintf(context->name, sizeof(context->name),
                       "%02X%02X:%02X%02X:%02X%02X:%02X%02X:%02X%02X:%02X%02X:%02X%02X:%02X%02X", a[0], a[1],
                       a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11], a[12], a[13], a[14],
                       a[15]);
    else
        len = snprintf(context->name, sizeof(context->name), "%s", name);
    return len >= 0 && (size_t)len < sizeof(context->name);
}

/* ---- contexts ---- */

#ifdef WOLF_CRYPTO_CB
/* Debian's build of the library opens /dev/urandom for each connection. The file may be missing, and the
 * seccomp filter forbids to open it. */
static int give_seed(int device, wc_CryptoInfo *info, void *context)
{
    (void)device;
    (void)context;
    if (info->algo_type != WC_ALGO_TYPE_SEED)
        return CRYPTOCB_UNAVAILABLE;
    return getrandom(info->seed.seed, info->seed.sz, 0) == (ssize_t)info->seed.sz ? 0 : READ_RAN_E;
}
#endif

static bool seed_from_kernel(WOLFSSL_CTX *ctx)
{
#ifdef WOLF_CRYPTO_CB
    return wolf->wc_CryptoCb_RegisterDevice(SEED_DEVICE, give_seed, NULL) == 0 &&
           wolf->wolfSSL_CTX_SetDevId(ctx, SEED_DEVICE) == WOLFSSL_SUCCESS;
#else
    (void)ctx;
    return true;
#endif
}

static bool set_up(struct tls_context *context)
{
    WOLFSSL_CTX *ctx = context->ctx;
    const char *suites = context->insecure ? SUITES ANONYMOUS_SUITE : SUITES;
    if (ctx == NULL || !seed_from_kernel(ctx) ||
        wolf->wolfSSL_CTX_SetMinVersion(ctx, WOLFSSL_TLSV1_2) != WOLFSSL_SUCCESS ||
        wolf->wolfSSL_CTX_set_cipher_list(ctx, suites) != WOLFSSL_SUCCESS)
        return false;
    if (context->insecure) {
        wolf->wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_NONE, NULL);
        return wolf->wolfSSL_CTX_allow_anon_cipher(ctx) == WOLFSSL_SUCCESS;
    }
    wolf->wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_PEER, on_certificate);
    return true;
}

struct tls_context *tls_context_new(const struct tls_settings *settings, enum tls_problem *ret_problem)
{
    *ret_problem = TLS_PROBLEM_MEMORY;
    wolf = tls_library();
    if (wolf == NULL) {
        *ret_problem = TLS_PROBLEM_LIBRARY;
        return NULL;
    }
    struct tls_context *context = calloc(1, sizeof(*context));
    if (context == NULL || wolf->wolfSSL_Init() != WOLFSSL_SUCCESS) {
        free(context);
        return NULL;
    }
    context->insecure = settings->insecure;
    context->pinned = settings->fingerprint != NULL;
    if (context->pinned)
        memcpy(context->fingerprint, settings->fingerprint, sizeof(context->fingerprint));
    context->ctx = wolf->wolfSSL_CTX_new(wolf->wolfSSLv23_client_method());
    if (set_up(context) && (settings->name == NULL || keep_name(context, settings->name)))
        *ret_problem = TLS_PROBLEM_NONE;
    if (*ret_problem == TLS_PROBLEM_NONE && !context->insecure && !context->pinned)
        *ret_problem = settings->ca_file == NULL ? load_system_cas(context->ctx)
                                                 : load_cas(context->ctx, settings->ca_file);
    if (*ret_problem == TLS_PROBLEM_NONE)
        return context;
    int error = errno;
    tls_context_free(context);
    errno = error;
    return NULL;
}

void tls_context_free(struct tls_context *context)
{
    if (context == NULL)
        return;
    wolf->wolfSSL_CTX_free(context->ctx);
    free(context);
    (void)wolf->wolfSSL_Cleanup();
}

/* ---- connections ---- */

static int on_send(WOLFSSL *ssl, char *bytes, int len, void *context)
{
    struct tls *t = context;
    (void)ssl;
    return t->send(t->owner, span_of(bytes, (size_t)len)) ? len : WOLFSSL_CBIO_ERR_GENERAL;
}

static int on_receive(WOLFSSL *ssl, char *ret_bytes, int capacity, void *context)
{
    struct tls *t = context;
    size_t len = t->input.len < (size_t)capacity ? t->input.len : (size_t)capacity;
    (void)ssl;
    if (len == 0)
        return WOLFSSL_CBIO_ERR_WANT_READ;
    memcpy(ret_bytes, t->input.data, len);
    t->input = span_skip(t->input, len);
    return (int)len;
}

struct tls *tls_new(struct tls_context *context, bool (*send)(void *owner, struct span bytes), void *owner)
{
    struct tls *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return NULL;
    t->context = context;
    t->send = send;
    t->owner = owner;
    t->ssl = wolf->wolfSSL_new(context->ctx);
    if (t->ssl == NULL || (context->name[0] != '\0' &&
                           wolf->wolfSSL_check_domain_name(t->ssl, context->name) != WOLFSSL_SUCCESS)) {
        tls_free(t);
        return NULL;
    }
    wolf->wolfSSL_SSLSetIORecv(t->ssl, on_receive);
    wolf->wolfSSL_SSLSetIOSend(t->ssl, on_send);
    wolf->wolfSSL_SetIOReadCtx(t->ssl, t);
    wolf->wolfSSL_SetIOWriteCtx(t->ssl, t);
    wolf->wolfSSL_SetCertCbCtx(t->ssl, t);
    /* The test whether the server's prime is one takes up to two seconds. A verified server has signed its
     * prime; about one that was not verified, the test proves nothing. */
    (void)wolf->wolfSSL_SetEnableDhKeyTest(t->ssl, 0);
    return t;
}

void tls_free(struct tls *t)
{
    if (t == NULL)
        return;
    wolf->wolfSSL_free(t->ssl);
    free(t);
}

void tls_feed(struct tls *t, struct span bytes)
{
    assert(t->input.len == 0);
    t->input = bytes;
}

static enum tls_status waiting(const struct tls *t)
{
    assert(t->input.len == 0);
    return TLS_WAITING;
}

static enum failure why_failed(const struct tls *t, int error)
{
    WOLFSSL_ALERT_HISTORY alerts;
    if (t->rejected) {
        if (t->context->pinned)
            return FAILURE_TLS_WRONG_PRINT;
        if (error == ASN_BEFORE_DATE_E || error == ASN_AFTER_DATE_E)
            return FAILURE_TLS_OUTDATED;
        return error == DOMAIN_NAME_MISMATCH ? FAILURE_TLS_WRONG_NAME : FAILURE_TLS_UNTRUSTED;
    }
    if (wolf->wolfSSL_get_alert_history(t->ssl, &alerts) == WOLFSSL_SUCCESS &&
        alerts.last_rx.level == alert_fatal)
        return FAILURE_TLS_REFUSED;
    return FAILURE_TLS_BROKEN;
}

enum tls_status tls_handshake(struct tls *t)
{
    int result = wolf->wolfSSL_connect(t->ssl);
    if (result == WOLFSSL_SUCCESS) {
        /* Whatever the library did: a peer whose certificate was not checked is refused. */
        t->failure = FAILURE_TLS_UNTRUSTED;
        return t->accepted || t->context->insecure ? TLS_DONE : TLS_FAILED;
    }
    int error = wolf->wolfSSL_get_error(t->ssl, result);
    if (error == WOLFSSL_ERROR_WANT_READ)
        return waiting(t);
    t->failure = why_failed(t, error);
    return TLS_FAILED;
}

enum failure tls_failure(const struct tls *t)
{
    return t->failure;
}

enum tls_status tls_read(struct tls *t, uint8_t *ret_bytes, size_t capacity, size_t *ret_len)
{
    assert(capacity <= INT_MAX);
    int len = wolf->wolfSSL_read(t->ssl, ret_bytes, (int)capacity);
    if (len > 0) {
        *ret_len = (size_t)len;
        return TLS_DONE;
    }
    switch (wolf->wolfSSL_get_error(t->ssl, len)) {
    case WOLFSSL_ERROR_WANT_READ:
        return waiting(t);
    case WOLFSSL_ERROR_ZERO_RETURN:
        return TLS_CLOSED;
    default:
        return TLS_FAILED;
    }
}

bool tls_write(struct tls *t, struct span bytes)
{
    assert(bytes.len <= INT_MAX);
    return bytes.len == 0 || wolf->wolfSSL_write(t->ssl, bytes.data, (int)bytes.len) == (int)bytes.len;
}

void tls_close(struct tls *t)
{
    (void)wolf->wolfSSL_shutdown(t->ssl);
}
