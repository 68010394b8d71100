#include "io/http_library.h"

#include <dlfcn.h>
#include <stddef.h>

/* The build defines the name of the shared library; without one it links the static library. */
#ifdef MICROHTTPD_SHARED

const struct http_library *http_library(void)
{
    static struct http_library library;
    void *handle = dlopen(MICROHTTPD_SHARED, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        return NULL;
#define FIND(name)                                                                                           \
    *(void **)&library.name = dlsym(handle, #name);                                                          \
    if (library.name == NULL)                                                                                \
        return NULL;
    HTTP_LIBRARY(FIND)
#undef FIND
    return &library;
}

#else

const struct http_library *http_library(void)
{
#define TAKE(name) .name = name,
    static const struct http_library library = {HTTP_LIBRARY(TAKE)};
#undef TAKE
    return &library;
}

#endif
