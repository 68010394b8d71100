#include "io/probe.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static socklen_t abstract_address(const char *name, struct sockaddr_un *ret_address)
{
    size_t len = strlen(name);
    assert(len <= PROBE_NAME_MAX);
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret_address->sun_path + 1, name, len);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
}

/* ---- answering ---- */

/* Only abstract names are answered. A reply to a path would be sent with our rights: if the asker had put a
 * link there, to a socket that the asker itself may not write to. */
static bool answerable(const struct sockaddr_un *from, socklen_t len)
{
    return len > offsetof(struct sockaddr_un, sun_path) && from->sun_path[0] == '\0';
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct probe_server *s = poll->data;
    (void)status;
    (void)events;
    for (unsigned i = 0; i < PROBE_BATCH; i++) {
        char question;
        char line[PROBE_LINE_MAX + 1] = "";
        struct sockaddr_un from = {0};
        socklen_t len = sizeof(from);
        if (recvfrom(s->fd, &question, sizeof(question), MSG_DONTWAIT, (struct sockaddr *)&from, &len) < 0)
            return;
        if (!answerable(&from, len))
            continue;
        s->asked(s->context, line);
        /* A client that does not read its replies loses them. */
        (void)sendto(s->fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&from,
                     len);
    }
}

static int bound_socket(const char *name)
{
    struct sockaddr_un address;
    socklen_t len = abstract_address(name, &address);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (bind(fd, (const struct sockaddr *)&address, len) != 0) {
        int error = -errno;
        (void)close(fd);
        return error;
    }
    return fd;
}

int probe_open(struct probe_server *s, uv_loop_t *loop, const char *name,
               void (*asked)(void *context, char ret_line[PROBE_LINE_MAX + 1]), void *context)
{
    s->asked = asked;
    s->context = context;
    s->poll.data = s;
    s->fd = bound_socket(name);
    if (s->fd < 0) {
        int error = s->fd;
        s->fd = -1;
        return error;
    }
    int result = uv_poll_init(loop, &s->poll, s->fd);
    if (result != 0) {
        (void)close(s->fd);
        s->fd = -1;
        return result;
    }
    return uv_poll_start(&s->poll, UV_READABLE, on_readable);
}

void probe_close(struct probe_server *s)
{
    if (s->fd < 0)
        return;
    uv_close((uv_handle_t *)&s->poll, NULL);
    (void)close(s->fd);
    s->fd = -1;
}

/* ---- asking ---- */

static int ask(int fd, const struct sockaddr_un *address, socklen_t len, char ret_line[PROBE_LINE_MAX + 1])
{
    const struct timeval wait = {.tv_sec = PROBE_WAIT_MS / 1000};
    /* The kernel chooses a name for this socket, so that the daemon can reply to it. A connected socket
     * receives from its peer alone. */
    const struct sockaddr_un any = {.sun_family = AF_UNIX};
    if (bind(fd, (const struct sockaddr *)&any, sizeof(any.sun_family)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) != 0 ||
        connect(fd, (const struct sockaddr *)address, len) != 0 || send(fd, "?", 1, MSG_NOSIGNAL) != 1)
        return -errno;
    ssize_t got = recv(fd, ret_line, PROBE_LINE_MAX, 0);
    if (got < 0)
        return -errno;
    ret_line[got] = '\0';
    return 0;
}

int probe_ask(const char *name, char ret_line[PROBE_LINE_MAX + 1])
{
    struct sockaddr_un address;
    socklen_t len = abstract_address(name, &address);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int result = ask(fd, &address, len, ret_line);
    (void)close(fd);
    return result;
}
