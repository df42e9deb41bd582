/* What both shims share: which open file lies directly in the one folder that is watched. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_FD 4096
#define REAL(name) ((__typeof__(&name))real(#name))

static char watched[1024];          /* "" while asleep */
static signed char fd_state[MAX_FD]; /* 0 not known, 1 in the folder, 2 the folder itself, -1 neither */
static pthread_mutex_t guard = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

static inline void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

/* The name within the folder, or NULL. "" for the folder itself. */
static inline const char *name_in_folder(const char *path)
{
    size_t length = strlen(watched);
    if (!length || strncmp(path, watched, length)) return NULL;
    if (!path[length]) return path + length;
    if (path[length] != '/' || strchr(path + length + 1, '/')) return NULL;
    return path + length + 1;
}

static inline int path_of(int fd, char *path, size_t size)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, size - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return 1;
}

/* 1: a file in the folder, 2: the folder, else something else. */
static inline int watched_fd(int fd)
{
    if (!watched[0] || fd < 0 || fd >= MAX_FD) return -1;
    if (!fd_state[fd]) {
        char path[1200];
        const char *name = path_of(fd, path, sizeof path) ? name_in_folder(path) : NULL;
        fd_state[fd] = !name ? -1 : *name ? 1 : 2;
    }
    return fd_state[fd];
}

static inline void forget_fd(int fd)
{
    if (fd >= 0 && fd < MAX_FD) fd_state[fd] = 0;
}

static inline void watch(const char *variable)
{
    const char *path = getenv(variable);
    memset(fd_state, 0, sizeof fd_state);
    snprintf(watched, sizeof watched, "%s", path ? path : "");
}
