/* The functions of wolfSSL that are used. A shared library is loaded only if TLS is configured: once linked
 * it would take 400 kB, a fifth of what the daemon needs in all. */
#pragma once

#include <stdbool.h>

#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/sha256.h>
#ifdef WOLF_CRYPTO_CB
#include <wolfssl/wolfcrypt/cryptocb.h>
#endif

#include "base/attributes.h"

// clang-format off
#ifdef WOLF_CRYPTO_CB
#define TLS_LIBRARY_SEED(X)           \
    X(wolfSSL_CTX_SetDevId)           \
    X(wc_CryptoCb_RegisterDevice)
#else
#define TLS_LIBRARY_SEED(X)
#endif

#define TLS_LIBRARY(X)                \
    X(wolfSSL_Init)                   \
    X(wolfSSL_Cleanup)                \
    X(wolfSSLv23_client_method)       \
    X(wolfSSL_CTX_new)                \
    X(wolfSSL_CTX_free)               \
    X(wolfSSL_CTX_SetMinVersion)      \
    X(wolfSSL_CTX_set_cipher_list)    \
    X(wolfSSL_CTX_set_verify)         \
    X(wolfSSL_CTX_allow_anon_cipher)  \
    X(wolfSSL_CTX_load_verify_buffer) \
    X(wolfSSL_new)                    \
    X(wolfSSL_free)                   \
    X(wolfSSL_SSLSetIORecv)           \
    X(wolfSSL_SSLSetIOSend)           \
    X(wolfSSL_SetIOReadCtx)           \
    X(wolfSSL_SetIOWriteCtx)          \
    X(wolfSSL_SetCertCbCtx)           \
    X(wolfSSL_check_domain_name)      \
    X(wolfSSL_SetEnableDhKeyTest)     \
    X(wolfSSL_connect)                \
    X(wolfSSL_read)                   \
    X(wolfSSL_write)                  \
    X(wolfSSL_shutdown)               \
    X(wolfSSL_get_error)              \
    X(wolfSSL_get_alert_history)      \
    X(wc_Sha256Hash)                  \
    TLS_LIBRARY_SEED(X)
// clang-format on

struct tls_library {
#define POINTER(name) __typeof__(name) *(name);
    TLS_LIBRARY(POINTER)
#undef POINTER
};

/* Returns NULL if the library is not installed. It stays loaded. */
nodiscard_ const struct tls_library *tls_library(void);
