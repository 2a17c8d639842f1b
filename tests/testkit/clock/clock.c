/* Moves the calendar clock of a program, and of every program that it starts, by CLOCK_OFFSET seconds.
 *
 * `scripts/test --on DATE` compiles it and names it in LD_PRELOAD. Monotonic clocks and the times of files stay as they are.
 * Debian's faketime does more and was tried: it leaves a semaphore in /dev/shm for each process that is killed, and the next
 * process with that number does not start. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* No monotonic clock has run for 30 years, and no calendar of a test is in the 1970s or 80s. */
#define CALENDAR 1000000000

static time_t offset(void) {
    static int known;
    static time_t value;
    if (!known) {
        const char *text = getenv("CLOCK_OFFSET");
        value = text ? strtoll(text, NULL, 10) : 0;
        known = 1;
    }
    return value;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int status = syscall(SYS_clock_gettime, clock, now);
    if (status == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI)) now->tv_sec += offset();
    return status;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}

int timespec_get(struct timespec *now, int base) { return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, now) == 0 ? base : 0; }

/* Who waits until a moment of the calendar has it from the clock above; the kernel knows the real one. */
static const struct timespec *really(const struct timespec *at, struct timespec *moved) {
    if (!at || at->tv_sec < CALENDAR) return at;
    *moved = *at;
    moved->tv_sec -= offset();
    return moved;
}

static void *next(const char *name) {
    /* Without its version dlsym may give the form of 1999, which takes another structure. */
    void *found = dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2");
    return found ? found : dlsym(RTLD_NEXT, name);
}

#define WAIT(name, parameters, ...)                                   \
    int name parameters {                                             \
        static int(*real) parameters;                                 \
        struct timespec moved;                                        \
        if (!real) *(void **)&real = next(#name);                     \
        at = really(at, &moved);                                      \
        return real(__VA_ARGS__);                                     \
    }
typedef const struct timespec *restrict moment;
WAIT(pthread_cond_timedwait, (pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex, moment at), cond, mutex, at)
WAIT(pthread_cond_clockwait, (pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex, clockid_t clock, moment at), cond, mutex, clock, at)
WAIT(pthread_mutex_timedlock, (pthread_mutex_t *restrict mutex, moment at), mutex, at)
WAIT(sem_timedwait, (sem_t *restrict semaphore, moment at), semaphore, at)
WAIT(sem_clockwait, (sem_t *restrict semaphore, clockid_t clock, moment at), semaphore, clock, at)
