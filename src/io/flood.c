#include "io/flood.h"

#include <linux/filter.h>
#include <netinet/ip.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "base/span.h"

/* By Misra and Gries: a few counters find each source that sends a large part of all. Each datagram of a
 * source without a counter takes one from all counters. */
static struct flood_suspect *counter_of(struct flood *f, uint32_t source)
{
    struct flood_suspect *unused = NULL;
    for (unsigned i = 0; i < FLOOD_SOURCES; i++) {
        struct flood_suspect *suspect = &f->suspect[i];
        if (suspect->lead > 0 && suspect->source == source)
            return suspect;
        if (suspect->lead == 0)
            unused = suspect;
    }
    if (unused != NULL)
        unused->source = source;
    return unused;
}

static struct flood_blocked *blocked(struct flood *f, uint32_t source)
{
    for (unsigned i = 0; i < f->blocks; i++)
        if (f->blocked[i].source == source)
            return &f->blocked[i];
    return NULL;
}

enum flood_verdict flood_count(struct flood *f, uint32_t source, uint64_t now_ms)
{
    struct flood_blocked *sampled = blocked(f, source);
    if (sampled != NULL) {
        sampled->samples++;
        return FLOOD_BLOCKED;
    }
    if (now_ms - f->window_ms >= FLOOD_WINDOW_MS) {
        f->window_ms = now_ms;
        memset(f->suspect, 0, sizeof(f->suspect));
    }
    struct flood_suspect *suspect = counter_of(f, source);
    if (suspect == NULL) {
        for (unsigned i = 0; i < FLOOD_SOURCES; i++)
            f->suspect[i].lead--;
        return FLOOD_HEAR;
    }
    suspect->lead++;
    if (suspect->lead >= FLOOD_LEAD)
        return FLOOD_SHUT;
    return suspect->lead > FLOOD_HEARD ? FLOOD_IGNORE : FLOOD_HEAR;
}

/* A comparison for each blocked source, then the way out, then the sample. */
static bool attach(const struct flood *f, int fd)
{
    struct sock_filter code[1 + FLOOD_SOURCES + 5];
    unsigned n = 0;
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                             (uint32_t)SKF_NET_OFF + offsetof(struct iphdr, saddr));
    for (unsigned i = 0; i < f->blocks; i++)
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, f->blocked[i].source,
                                                 (uint8_t)(f->blocks - i), 0);
    const struct sock_filter rest[] = {
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_AD_OFF + SKF_AD_RANDOM),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, FLOOD_SAMPLE - 1, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    memcpy(code + n, rest, sizeof(rest));
    struct sock_fprog program = {.len = (unsigned short)(n + ARRAY_LEN(rest)), .filter = code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0;
}

bool flood_block(struct flood *f, int fd, uint32_t source)
{
    memset(f->suspect, 0, sizeof(f->suspect));
    if (f->blocks == FLOOD_SOURCES)
        return false;
    f->blocked[f->blocks++] = (struct flood_blocked){.source = source};
    if (attach(f, fd))
        return true;
    f->blocks--;
    return false;
}

void flood_window(struct flood *f, int fd)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < f->blocks; i++) {
        struct flood_blocked b = f->blocked[i];
        b.quiet = b.samples < FLOOD_QUIET_SAMPLES ? b.quiet + 1 : 0;
        b.samples = 0;
        if (b.quiet < FLOOD_QUIET_WINDOWS)
            f->blocked[kept++] = b;
    }
    if (kept == f->blocks)
        return;
    f->blocks = kept;
    const int unused = 0;
    if (kept == 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof(unused));
    else
        (void)attach(f, fd);
}
