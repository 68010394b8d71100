#include "io/flood.h"

#include <linux/filter.h>
#include <netinet/ip.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/span.h"

/* The majority vote of Boyer and Moore: one counter finds the source that sends more than all others
 * together. */
enum flood_verdict flood_count(struct flood *f, uint32_t source, uint64_t now_ms)
{
    if (now_ms - f->window_ms >= FLOOD_WINDOW_MS) {
        f->window_ms = now_ms;
        f->lead = 0;
    }
    if (f->lead == 0)
        f->suspect = source;
    f->lead = source == f->suspect ? f->lead + 1 : f->lead - 1;
    if (f->lead >= FLOOD_LEAD)
        return FLOOD_SHUT;
    return f->lead > FLOOD_HEARD && source == f->suspect ? FLOOD_IGNORE : FLOOD_HEAR;
}

bool flood_shut(int fd, uint32_t source)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_NET_OFF + offsetof(struct iphdr, saddr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, source, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_AD_OFF + SKF_AD_RANDOM),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, FLOOD_SAMPLE - 1),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = {.len = ARRAY_LEN(code), .filter = code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0;
}

void flood_open(int fd)
{
    const int unused = 0;
    (void)setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof(unused));
}
