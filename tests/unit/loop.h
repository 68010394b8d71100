/* Turns an event loop until a condition is true, and makes private networks for such tests. */
#pragma once

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uv.h>

#include "io/clock.h"
#include "unit.h"

enum { TURN_LIMIT_MS = 10000, TURN_WAIT_MS = 5 };

/* Waits a little for the loop's descriptors, but not for its timers. Then runs what is due. */
static inline void loop_turn(uv_loop_t *loop)
{
    struct pollfd backend = {.fd = uv_backend_fd(loop), .events = POLLIN};
    (void)poll(&backend, 1, TURN_WAIT_MS);
    (void)uv_run(loop, UV_RUN_NOWAIT);
}

static inline void loop_turn_until(uv_loop_t *loop, uint64_t limit_ms, const char *condition)
{
    if (clock_now_ms() >= limit_ms)
        fail_msg("not in time: %s", condition);
    loop_turn(loop);
}

/* The condition may have side effects. It is not evaluated again once it is true. */
#define loop_until(loop, condition)                                                                          \
    for (uint64_t limit_ms_ = clock_now_ms() + TURN_LIMIT_MS; !(condition);                                  \
         loop_turn_until(loop, limit_ms_, #condition)) {                                                     \
    }

/* Checks that everything that was opened was closed, too. */
static inline void loop_end(uv_loop_t *loop)
{
    loop_until(loop, !uv_loop_alive(loop));
    assert_int_equal(uv_loop_close(loop), 0);
}

static inline void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

/* A child process, which does not outlive a test that fails. */
static inline pid_t fork_child(void)
{
    pid_t child = fork();
    if (child == 0)
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    return child;
}

static inline bool shell_succeeds(const char *command)
{
    int status = -1;
    pid_t child = fork_child();
    if (child == 0) {
        (void)execl("/bin/sh", "sh", "-c", command, NULL);
        _exit(127);
    }
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static inline void shell(const char *command)
{
    if (!shell_succeeds(command))
        fail_msg("failed: %s", command);
}

/* Moves this process to a network namespace of its own, with an interface lo that is up. False where that is
 * not allowed. */
static inline bool network_enter(void)
{
    unsigned user = (unsigned)getuid();
    unsigned group = (unsigned)getgid();
    if (unshare(CLONE_NEWNET) != 0) {
        char map[64];
        if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
            return false;
        write_file("/proc/self/setgroups", "deny");
        (void)snprintf(map, sizeof(map), "0 %u 1", user);
        write_file("/proc/self/uid_map", map);
        (void)snprintf(map, sizeof(map), "0 %u 1", group);
        write_file("/proc/self/gid_map", map);
    }
    return shell_succeeds("ip link set lo up");
}
