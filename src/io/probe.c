#include "io/probe.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/abstract.h"

/* ---- answering ---- */

/* Only abstract names are answered. A reply to a path would be sent with our rights: if the asker had put a
 * link there, to a socket that the asker itself may not write to. */
static bool answerable(const struct sockaddr_un *from, socklen_t len)
{
    return len > offsetof(struct sockaddr_un, sun_path) && from->sun_path[0] == '\0';
}

/* The kernel writes the user of the asker into the message, and lets only root write another one. */
static bool is_trusted(const struct probe_server *s, struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        struct ucred from;
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_CREDENTIALS)
            continue;
        memcpy(&from, CMSG_DATA(c), sizeof(from));
        return from.uid == 0 || from.uid == s->user;
    }
    return false;
}

/* False: no question waits. */
static bool answer_one(struct probe_server *s)
{
    uint8_t bytes[PROBE_QUESTION_MAX];
    union {
        struct cmsghdr aligned;
        uint8_t room[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct sockaddr_un from = {0};
    struct iovec part = {.iov_base = bytes, .iov_len = sizeof(bytes)};
    struct msghdr message = {.msg_name = &from,
                             .msg_namelen = sizeof(from),
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    ssize_t len = recvmsg(s->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (len < 0)
        return false;
    if (!answerable(&from, message.msg_namelen))
        return true;
    struct probe_question question = {.bytes = span_of(bytes, (size_t)len),
                                      .trusted = is_trusted(s, &message)};
    struct writer reply = writer_of(s->reply, sizeof(s->reply));
    s->asked(s->context, &question, &reply);
    struct span written = writer_span(&reply);
    /* A client that does not read its replies loses them. */
    (void)sendto(s->fd, written.data, written.len, MSG_DONTWAIT | MSG_NOSIGNAL,
                 (const struct sockaddr *)&from, message.msg_namelen);
    return true;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    for (unsigned i = 0; i < PROBE_BATCH; i++)
        if (!answer_one(poll->data))
            return;
}

static int bound_socket(const char *name)
{
    struct sockaddr_un address;
    socklen_t len = abstract_address(name, &address);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    const int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0 ||
        bind(fd, (const struct sockaddr *)&address, len) != 0) {
        int error = -errno;
        (void)close(fd);
        return error;
    }
    return fd;
}

int probe_open(struct probe_server *s, uv_loop_t *loop, const char *name, probe_handler *asked, void *context)
{
    s->asked = asked;
    s->context = context;
    s->poll.data = s;
    s->user = geteuid();
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

static int ask(int fd, const struct sockaddr_un *address, socklen_t len, struct span question,
               uint8_t ret_reply[PROBE_REPLY_MAX])
{
    const struct timeval wait = {.tv_sec = PROBE_WAIT_MS / 1000};
    /* The kernel chooses a name for this socket, so that the daemon can reply to it. A connected socket
     * receives from its peer alone. */
    const struct sockaddr_un any = {.sun_family = AF_UNIX};
    if (bind(fd, (const struct sockaddr *)&any, sizeof(any.sun_family)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) != 0 ||
        connect(fd, (const struct sockaddr *)address, len) != 0 ||
        send(fd, question.data, question.len, MSG_NOSIGNAL) != (ssize_t)question.len)
        return -errno;
    ssize_t got = recv(fd, ret_reply, PROBE_REPLY_MAX, 0);
    return got < 0 ? -errno : (int)got;
}

int probe_ask(const char *name, struct span question, uint8_t ret_reply[PROBE_REPLY_MAX])
{
    struct sockaddr_un address;
    socklen_t len = abstract_address(name, &address);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int result = ask(fd, &address, len, question, ret_reply);
    (void)close(fd);
    return result;
}
