/* The parts of wolfSSL that the images contain, as its <wolfssl/options.h>: a client for TLS 1.2 with the
 * suites and keys that RouterOS and a program in front of it may choose. src/io/tls.c names the suites.
 * TLS 1.3 would make a layer 13 kB larger, and no RouterOS up to 7.24 requires it: `only-1.2` is the strictest
 * value of tls-version in /ip/service. */
#pragma once

/* A client that gets its bytes and certificates from the caller, in one thread. */
#define SINGLE_THREADED
#define NO_WOLFSSL_SERVER
#define WOLFSSL_NO_CLIENT_AUTH
#define WOLFSSL_USER_IO
#define NO_SESSION_CACHE
#define NO_ERROR_STRINGS
#define NO_PSK
#define NO_PWDBASED
#define WOLFSSL_NO_SOCK
#define HAVE_SYS_TIME_H

/* Random numbers come from the kernel, so that a record's nonce needs no generator and no hash. */
#include <errno.h>
#include <sys/random.h>

static inline int kernel_random(unsigned char *bytes, unsigned len)
{
    while (len > 0) {
        ssize_t got = getrandom(bytes, len, 0);
        if (got < 0 && errno != EINTR)
            return -1;
        bytes += got > 0 ? got : 0;
        len -= got > 0 ? (unsigned)got : 0;
    }
    return 0;
}
#define CUSTOM_RAND_GENERATE_BLOCK kernel_random

/* Versions and extensions. */
#define NO_OLD_TLS
#define HAVE_TLS_EXTENSIONS
#define HAVE_SUPPORTED_CURVES
#define HAVE_EXTENDED_MASTER
#define HAVE_SERVER_RENEGOTIATION_INFO
#define WOLFSSL_EXTRA_ALERTS

/* Ciphers. */
#define HAVE_AESGCM
#define NO_AES_CBC
#define GCM_SMALL
#define WOLFSSL_AES_SMALL_TABLES
#define WOLFSSL_SHA384
#define WOLFSSL_SHA512
#define USE_SLOW_SHA
#define USE_SLOW_SHA256
#define USE_SLOW_SHA512
#define NO_DES3
#define NO_DSA
#define NO_RC4
#define NO_MD4
#define NO_MD5

/* Keys: RSA up to 4096 bits, the three curves that RouterOS offers, and Diffie-Hellman, also without a
 * certificate. */
#define WC_RSA_PSS
#define WC_RSA_BLINDING
#define WOLFSSL_RSA_PUBLIC_ONLY
#define WOLFSSL_RSA_VERIFY_INLINE
#define HAVE_ECC
#define ECC_USER_CURVES
#define HAVE_ECC384
#define HAVE_ECC521
#define ECC_TIMING_RESISTANT
#define TFM_TIMING_RESISTANT
#define HAVE_DH
#define HAVE_FFDHE_2048
#define WOLFSSL_DH_CONST
#define HAVE_ANON
#define WOLFSSL_SP_MATH_ALL
#define WOLFSSL_SP_SMALL
#define SP_INT_BITS 4096

/* Certificates as in Debian's build. The first option is needed because the callback checks the
 * fingerprint. */
#define WOLFSSL_ALWAYS_VERIFY_CB
#define WOLFSSL_ALT_CERT_CHAINS
#define WOLFSSL_IP_ALT_NAME
#define WOLFSSL_PEM_TO_DER
#define WOLFSSL_ASN_TEMPLATE
