/* Lets the disk fail for the files in the folder DISK_FAULT_PATH.
 *
 * WRITE_ENOSPC_AFTER=n: once n bytes were written, ENOSPC (a write that crosses the limit is cut short, as Linux does).
 * FSYNC_FAIL_AFTER=n: after n syncs each further one fails with EIO. FSYNC_DELAY_US=n: each sync takes n microseconds longer.
 * While the file DISK_FAULT_LIFTED exists nothing fails. Each fault that fires adds a byte to the file DISK_FAULT_FIRED.
 * Asleep until the variables are set and disk_fault_reload is called (or the library is loaded with them set).
 */
#include "one_path.h"

static long long space, syncs, bytes_written, syncs_done;
static useconds_t delay;
static char lifted[1024], fired[1024];

static long long number(const char *variable, long long otherwise)
{
    const char *text = getenv(variable);
    return text ? atoll(text) : otherwise;
}

void disk_fault_reload(void)
{
    const char *file = getenv("DISK_FAULT_LIFTED"), *log = getenv("DISK_FAULT_FIRED");
    snprintf(lifted, sizeof lifted, "%s", file ? file : "");
    snprintf(fired, sizeof fired, "%s", log ? log : "");
    space = number("WRITE_ENOSPC_AFTER", -1);
    syncs = number("FSYNC_FAIL_AFTER", -1);
    delay = (useconds_t)number("FSYNC_DELAY_US", 0);
    bytes_written = syncs_done = 0;
    watch("DISK_FAULT_PATH");
}

__attribute__((constructor)) static void begin(void) { disk_fault_reload(); }

static int is_lifted(void) { return lifted[0] && !access(lifted, F_OK); }

static void note(void)
{
    if (!fired[0]) return;
    int fd = open(fired, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd >= 0) {
        if (REAL(write)(fd, "x", 1) != 1) abort();
        REAL(close)(fd);
    }
}

/* How many of `wanted` bytes fit. */
static size_t room_for(int fd, size_t wanted)
{
    if (watched_fd(fd) != 1) return wanted;
    pthread_mutex_lock(&guard);
    size_t fits = wanted;
    if (space >= 0 && !is_lifted() && bytes_written + (long long)wanted > space) {
        fits = bytes_written < space ? (size_t)(space - bytes_written) : 0;
        note();
    }
    bytes_written += (long long)fits;
    pthread_mutex_unlock(&guard);
    return fits;
}

static int full(void)
{
    errno = ENOSPC;
    return -1;
}

#define LIMITED(call) { size_t wanted = size; size = room_for(fd, size); return !size && wanted ? full() : call; }

ssize_t write(int fd, const void *data, size_t size) LIMITED(REAL(write)(fd, data, size))
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) LIMITED(REAL(pwrite)(fd, data, size, at))
ssize_t pwrite64(int fd, const void *data, size_t size, off_t at) LIMITED(REAL(pwrite64)(fd, data, size, at))

static int sync_or_fail(int fd, int (*sync_it)(int))
{
    if (watched_fd(fd) != 1) return sync_it(fd);
    int fails = 0;
    pthread_mutex_lock(&guard);
    if (!is_lifted()) {
        syncs_done++;
        fails = syncs >= 0 && syncs_done > syncs;
        if (fails || delay) note();
    }
    pthread_mutex_unlock(&guard);
    if (delay && !is_lifted()) usleep(delay);
    if (fails) {
        errno = EIO;
        return -1;
    }
    return sync_it(fd);
}

int fsync(int fd) { return sync_or_fail(fd, REAL(fsync)); }
int fdatasync(int fd) { return sync_or_fail(fd, REAL(fdatasync)); }

int close(int fd)
{
    forget_fd(fd);
    return REAL(close)(fd);
}
