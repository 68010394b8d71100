/* Included before a file of wolfSSL that only a handshake needs: its functions come into the section of code
 * that is rarely executed, so that an idle connection does not keep them in memory (src/io/resident.h). */
#pragma once

#include <wolfssl/wolfcrypt/visibility.h>

#undef WOLFSSL_API
#define WOLFSSL_API __attribute__((cold))
#undef WOLFSSL_LOCAL
#define WOLFSSL_LOCAL __attribute__((cold))
