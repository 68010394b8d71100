/* systemd is notified that the daemon is ready, by a path or an abstract name. */

#include <sys/socket.h>
#include <sys/un.h>

#include "io/notify.h"
#include "loop.h"

/* A socket with that name, which NOTIFY_SOCKET contains. */
static int manager(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && len < sizeof(address.sun_path));
    memcpy(address.sun_path, name, len);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    assert_int_equal(bind(fd, (const struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
                     0);
    return fd;
}

static void check_told(const char *name)
{
    char bytes[64];
    int fd = manager(name);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    notify_ready();
    assert_int_equal(recv(fd, bytes, sizeof(bytes), 0), 7);
    assert_memory_equal(bytes, "READY=1", 7);
    assert_int_equal(recv(fd, bytes, sizeof(bytes), 0), -1);
    (void)close(fd);
}

static void test_ready(void **state)
{
    char folder[] = "/tmp/notify-XXXXXX";
    char name[64];
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(name, sizeof(name), "%s/socket", folder);
    check_told(name);
    (void)unlink(name);
    (void)rmdir(folder);
    (void)snprintf(name, sizeof(name), "@double-natpmp/test/notify/%d", (int)getpid());
    check_told(name);
}

static void test_without_a_notify_socket(void **state)
{
    static char longest[200];
    const char *const names[] = {"", "@", "relative", "/nonexistent/socket", longest};
    (void)state;
    memset(longest, '/', sizeof(longest) - 1);
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    notify_ready();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(setenv("NOTIFY_SOCKET", names[i], 1), 0);
        notify_ready();
    }
}

UNIT(notify)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ready),
        cmocka_unit_test(test_without_a_notify_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
