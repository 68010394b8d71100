/* An assertion in the product or a sanitizer's report ends the program through SIGABRT: then the last lines
 * of the world that is being watched are shown. */
#include <signal.h>
#include <stdlib.h>

#include "world.h"

/* The sanitizers call these names.
 * NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp,readability-identifier-naming) */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "abort_on_error=1:handle_abort=0";
}

const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
    return "abort_on_error=1:print_stacktrace=1";
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp,readability-identifier-naming) */

/* A signal handler has no other way to it. */
static struct world *watched;

/* The handler calls what is not async-signal-safe: the signal is abort()'s own, in our only thread, and the
 * process ends behind it. NOLINTBEGIN(bugprone-signal-handler,cert-sig30-c) */
static void aborted(int signal)
{
    (void)signal;
    if (watched) {
        trace_tail(&watched->trace, stderr);
        if (watched->report)
            watched->report(watched->report_context);
    }
    _Exit(1);
}
/* NOLINTEND(bugprone-signal-handler,cert-sig30-c) */

void world_watch(struct world *w)
{
    watched = w;
    (void)signal(SIGABRT, aborted);
}
