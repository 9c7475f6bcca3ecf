/* A disk that fails when it is told to: loaded before libc into a test's child.
 *
 * Counts the calls that write to files whose path ends as fault_arm() was told, and
 * lets the one with that number, and if so told every later one, fail with an errno.
 * Mode "read-only" lets every opening for writing fail, as a disk mounted so does.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static char suffixes[2][64];
static long left = -1;
static int error_number, for_good, fired, read_only;

void fault_arm(const char *one, const char *other, long after, int error, int good) {
    snprintf(suffixes[0], sizeof suffixes[0], "%s", one);
    snprintf(suffixes[1], sizeof suffixes[1], "%s", other);
    error_number = error;
    for_good = good;
    fired = 0;
    left = after;
}

void fault_disarm(void) { left = -1; read_only = 0; }
int fault_fired(void) { return fired; }

void fault_read_only(const char *one, const char *other) {
    fault_arm(one, other, -1, EROFS, 1);
    read_only = 1;
}

static int ends(const char *path) {
    size_t length = strlen(path);
    for (int i = 0; i < 2; i++) {
        size_t size = strlen(suffixes[i]);
        if (size && length >= size && !strcmp(path + length - size, suffixes[i]))
            return 1;
    }
    return 0;
}

/* Whether this call is to fail. */
static int fails(int fd) {
    char link[64], path[4096];
    if (left < 0)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    if (!ends(path))
        return 0;
    if (left > 0) {
        left--;
        return 0;
    }
    if (!for_good)
        left = -1;
    fired = 1;
    errno = error_number;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define WRAP(type, name, parameters, arguments)                                        \
    type name parameters {                                                             \
        static __typeof__(&name) real;                                                 \
        if (!real)                                                                     \
            real = REAL(name);                                                         \
        return fails(fd) ? -1 : real arguments;                                        \
    }

WRAP(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))
WRAP(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at),
     (fd, data, size, at))
WRAP(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at),
     (fd, data, size, at))
WRAP(int, ftruncate, (int fd, off_t size), (fd, size))
WRAP(int, ftruncate64, (int fd, off64_t size), (fd, size))
WRAP(int, fsync, (int fd), (fd))
WRAP(int, fdatasync, (int fd), (fd))

static int denied(const char *path, int flags) {
    if (!read_only || (flags & O_ACCMODE) == O_RDONLY || !ends(path))
        return 0;
    fired = 1;
    errno = EROFS;
    return 1;
}

#define WRAP_OPEN(name)                                                                \
    int name(const char *path, int flags, ...) {                                       \
        static int (*real)(const char *, int, ...);                                    \
        va_list rest;                                                                  \
        mode_t mode = 0;                                                               \
        if (flags & (O_CREAT | O_TMPFILE)) {                                           \
            va_start(rest, flags);                                                     \
            mode = va_arg(rest, mode_t);                                               \
            va_end(rest);                                                              \
        }                                                                              \
        if (denied(path, flags))                                                       \
            return -1;                                                                 \
        if (!real)                                                                     \
            real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name);           \
        return real(path, flags, mode);                                                \
    }

WRAP_OPEN(open)
WRAP_OPEN(open64)
