#include "io/confine.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The numbers of system calls belong to one architecture: on another one the same number is another call. */
#if defined(__x86_64__) && !defined(__ILP32__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && !defined(__AARCH64EB__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__ARM_EABI__) && !defined(__ARMEB__)
#define ARCHITECTURE AUDIT_ARCH_ARM
#else
#define ARCHITECTURE 0
#endif

/* ---- what is allowed ---- */

/* The frequent ones come first, because before Linux 5.11 the kernel goes through the list at each call.
 * musl's headers for 32-bit processors have names of their own for the calls with times of 32 bits, which
 * musl falls back on. */
static const uint32_t allowed[] = {
#ifdef __NR_epoll_wait
    __NR_epoll_wait,
#endif
    __NR_epoll_pwait,
    __NR_recvmmsg,
    __NR_sendmmsg,
#ifdef __NR_timerfd_settime
    __NR_timerfd_settime,
#endif
#ifdef __NR_timerfd_settime32
    __NR_timerfd_settime32,
#endif
#ifdef __NR_timerfd_settime64
    __NR_timerfd_settime64,
#endif
    __NR_read,
    __NR_write,
    __NR_writev,
#ifdef __NR_clock_gettime
    __NR_clock_gettime,
#endif
#ifdef __NR_clock_gettime32
    __NR_clock_gettime32,
#endif
#ifdef __NR_clock_gettime64
    __NR_clock_gettime64,
#endif
    __NR_recvmsg,
    __NR_sendmsg,
    __NR_recvfrom,
    __NR_sendto,
#ifdef __NR_recvmmsg_time64
    __NR_recvmmsg_time64,
#endif
#ifdef __NR_recv
    __NR_recv,
    __NR_send,
#endif
#ifdef __NR_poll
    __NR_poll,
#endif
    __NR_ppoll,
#ifdef __NR_ppoll_time64
    __NR_ppoll_time64,
#endif
    __NR_epoll_ctl,
    __NR_close,
    __NR_bind,
    __NR_connect,
    __NR_accept4,
    __NR_setsockopt,
    __NR_getsockopt,
    __NR_getsockname,
    __NR_getpeername,
    __NR_getrandom,
    __NR_brk,
    __NR_munmap,
    __NR_mremap,
    __NR_madvise,
    __NR_futex,
#ifdef __NR_futex_time64
    __NR_futex_time64,
#endif
    __NR_getpid,
    __NR_gettid,
    __NR_rt_sigaction,
    __NR_rt_sigprocmask,
    __NR_rt_sigreturn,
#ifdef __NR_sigreturn
    __NR_sigreturn,
#endif
    __NR_restart_syscall,
    __NR_exit,
    __NR_exit_group,
};

/* The resolvers of glibc and musl need these too, and so does the thread that libuv makes for them. */
static const uint32_t allowed_for_names[] = {
    __NR_uname,      __NR_lseek,
#ifdef __NR__llseek
    __NR__llseek,
#endif
    __NR_fstat,
#ifdef __NR_newfstatat
    __NR_newfstatat,
#endif
#ifdef __NR_fstatat64
    __NR_fstatat64,  __NR_fstat64,         __NR_stat64,
#endif
#ifdef __NR_stat
    __NR_stat,
#endif
    __NR_statx,      __NR_fcntl,
#ifdef __NR_fcntl64
    __NR_fcntl64,
#endif
    __NR_prlimit64,  __NR_set_robust_list, __NR_rseq,   __NR_sched_yield,
};

/* The status page ends connections whose time is over. */
static const uint32_t allowed_for_clients[] = {
    __NR_shutdown,
};

/* Sanitizers open files, read the program's memory by ptrace from a process of their own, and end by a
 * signal. */
static const uint32_t allowed_for_sanitizers[] = {
    __NR_openat,
#ifdef __NR_open
    __NR_open,        __NR_readlink,
#endif
    __NR_readlinkat,  __NR_getdents64,
#ifdef __NR_getdents
    __NR_getdents,
#endif
    __NR_fstat,
#ifdef __NR_newfstatat
    __NR_newfstatat,
#endif
    __NR_lseek,       __NR_pread64,           __NR_fcntl, __NR_clone,     __NR_wait4,
    __NR_ptrace,      __NR_getppid,           __NR_prctl, __NR_prlimit64, __NR_sigaltstack,
    __NR_sched_yield, __NR_sched_getaffinity, __NR_kill,
};

/* Libraries try these and can do without them. */
static const uint32_t refused[] = {
    __NR_ioctl, __NR_socket, __NR_openat, __NR_clone3,
#ifdef __NR_open
    __NR_open,
#endif
};

struct condition {
    uint32_t mask; /* 0: none */
    uint32_t value;
    uint32_t argument;
};

/* A call that is allowed if all conditions hold. Only the lower half of an argument is compared: the kernel
 * takes an int from these arguments, or the upper half is always zero. */
struct rule {
    uint32_t call;
    struct condition condition[3];
};

#ifdef __NR_mmap2
#define CALL_MMAP __NR_mmap2
#else
#define CALL_MMAP __NR_mmap
#endif

#define ARGUMENT_IS(number, wanted)                                                                          \
    {                                                                                                        \
        .argument = (number), .mask = UINT32_MAX, .value = (uint32_t)(wanted)                                \
    }
#define ARGUMENT_LACKS(number, bits)                                                                         \
    {                                                                                                        \
        .argument = (number), .mask = (uint32_t)(bits)                                                       \
    }
#define SOCKET(family, type, protocol)                                                                       \
    {                                                                                                        \
        .call = __NR_socket, .condition = {                                                                  \
            ARGUMENT_IS(0, family),                                                                          \
            {.argument = 1, .mask = ~(uint32_t)(SOCK_NONBLOCK | SOCK_CLOEXEC), .value = (type)},             \
            ARGUMENT_IS(2, protocol)                                                                         \
        }                                                                                                    \
    }

static const struct rule rules[] = {
    /* The router's API over IPv4 or IPv6, the gateway, and the list of network interfaces. */
    SOCKET(AF_INET, SOCK_STREAM, 0),
    SOCKET(AF_INET6, SOCK_STREAM, 0),
    SOCKET(AF_INET, SOCK_DGRAM, 0),
    {.call = __NR_ioctl, .condition = {ARGUMENT_IS(1, FIONBIO)}},
    {.call = __NR_ioctl, .condition = {ARGUMENT_IS(1, SIOCGIFCONF)}},
    {.call = __NR_ioctl, .condition = {ARGUMENT_IS(1, SIOCGIFINDEX)}},
    {.call = __NR_ioctl, .condition = {ARGUMENT_IS(1, SIOCGIFFLAGS)}},
    /* O_NONBLOCK, for the file of the log. */
    {.call = __NR_fcntl, .condition = {ARGUMENT_IS(1, F_SETFL)}},
#ifdef __NR_fcntl64
    {.call = __NR_fcntl64, .condition = {ARGUMENT_IS(1, F_SETFL)}},
#endif
    /* Memory that cannot be executed. */
    {.call = CALL_MMAP, .condition = {ARGUMENT_LACKS(2, PROT_EXEC)}},
    {.call = __NR_mprotect, .condition = {ARGUMENT_LACKS(2, PROT_EXEC)}},
};

enum { WRITES = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND };

static const struct rule rules_for_names[] = {
    {.call = __NR_openat, .condition = {ARGUMENT_LACKS(2, WRITES)}},
#ifdef __NR_open
    {.call = __NR_open, .condition = {ARGUMENT_LACKS(1, WRITES)}},
#endif
    SOCKET(AF_INET6, SOCK_DGRAM, 0),
    SOCKET(AF_INET, SOCK_DGRAM, IPPROTO_UDP),
    SOCKET(AF_INET6, SOCK_DGRAM, IPPROTO_UDP),
    {.call = __NR_ioctl, .condition = {ARGUMENT_IS(1, FIONREAD)}},
    /* A thread is allowed, a process is not. */
    {.call = __NR_clone,
     .condition = {{.argument = 0,
                    .mask = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_NEWNS | CLONE_NEWUSER |
                            CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP,
                    .value = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD}}},
};

/* ---- the filter ---- */

struct code {
    struct sock_filter *at;
    unsigned count;
};

static void put(struct code *c, struct sock_filter instruction)
{
    assert(c->count < CONFINE_CODE_MAX);
    c->at[c->count++] = instruction;
}

static void put_load(struct code *c, size_t offset)
{
    put(c, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void put_return(struct code *c, uint32_t verdict)
{
    put(c, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, verdict));
}

/* To be called when the number of the system call is loaded. */
static void put_list(struct code *c, const uint32_t *calls, size_t count, uint32_t verdict)
{
    /* A call that is not in the list skips the last instruction. */
    for (size_t i = 0; i < count; i++)
        put(c, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], (uint8_t)(count - i), 0));
    put(c, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0));
    put_return(c, verdict);
}

/* To be called when the number of the system call is loaded; it is loaded again at the end. */
static void put_rule(struct code *c, const struct rule *rule)
{
    enum { CONDITION_CODE = 3 };
    unsigned conditions = 0;
    for (unsigned i = 0; i < ARRAY_LEN(rule->condition); i++)
        conditions += rule->condition[i].mask != 0;
    uint8_t left = (uint8_t)(conditions * CONDITION_CODE + 2);
    put(c, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, rule->call, 0, left));
    for (unsigned i = 0; i < conditions; i++) {
        const struct condition *condition = &rule->condition[i];
        left = (uint8_t)(left - CONDITION_CODE);
        put_load(c, offsetof(struct seccomp_data, args) + condition->argument * sizeof(uint64_t));
        put(c, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, condition->mask));
        put(c, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, condition->value, 0,
                                            (uint8_t)(left - 1)));
    }
    put_return(c, SECCOMP_RET_ALLOW);
    put_load(c, offsetof(struct seccomp_data, nr));
}

/* An abort must end the process as it always does. musl's abort() names the first thread instead of the
 * process. */
static void put_own_signals(struct code *c)
{
    const struct rule own = {.call = __NR_tgkill, .condition = {ARGUMENT_IS(0, getpid())}};
    const struct rule own_first = {.call = __NR_tkill, .condition = {ARGUMENT_IS(0, getpid())}};
    put_rule(c, &own);
    put_rule(c, &own_first);
}

unsigned confine_code(unsigned more, struct sock_filter ret_code[CONFINE_CODE_MAX])
{
    struct code c = {.at = ret_code};
    if (ARCHITECTURE == 0)
        return 0;
    put_load(&c, offsetof(struct seccomp_data, arch));
    put(&c, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
    put_return(&c, SECCOMP_RET_KILL_PROCESS);
    put_load(&c, offsetof(struct seccomp_data, nr));
    put_list(&c, allowed, ARRAY_LEN(allowed), SECCOMP_RET_ALLOW);
    if (more & CONFINE_NAMES)
        put_list(&c, allowed_for_names, ARRAY_LEN(allowed_for_names), SECCOMP_RET_ALLOW);
    if (more & CONFINE_CLIENTS)
        put_list(&c, allowed_for_clients, ARRAY_LEN(allowed_for_clients), SECCOMP_RET_ALLOW);
    if (more & CONFINE_SANITIZED)
        put_list(&c, allowed_for_sanitizers, ARRAY_LEN(allowed_for_sanitizers), SECCOMP_RET_ALLOW);
    for (unsigned i = 0; i < ARRAY_LEN(rules); i++)
        put_rule(&c, &rules[i]);
    for (unsigned i = 0; (more & CONFINE_NAMES) && i < ARRAY_LEN(rules_for_names); i++)
        put_rule(&c, &rules_for_names[i]);
    put_own_signals(&c);
    /* The filter answers as an older kernel would, and each library that needs another way has one for that.
     * Killing the process instead would leave rules on the router, and would not stop an intruder any
     * better. */
    const uint32_t unknown = SECCOMP_RET_ERRNO | ENOSYS;
    put_list(&c, refused, ARRAY_LEN(refused), unknown);
    put_return(&c, more & CONFINE_SANITIZED ? SECCOMP_RET_KILL_PROCESS : unknown);
    return c.count;
}

int confine(unsigned more)
{
    struct sock_filter code[CONFINE_CODE_MAX];
    struct sock_fprog program = {.len = (unsigned short)confine_code(more, code), .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -errno;
    if (program.len == 0)
        return -ENOSYS;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0 ? 0 : -errno;
}
