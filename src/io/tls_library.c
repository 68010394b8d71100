#include "io/tls_library.h"

#include <dlfcn.h>
#include <stddef.h>

/* The build defines the name of the shared library; without one it links the static library. */
#ifdef WOLFSSL_SHARED

const struct tls_library *tls_library(void)
{
    static struct tls_library library;
    void *handle = dlopen(WOLFSSL_SHARED, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        return NULL;
#define FIND(name)                                                                                           \
    *(void **)&library.name = dlsym(handle, #name);                                                          \
    if (library.name == NULL)                                                                                \
        return NULL;
    TLS_LIBRARY(FIND)
#undef FIND
    return &library;
}

#else

const struct tls_library *tls_library(void)
{
#define TAKE(name) .name = name,
    static const struct tls_library library = {TLS_LIBRARY(TAKE)};
#undef TAKE
    return &library;
}

#endif
