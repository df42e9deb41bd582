/* Each fsync and fdatasync takes SLOW_SYNC_US microseconds longer: a slow disk, for LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

typedef int sync_call(int fd);

static int slowly(const char *name, int fd)
{
    const char *delay = getenv("SLOW_SYNC_US");
    if (delay) usleep((useconds_t)atol(delay));
    return ((sync_call *)dlsym(RTLD_NEXT, name))(fd);
}

int fsync(int fd) { return slowly("fsync", fd); }
int fdatasync(int fd) { return slowly("fdatasync", fd); }
