#include "io/clock.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
    MS_PER_S = 1000,
    NS_PER_MS = 1000000,
};

uint64_t clock_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_BOOTTIME, &now); /* counts suspend, ignores changes of the date [E-03] */
    return (uint64_t)now.tv_sec * MS_PER_S + (uint64_t)now.tv_nsec / NS_PER_MS;
}

int64_t clock_unix_s(uint64_t at_ms)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    int64_t booted_ms = (int64_t)now.tv_sec * MS_PER_S + now.tv_nsec / NS_PER_MS - (int64_t)clock_now_ms();
    static int64_t booted_s; /* kept while the two clocks agree, because they never do to the millisecond */
    if (booted_ms - booted_s * MS_PER_S < -MS_PER_S || booted_ms - booted_s * MS_PER_S > MS_PER_S)
        booted_s = booted_ms / MS_PER_S;
    return booted_s + (int64_t)(at_ms / MS_PER_S);
}

uint64_t clock_seed(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) == (ssize_t)sizeof(seed))
        return seed;
    /* Early at boot the kernel has no random numbers yet, and old kernels of routers have no such call. Two
     * instances get different seeds nevertheless. */
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return ((uint64_t)now.tv_sec << 32 ^ (uint64_t)now.tv_nsec << 16) ^ (uint64_t)getpid();
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct deadline *d = poll->data;
    uint64_t expirations;
    (void)events;
    /* There is nothing to read if the timer was armed again after the loop saw it expire. */
    if (status == 0 && read(d->fd, &expirations, sizeof(expirations)) < 0)
        return;
    d->armed_ms = CLOCK_NEVER;
    d->fired(d->context);
}

int deadline_open(struct deadline *d, uv_loop_t *loop, void (*fired)(void *context), void *context)
{
    d->armed_ms = CLOCK_NEVER;
    d->fired = fired;
    d->context = context;
    d->fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (d->fd < 0)
        return -errno;
    d->poll.data = d;
    int result = uv_poll_init(loop, &d->poll, d->fd);
    if (result != 0) {
        (void)close(d->fd);
        d->fd = -1;
        return result;
    }
    return uv_poll_start(&d->poll, UV_READABLE, on_readable);
}

void deadline_arm(struct deadline *d, uint64_t at_ms)
{
    if (at_ms == d->armed_ms)
        return;
    d->armed_ms = at_ms;
    struct itimerspec timer = {0};
    if (at_ms != CLOCK_NEVER) {
        timer.it_value.tv_sec = (time_t)(at_ms / MS_PER_S);
        /* A time of zero would disarm the timer. */
        timer.it_value.tv_nsec = (long)(at_ms % MS_PER_S) * NS_PER_MS + (at_ms == 0);
    }
    (void)timerfd_settime(d->fd, TFD_TIMER_ABSTIME, &timer, NULL);
}

void deadline_close(struct deadline *d)
{
    if (d->fd < 0)
        return;
    uv_close((uv_handle_t *)&d->poll, NULL);
    (void)close(d->fd);
    d->fd = -1;
}
