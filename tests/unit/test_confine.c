/* The filter by itself, for each call that matters, and in force, in a process that makes these calls. */

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "io/confine.h"
#include "loop.h"

#if defined(__x86_64__)
#define OURS AUDIT_ARCH_X86_64
#define OTHER AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define OURS AUDIT_ARCH_AARCH64
#define OTHER AUDIT_ARCH_ARM
#else
#define OURS AUDIT_ARCH_ARM
#define OTHER AUDIT_ARCH_AARCH64
#endif

#ifdef __NR_mmap2
#define CALL_MMAP __NR_mmap2
#else
#define CALL_MMAP __NR_mmap
#endif

enum { REFUSED = (int)(SECCOMP_RET_ERRNO | ENOSYS), SERVED = (int)SECCOMP_RET_ALLOW };

/* ---- the filter by itself ---- */

/* The instructions of classic BPF that the filter uses. */
static uint32_t run_code(const struct sock_filter *code, unsigned count, const struct seccomp_data *data)
{
    uint32_t a = 0;
    for (unsigned pc = 0; pc < count; pc++) {
        const struct sock_filter *i = &code[pc];
        switch (i->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            assert_true(i->k % 4 == 0 && i->k < sizeof(*data));
            memcpy(&a, (const char *)data + i->k, sizeof(a));
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= i->k;
            break;
        case BPF_JMP | BPF_JA:
            pc += i->k;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            pc += a == i->k ? i->jt : i->jf;
            break;
        case BPF_RET | BPF_K:
            return i->k;
        default:
            fail_msg("instruction %u", (unsigned)i->code);
        }
    }
    fail_msg("it jumps beyond its end");
    return 0;
}

static uint32_t verdict_in(uint32_t architecture, unsigned more, uint32_t call, uint64_t first,
                           uint64_t second, uint64_t third)
{
    struct sock_filter code[CONFINE_CODE_MAX];
    const struct seccomp_data data = {.nr = (int)call, .arch = architecture, .args = {first, second, third}};
    unsigned count = confine_code(more, code);
    assert_true(count > 0);
    return run_code(code, count, &data);
}

static uint32_t verdict(unsigned more, uint32_t call, uint64_t first, uint64_t second, uint64_t third)
{
    return verdict_in(OURS, more, call, first, second, third);
}

static void test_another_architecture(void **state)
{
    (void)state;
    assert_int_equal(verdict_in(OURS, 0, __NR_read, 0, 0, 0), SERVED);
    assert_int_equal(verdict_in(OTHER, 0, __NR_read, 0, 0, 0), SECCOMP_RET_KILL_PROCESS);
    assert_int_equal(verdict_in(0, 0, __NR_read, 0, 0, 0), SECCOMP_RET_KILL_PROCESS);
    /* The x32 calls of amd64. */
    assert_int_equal(verdict_in(OURS, 0, 0x40000000 | __NR_read, 0, 0, 0), REFUSED);
}

static void test_what_is_refused(void **state)
{
    static const uint32_t calls[] = {
        __NR_execve,
        __NR_execveat,
        __NR_clone,
        __NR_clone3,
        __NR_openat,
        __NR_openat2,
        __NR_open_by_handle_at,
#ifdef __NR_open
        __NR_open,
        __NR_creat,
        __NR_fork,
        __NR_vfork,
#endif
        __NR_ptrace,
        __NR_process_vm_readv,
        __NR_process_vm_writev,
        __NR_pidfd_getfd,
        __NR_kill,
        __NR_tkill,
        __NR_tgkill,
        __NR_listen,
        __NR_socketpair,
        __NR_unlinkat,
        __NR_renameat2,
        __NR_linkat,
        __NR_symlinkat,
        __NR_mkdirat,
        __NR_fchmodat,
        __NR_statx,
        __NR_getdents64,
        __NR_memfd_create,
        __NR_shmat,
        __NR_pkey_mprotect,
        __NR_personality,
        __NR_prctl,
        __NR_seccomp,
        __NR_unshare,
        __NR_setns,
        __NR_mount,
        __NR_chroot,
        __NR_setuid,
        __NR_capset,
        __NR_bpf,
        __NR_perf_event_open,
        __NR_userfaultfd,
        __NR_io_uring_setup,
        __NR_keyctl,
        __NR_init_module,
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        if (verdict(0, calls[i], 0, 0, 0) != REFUSED)
            fail_msg("row %zu, call %u", i, calls[i]);
}

static void test_no_number_leads_elsewhere(void **state)
{
    unsigned served = 0;
    (void)state;
    for (uint32_t call = 0; call < 1024; call++) {
        uint32_t plain = verdict(0, call, UINT64_MAX, UINT64_MAX, UINT64_MAX);
        uint32_t names = verdict(CONFINE_NAMES, call, UINT64_MAX, UINT64_MAX, UINT64_MAX);
        assert_true(plain == SERVED || plain == REFUSED);
        assert_true(names == SERVED || (names == REFUSED && plain == REFUSED));
        served += plain == SERVED;
    }
    assert_in_range(served, 30, 60);
}

static void test_sockets(void **state)
{
    const uint64_t flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    (void)state;
    assert_int_equal(verdict(0, __NR_socket, AF_INET, SOCK_STREAM | flags, 0), SERVED);
    assert_int_equal(verdict(0, __NR_socket, AF_INET6, SOCK_STREAM | flags, 0), SERVED);
    assert_int_equal(verdict(0, __NR_socket, AF_INET, SOCK_DGRAM | flags, 0), SERVED);
    assert_int_equal(verdict(0, __NR_socket, AF_INET, SOCK_DGRAM, 0), SERVED);
    assert_int_equal(verdict(0, __NR_socket, AF_INET6, SOCK_DGRAM, 0), REFUSED);
    assert_int_equal(verdict(CONFINE_NAMES, __NR_socket, AF_INET6, SOCK_DGRAM, 0), SERVED);
    assert_int_equal(verdict(CONFINE_NAMES, __NR_socket, AF_INET6, SOCK_DGRAM, IPPROTO_UDP), SERVED);
    for (unsigned more = 0; more <= CONFINE_NAMES; more++) {
        assert_int_equal(verdict(more, __NR_socket, AF_UNIX, SOCK_STREAM, 0), REFUSED);
        assert_int_equal(verdict(more, __NR_socket, AF_NETLINK, SOCK_RAW, 0), REFUSED);
        assert_int_equal(verdict(more, __NR_socket, AF_PACKET, SOCK_DGRAM, 0), REFUSED);
        assert_int_equal(verdict(more, __NR_socket, AF_INET, SOCK_RAW, 1), REFUSED);
        assert_int_equal(verdict(more, __NR_socket, AF_INET, SOCK_DGRAM, 1), REFUSED);
        assert_int_equal(verdict(more, __NR_socket, AF_INET, SOCK_STREAM, 132), REFUSED);
    }
}

static void test_memory(void **state)
{
    (void)state;
    assert_int_equal(verdict(0, CALL_MMAP, 0, 4096, PROT_READ | PROT_WRITE), SERVED);
    assert_int_equal(verdict(0, CALL_MMAP, 0, 4096, PROT_READ | PROT_EXEC), REFUSED);
    assert_int_equal(verdict(0, __NR_mprotect, 0, 4096, PROT_NONE), SERVED);
    assert_int_equal(verdict(0, __NR_mprotect, 0, 4096, PROT_EXEC), REFUSED);
}

static void test_links(void **state)
{
    (void)state;
    assert_int_equal(verdict(0, __NR_ioctl, 5, SIOCGIFCONF, 0), SERVED);
    assert_int_equal(verdict(0, __NR_ioctl, 5, SIOCGIFINDEX, 0), SERVED);
    assert_int_equal(verdict(0, __NR_ioctl, 5, SIOCGIFFLAGS, 0), SERVED);
    assert_int_equal(verdict(0, __NR_ioctl, 5, FIONBIO, 0), SERVED);
    assert_int_equal(verdict(0, __NR_ioctl, 5, SIOCSIFFLAGS, 0), REFUSED);
    assert_int_equal(verdict(0, __NR_ioctl, 0, TIOCSTI, 0), REFUSED);
}

static void test_flags_of_a_file(void **state)
{
    (void)state;
    assert_int_equal(verdict(0, __NR_fcntl, 2, F_SETFL, O_NONBLOCK), SERVED);
    assert_int_equal(verdict(0, __NR_fcntl, 2, F_DUPFD, 0), REFUSED);
    assert_int_equal(verdict(0, __NR_fcntl, 2, F_SETOWN, 1), REFUSED);
}

static void test_signals_to_itself(void **state)
{
    (void)state;
    assert_int_equal(verdict(0, __NR_tgkill, (uint64_t)getpid(), 1, SIGABRT), SERVED);
    assert_int_equal(verdict(0, __NR_tgkill, (uint64_t)getppid(), 1, SIGABRT), REFUSED);
    assert_int_equal(verdict(0, __NR_tkill, (uint64_t)getpid(), SIGABRT, 0), SERVED);
    assert_int_equal(verdict(0, __NR_tkill, (uint64_t)getppid(), SIGABRT, 0), REFUSED);
}

/* A resolver reads files, and is a thread of this process. */
static void test_names(void **state)
{
    const uint64_t thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                            CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
    const unsigned names = CONFINE_NAMES;
    (void)state;
    assert_int_equal(verdict(names, __NR_openat, 0, 0, O_RDONLY | O_CLOEXEC), SERVED);
    assert_int_equal(verdict(names, __NR_openat, 0, 0, O_WRONLY), REFUSED);
    assert_int_equal(verdict(names, __NR_openat, 0, 0, O_RDWR), REFUSED);
    assert_int_equal(verdict(names, __NR_openat, 0, 0, O_RDONLY | O_CREAT), REFUSED);
    assert_int_equal(verdict(names, __NR_openat, 0, 0, O_RDONLY | O_TRUNC), REFUSED);
    assert_int_equal(verdict(names, __NR_openat2, 0, 0, 0), REFUSED);
#ifdef __NR_open
    assert_int_equal(verdict(names, __NR_open, 0, O_RDONLY | O_CLOEXEC, 0), SERVED);
    assert_int_equal(verdict(names, __NR_open, 0, O_RDWR, 0), REFUSED);
#endif
    assert_int_equal(verdict(names, __NR_clone, thread, 0, 0), SERVED);
    assert_int_equal(verdict(names, __NR_sched_yield, 0, 0, 0), SERVED);
    assert_int_equal(verdict(names, __NR_clone, SIGCHLD, 0, 0), REFUSED);
    assert_int_equal(verdict(names, __NR_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0), REFUSED);
    assert_int_equal(verdict(names, __NR_clone, thread | CLONE_NEWUSER, 0, 0), REFUSED);
    assert_int_equal(verdict(names, __NR_clone3, 0, 0, 0), REFUSED);
    assert_int_equal(verdict(names, __NR_execve, 0, 0, 0), REFUSED);
    assert_int_equal(verdict(names, __NR_ptrace, 0, 0, 0), REFUSED);
    assert_int_equal(verdict(names, CALL_MMAP, 0, 4096, PROT_READ | PROT_EXEC), REFUSED);
}

static void test_clients(void **state)
{
    const unsigned more = CONFINE_CLIENTS;
    (void)state;
    assert_int_equal(verdict(more, __NR_accept4, 5, 0, 0), SERVED);
    assert_int_equal(verdict(more, __NR_shutdown, 5, SHUT_RDWR, 0), SERVED);
    assert_int_equal(verdict(more, __NR_listen, 5, 0, 0), REFUSED);
    assert_int_equal(verdict(more, __NR_execve, 0, 0, 0), REFUSED);
    assert_int_equal(verdict(0, __NR_shutdown, 5, SHUT_RDWR, 0), REFUSED);
}

/* In the tests a call that is missing from the filter ends the process, so that it is noticed. */
static void test_sanitized(void **state)
{
    const unsigned more = CONFINE_SANITIZED;
    (void)state;
    assert_int_equal(verdict(more, __NR_execve, 0, 0, 0), SECCOMP_RET_KILL_PROCESS);
    assert_int_equal(verdict(more, __NR_listen, 0, 0, 0), SECCOMP_RET_KILL_PROCESS);
    assert_int_equal(verdict(more, __NR_socket, AF_UNIX, SOCK_STREAM, 0), REFUSED);
    assert_int_equal(verdict(more, __NR_read, 0, 0, 0), SERVED);
}

/* ---- in force ---- */

/* Runs in the child. Where a function does not return, AddressSanitizer would make calls that the filter does
 * not allow. */
static void leave(int status)
{
    (void)syscall(SYS_exit_group, status);
}

#define want(condition)                                                                                      \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            leave(__LINE__ % 255 + 1);                                                                       \
    } while (0)

#define denied(call) (errno = 0, (call) == -1 && errno == ENOSYS)

/* The exit status of the process. -1: the kernel that qemu emulates has no filters. */
static int status_of(void (*in_the_child)(void))
{
    int status;
    if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0) {
        print_message("this kernel has no seccomp\n");
        return -1;
    }
    pid_t child = fork_child();
    if (child == 0) {
        in_the_child();
        leave(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void check_ends_well(void (*in_the_child)(void))
{
    int status = status_of(in_the_child);
    if (status > 0)
        fail_msg("signal %d, or line %d modulo 255", WTERMSIG(status), WEXITSTATUS(status) - 1);
}

static void try_to_break_out(void)
{
    const char *const arguments[] = {"true", NULL};
    const char *const environment[] = {NULL};
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    want(syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY) >= 0);
    want(confine(0) == 0);
    want(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == -1 && errno == ENOSYS);
    want(denied(syscall(SYS_execve, "/bin/true", arguments, environment)));
    want(denied(syscall(SYS_execveat, AT_FDCWD, "/bin/true", arguments, environment, 0)));
    want(denied(syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY)));
    want(denied(syscall(SYS_openat, AT_FDCWD, "/tmp", O_TMPFILE | O_RDWR, 0600)));
#ifdef SYS_open
    want(denied(syscall(SYS_open, "/etc/passwd", O_RDONLY)));
    want(denied(syscall(SYS_fork)));
#endif
    want(denied(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL)));
    want(denied(syscall(SYS_ptrace, PTRACE_TRACEME, 0, NULL, NULL)));
    want(denied(syscall(SYS_kill, getppid(), 0)));
    want(denied(syscall(SYS_mprotect, page, 4096, PROT_READ | PROT_EXEC)));
    want(denied(syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0)));
    want(denied(syscall(SYS_socket, AF_PACKET, SOCK_RAW, 0)));
    want(denied(syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0)));
    /* The filter cannot be removed. */
    want(denied(syscall(SYS_prctl, PR_SET_SECCOMP, 0, 0, 0, 0)));
}

static void test_breaking_out(void **state)
{
    (void)state;
    check_ends_well(try_to_break_out);
}

static void do_what_is_needed(void)
{
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(own);
    char byte;
    int bound = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    want(bind(bound, (const struct sockaddr *)&own, len) == 0);
    want(confine(0) == 0);
    want(getsockname(bound, (struct sockaddr *)&own, &len) == 0);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    want(fd >= 0 && connect(fd, (const struct sockaddr *)&own, len) == 0);
    want(send(fd, "x", 1, 0) == 1 && recv(bound, &byte, 1, 0) == 1 && close(fd) == 0);
    struct ifreq found[4];
    struct ifconf request = {.ifc_len = sizeof(found), .ifc_req = found};
    want(ioctl(bound, SIOCGIFCONF, &request) == 0);
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    want(page != MAP_FAILED && mprotect(page, 4096, PROT_READ) == 0 && munmap(page, 4096) == 0);
}

static void test_needs(void **state)
{
    (void)state;
    check_ends_well(do_what_is_needed);
}

static void look_up(void)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    want(confine(CONFINE_NAMES) == 0);
    want(getaddrinfo("localhost", "80", &hints, &found) == 0 && found != NULL);
    want(syscall(SYS_openat, AT_FDCWD, "/etc/hosts", O_RDONLY | O_CLOEXEC) >= 0);
    want(denied(syscall(SYS_openat, AT_FDCWD, "/dev/null", O_WRONLY)));
    want(denied(syscall(SYS_openat, AT_FDCWD, "/tmp/confine", O_RDONLY | O_CREAT, 0600)));
    want(denied(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL)));
}

static void test_looking_names_up(void **state)
{
    (void)state;
    check_ends_well(look_up);
}

static void fail_an_assertion(void)
{
    void (*volatile end)(void) = abort;
    want(confine(0) == 0);
    end();
}

static void test_an_abort_is_an_abort(void **state)
{
    (void)state;
    int status = status_of(fail_an_assertion);
    if (status >= 0)
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

#ifdef __x86_64__
/* getpid of i386, whose number is that of writev. */
static long i386_getpid(void)
{
    long result = 20;
    __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
    return result;
}

static void call_i386(void)
{
    want(i386_getpid() == getpid());
}

static void call_i386_confined(void)
{
    want(confine(0) == 0);
    (void)i386_getpid();
}

static void test_another_architecture_in_force(void **state)
{
    (void)state;
    if (status_of(call_i386) != 0) {
        print_message("this kernel has no calls of i386\n");
        return;
    }
    int status = status_of(call_i386_confined);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}
#endif

UNIT(confine)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_another_architecture),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_no_number_leads_elsewhere),
        cmocka_unit_test(test_sockets),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_flags_of_a_file),
        cmocka_unit_test(test_signals_to_itself),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_clients),
        cmocka_unit_test(test_sanitized),
        cmocka_unit_test(test_breaking_out),
        cmocka_unit_test(test_needs),
        cmocka_unit_test(test_looking_names_up),
        cmocka_unit_test(test_an_abort_is_an_abort),
#ifdef __x86_64__
        cmocka_unit_test(test_another_architecture_in_force),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
