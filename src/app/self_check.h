/* The daemon's own check: the reading part of `double-natpmp check`, when something has not worked for a
 * while. It adds no rule and requests no mapping.
 *
 * It has a session of its own, because those of the core are in the middle of their work: one login in ten
 * minutes, and only while something is wrong. If the daemon itself cannot connect or log in, that is the
 * finding, and nothing is tried once more. What the gateway answers is what the daemon knows. Its memory
 * exists only while it runs. */
#pragma once

#include <uv.h>

#include "app/config.h"
#include "app/self_check_when.h"
#include "app/self_findings.h"
#include "io/tls.h"
#include "io/udp_client.h"

struct self_check_run;

/* What the check is about, and where its findings go; all is borrowed. */
struct self_check_subject {
    uv_loop_t *loop;
    const struct config *config;
    struct tls_context *tls; /* NULL: none */
    const struct proxy *proxy;
    const struct udp_client *gateway;
    struct log *log;
    struct self_findings *findings; /* to be written; zero */
};

struct self_check {
    struct self_check_subject of;
    uv_timer_t timer; /* runs only while something is wrong */
    uint64_t armed_ms;
    struct self_check_when when;
    struct self_check_run *run; /* NULL: no check is running */
};

/* The memory must be zero. */
void self_check_open(struct self_check *s, const struct self_check_subject *of);
/* To be called after each step of the core. */
void self_check_watch(struct self_check *s, uint64_t now_ms);
/* Ends a check that is running; the next call of self_check_watch() may begin another one. */
void self_check_stop(struct self_check *s);
/* Also if it is not open. The memory must stay until the loop has run once more. */
void self_check_close(struct self_check *s);
