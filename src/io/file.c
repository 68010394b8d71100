#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

ssize_t file_read(const char *path, void *ret_bytes, size_t capacity)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    size_t len = 0;
    ssize_t got = fd < 0 ? -1 : 1;
    while (got > 0 && len < capacity) {
        do
            got = read(fd, (uint8_t *)ret_bytes + len, capacity - len);
        while (got < 0 && errno == EINTR);
        len += got > 0 ? (size_t)got : 0;
    }
    int error = errno;
    if (fd >= 0)
        (void)close(fd);
    errno = error;
    return got < 0 ? -1 : (ssize_t)len;
}
