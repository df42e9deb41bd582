/* Keeps in POWER_CUT_COPY, of each file in the folder POWER_CUT_PATH, what a power cut would leave: only bytes that were synced.
 *
 * Written ranges are remembered and copied when the file is synced; a shorter length counts from the next sync of the file on, a
 * removal or a new name from the next sync of the folder on. Asleep until the variables are set and power_cut_reload is called
 * (or the library is loaded with them set). What a failed sync was to keep is lost, though the process goes on seeing it. A process that is killed within a sync leaves part of that sync, as a disk would.
 */
#include "one_path.h"

#define MAX_FILES 64
#define MAX_RANGES 8192
#define MAX_PENDING 64

struct range { off_t from, to; };
struct file { dev_t device; ino_t inode; int count; struct range dirty[MAX_RANGES]; };
struct pending { char from[256], to[256]; };

static struct file files[MAX_FILES];
static int file_count;
static struct pending pendings[MAX_PENDING];
static int pending_count;
static char copy_folder[1024];

void power_cut_reload(void)
{
    const char *copy = getenv("POWER_CUT_COPY");
    file_count = pending_count = 0;
    snprintf(copy_folder, sizeof copy_folder, "%s", copy ? copy : "");
    watch("POWER_CUT_PATH");
}

__attribute__((constructor)) static void begin(void) { power_cut_reload(); }

static void give_up(const char *why)
{
    fprintf(stderr, "power_cut: %s\n", why);
    abort();
}

static struct file *file_of(int fd)
{
    struct stat now;
    if (fstat(fd, &now)) return NULL;
    for (int i = 0; i < file_count; i++)
        if (files[i].device == now.st_dev && files[i].inode == now.st_ino) return &files[i];
    if (file_count == MAX_FILES) give_up("too many files");
    struct file *file = &files[file_count++];
    file->device = now.st_dev;
    file->inode = now.st_ino;
    file->count = 0;
    return file;
}

static void soil(int fd, off_t from, off_t to)
{
    struct file *file = file_of(fd);
    if (!file || to <= from) return;
    for (int i = file->count - 1; i >= 0 && i >= file->count - 4; i--)
        if (from <= file->dirty[i].to && to >= file->dirty[i].from) {
            if (from < file->dirty[i].from) file->dirty[i].from = from;
            if (to > file->dirty[i].to) file->dirty[i].to = to;
            return;
        }
    if (file->count == MAX_RANGES) {
        for (int i = 1; i < file->count; i++) {
            if (file->dirty[i].from < file->dirty[0].from) file->dirty[0].from = file->dirty[i].from;
            if (file->dirty[i].to > file->dirty[0].to) file->dirty[0].to = file->dirty[i].to;
        }
        file->count = 1;
    }
    file->dirty[file->count++] = (struct range){from, to};
}

static void written(int fd, off_t at, ssize_t bytes)
{
    if (bytes <= 0) return;
    pthread_mutex_lock(&guard);
    if (watched_fd(fd) == 1) soil(fd, at, at + bytes);
    pthread_mutex_unlock(&guard);
}

static void written_here(int fd, ssize_t bytes)
{
    if (bytes > 0 && watched_fd(fd) == 1) written(fd, lseek(fd, 0, SEEK_CUR) - bytes, bytes);
}

static void copy_range_of(int from_fd, int to_fd, struct range part)
{
    char block[65536];
    for (off_t at = part.from; at < part.to;) {
        size_t wanted = part.to - at < (off_t)sizeof block ? (size_t)(part.to - at) : sizeof block;
        ssize_t got = pread(from_fd, block, wanted, at);
        if (got <= 0) return; /* the file is shorter by now */
        if (REAL(pwrite)(to_fd, block, (size_t)got, at) != got) give_up("the copy can't be written");
        at += got;
    }
}

static void keep(int fd)
{
    char path[1200], target[2300], self[64];
    struct file *file = file_of(fd);
    struct stat now;
    const char *name = path_of(fd, path, sizeof path) ? name_in_folder(path) : NULL;
    if (!file || !name || fstat(fd, &now) || !now.st_nlink) return; /* removed meanwhile: nothing to keep */
    snprintf(target, sizeof target, "%s/%s", copy_folder, name);
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    int from = open(self, O_RDONLY | O_CLOEXEC), to = open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (from < 0 || to < 0) give_up("the copy can't be opened");
    for (int i = 0; i < file->count; i++) copy_range_of(from, to, file->dirty[i]);
    if (REAL(ftruncate)(to, now.st_size)) give_up("the copy can't be shortened");
    file->count = 0;
    REAL(close)(from);
    REAL(close)(to);
}

static void keep_names(void)
{
    char from[1300], to[1300];
    for (int i = 0; i < pending_count; i++) {
        snprintf(from, sizeof from, "%s/%s", copy_folder, pendings[i].from);
        if (pendings[i].to[0]) {
            snprintf(to, sizeof to, "%s/%s", copy_folder, pendings[i].to);
            REAL(rename)(from, to);
        } else
            REAL(unlink)(from);
    }
    pending_count = 0;
}

static void synced(int fd)
{
    int saved = errno;
    pthread_mutex_lock(&guard);
    if (watched_fd(fd) == 1) keep(fd);
    else if (watched_fd(fd) == 2) keep_names();
    pthread_mutex_unlock(&guard);
    errno = saved;
}

static void lost(int fd)
{
    int saved = errno;
    pthread_mutex_lock(&guard);
    struct file *file = watched_fd(fd) == 1 ? file_of(fd) : NULL;
    if (file) file->count = 0;
    pthread_mutex_unlock(&guard);
    errno = saved;
}

static void name_changed(const char *from, const char *to)
{
    char absolute[1200], absolute_to[1200];
    if (!watched[0]) return;
    const char *name = NULL, *new_name = "";
    if (from[0] != '/') {
        char here[600];
        if (!getcwd(here, sizeof here)) return;
        snprintf(absolute, sizeof absolute, "%s/%s", here, from);
        snprintf(absolute_to, sizeof absolute_to, "%s/%s", here, to ? to : "");
        from = absolute;
        if (to && to[0] != '/') to = absolute_to;
    }
    name = name_in_folder(from);
    if (to) new_name = name_in_folder(to);
    if (!name || !*name || !new_name) return;
    pthread_mutex_lock(&guard);
    if (pending_count == MAX_PENDING) give_up("too many names");
    snprintf(pendings[pending_count].from, sizeof pendings[0].from, "%s", name);
    snprintf(pendings[pending_count++].to, sizeof pendings[0].to, "%s", new_name);
    pthread_mutex_unlock(&guard);
}

ssize_t write(int fd, const void *data, size_t size)
{
    ssize_t done = REAL(write)(fd, data, size);
    written_here(fd, done);
    return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    ssize_t done = REAL(writev)(fd, parts, count);
    written_here(fd, done);
    return done;
}

#define AT(name, ...) { ssize_t done = REAL(name)(__VA_ARGS__); written(fd, at, done); return done; }

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) AT(pwrite, fd, data, size, at)
ssize_t pwrite64(int fd, const void *data, size_t size, off_t at) AT(pwrite64, fd, data, size, at)
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) AT(pwritev, fd, parts, count, at)
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t at) AT(pwritev64, fd, parts, count, at)

static int shorten(int fd, off_t size, int (*change)(int, off_t))
{
    struct stat before;
    int is_ours = watched_fd(fd) == 1 && !fstat(fd, &before);
    int answer = change(fd, size);
    if (!answer && is_ours && before.st_size > size) written(fd, size, before.st_size - size);
    return answer;
}

int ftruncate(int fd, off_t size) { return shorten(fd, size, REAL(ftruncate)); }
int ftruncate64(int fd, off_t size) { return shorten(fd, size, REAL(ftruncate64)); }

/* After a failed sync the kernel takes the pages for clean and never writes them: what was written so far is lost for good. */
static int after_sync(int fd, int answer)
{
    if (!answer) synced(fd);
    else lost(fd);
    return answer;
}

int fsync(int fd) { return after_sync(fd, REAL(fsync)(fd)); }
int fdatasync(int fd) { return after_sync(fd, REAL(fdatasync)(fd)); }

int unlink(const char *path)
{
    int answer = REAL(unlink)(path);
    if (!answer) name_changed(path, NULL);
    return answer;
}

int rename(const char *from, const char *to)
{
    int answer = REAL(rename)(from, to);
    if (!answer) name_changed(from, to);
    return answer;
}

int close(int fd)
{
    forget_fd(fd);
    return REAL(close)(fd);
}
