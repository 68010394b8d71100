/* An assertion of the core or a report of a sanitizer ends the program through SIGABRT. Then the last lines
 * of the watched world are printed. */
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

/* A signal handler can reach the world only through a global variable. */
static struct world *watched;

/* The handler calls functions that are not async-signal-safe. That is safe here, because abort() raised the
 * signal in the only thread, and the process ends afterwards.
 * NOLINTBEGIN(bugprone-signal-handler,cert-sig30-c) */
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
