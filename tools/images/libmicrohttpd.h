/* The parts of libmicrohttpd that the images contain, as its MHD_config.h: HTTP without TLS, authentication,
 * forms and messages. musl has what is promised here on every processor. */
#pragma once

#define _GNU_SOURCE 1
#define PACKAGE_NAME "libmicrohttpd"
#define PACKAGE_VERSION "0"
#define LINUX 1
/* As the library's configure script leaves it: assertions are for its developers. */
#define NDEBUG 1

/* No thread is started, but the library cannot be compiled without them. */
#define MHD_USE_POSIX_THREADS 1
#define HAVE_PTHREAD_H 1
#define MHD_NO_THREAD_NAMES 1
#define EPOLL_SUPPORT 1
#define HAVE_EPOLL_CREATE1 1
#define _MHD_ITC_EVENTFD 1
#define HAVE_SYS_EVENTFD_H 1
#define HAVE_ACCEPT4 1
#define HAVE_SOCK_NONBLOCK 1
#define HAVE_LISTEN_SHUTDOWN 1
#define HAVE_CLOCK_GETTIME 1
#define HAVE_GETTIMEOFDAY 1
#define HAVE_GMTIME_R 1
#define HAVE_NANOSLEEP 1
#define HAVE_GETSOCKNAME 1
#define MHD_USE_GETSOCKNAME 1
#define HAVE_CALLOC 1
#define HAVE_SNPRINTF 1
#define HAVE_RANDOM 1
#define HAVE_FORK 1
#define HAVE_SYSCONF 1
#define HAVE_SEARCH_H 1
#define HAVE_TSEARCH 1
#define HAVE_REAL_BOOL 1
#define HAVE_ENDIAN_H 1
#define HAVE_C_ALIGNOF 1
#define HAVE_C_VARARRAYS 1
#define HAVE___FUNC__ 1
#define MHD_HAVE___BUILTIN_BSWAP32 1
#define MHD_HAVE___BUILTIN_BSWAP64 1
#define INLINE_FUNC 1
#define _MHD_static_inline static inline
#define _MHD_NORETURN _Noreturn
#define _MHD_EXTERN extern
#define SIZEOF_UNSIGNED_INT 4
#define SIZEOF_UNSIGNED_LONG_LONG 8
#define SIZEOF_UINT64_T 8
#define SIZEOF_SIZE_T __SIZEOF_SIZE_T__
#define SIZEOF_STRUCT_TIMEVAL_TV_SEC 8

#define HAVE_ARPA_INET_H 1
#define HAVE_ERRNO_H 1
#define HAVE_FCNTL_H 1
#define HAVE_INTTYPES_H 1
#define HAVE_LIMITS_H 1
#define HAVE_NETDB_H 1
#define HAVE_NETINET_IN_H 1
#define HAVE_NETINET_IP_H 1
#define HAVE_NETINET_TCP_H 1
#define HAVE_NET_IF_H 1
#define HAVE_SIGNAL_H 1
#define HAVE_STDALIGN_H 1
#define HAVE_STDBOOL_H 1
#define HAVE_STDDEF_H 1
#define HAVE_STDINT_H 1
#define HAVE_STDIO_H 1
#define HAVE_STDLIB_H 1
#define HAVE_STRINGS_H 1
#define HAVE_STRING_H 1
#define HAVE_SYS_IOCTL_H 1
#define HAVE_SYS_MMAN_H 1
#define HAVE_SYS_PARAM_H 1
#define HAVE_SYS_SELECT_H 1
#define HAVE_SYS_SOCKET_H 1
#define HAVE_SYS_STAT_H 1
#define HAVE_SYS_TIME_H 1
#define HAVE_SYS_TYPES_H 1
#define HAVE_TIME_H 1
#define HAVE_UNISTD_H 1
