/* Stands for an httpd child in embedded mode: opens a libpython and the host, starts Python, and runs requests whose
 * payloads come as files. Usage: embed LIBPYTHON HOST SETTINGS PAYLOAD... ; prints what the host sends. CONTRACT is `contract::VERSION`. */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

struct server {
    uint32_t contract;
    ssize_t (*read)(void *, uint8_t *, size_t);
    void (*interrupt)(void *);
    int (*head)(void *, const uint8_t *, size_t);
    int (*body)(void *, const uint8_t *, size_t, bool);
    int (*file)(void *, int, uint64_t, uint64_t);
    void (*log)(void *, int, const uint8_t *, size_t, const uint8_t *, size_t, uint32_t);
    int (*verdict)(void *, const uint8_t *, size_t);
    int (*ssl_lookup)(void *, const uint8_t *, size_t, const uint8_t **, size_t *);
    void *(*apache_request)(void *);
    void (*costs)(void *, const uint8_t *, size_t);
    int (*scoreboard)(void (*)(void *, const uint8_t *, size_t), void *);
    const void *group, *slot;
};

struct host {
    uint32_t contract;
    int (*start)(const uint8_t *, size_t, void *, const struct server *, char *, size_t);
    int (*serve)(void *, const uint8_t *, size_t);
    void (*stop)(void);
};

static ssize_t do_read(void *x, uint8_t *buffer, size_t size) { (void)x; (void)buffer; (void)size; return 0; }
static void do_interrupt(void *x) { (void)x; }
static int do_head(void *x, const uint8_t *p, size_t n) { (void)x; (void)p; printf("head %zu\n", n); return 0; }
static int do_body(void *x, const uint8_t *p, size_t n, bool last) {
    (void)x;
    printf("body%s %.*s\n", last ? " last" : "", (int)n, (const char *)p);
    return 0;
}
static int do_file(void *x, int fd, uint64_t offset, uint64_t size) { (void)x; (void)fd; (void)offset; (void)size; return 0; }
static void do_log(void *x, int level, const uint8_t *p, size_t n, const uint8_t *f, size_t fn, uint32_t line) {
    (void)f; (void)fn; (void)line;
    fprintf(stderr, "%s %d: %.*s\n", x ? "request" : "server", level, (int)n, (const char *)p);
}

static int do_verdict(void *x, const uint8_t *p, size_t n) { (void)x; (void)p; printf("verdict %zu\n", n); return 0; }
static int do_lookup(void *x, const uint8_t *p, size_t n, const uint8_t **value, size_t *length) {
    (void)x; (void)p; (void)n; (void)value; (void)length;
    return -1;
}
static void *do_request(void *x) { return x; }
static void do_costs(void *x, const uint8_t *p, size_t n) { (void)x; (void)p; printf("costs %zu\n", n); }
static int do_scoreboard(void (*take)(void *, const uint8_t *, size_t), void *x) { (void)take; (void)x; return -1; }

static const struct server SERVER = {CONTRACT, do_read, do_interrupt, do_head, do_body, do_file, do_log, do_verdict, do_lookup, do_request,
                                     do_costs, do_scoreboard, NULL, NULL};

static void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(1);
}

static char *contents(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    char *buffer = malloc(1 << 20);
    if (!file || !buffer) fail("cannot read %s", path);
    *size = fread(buffer, 1, 1 << 20, file);
    fclose(file);
    return buffer;
}

int main(int count, char **arguments) {
    char reason[1000];
    size_t size;
    void *python, *library;
    const struct host *(*entry)(void), *host;

    if (count < 4) fail("usage: embed LIBPYTHON HOST SETTINGS PAYLOAD...");
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!(python = dlopen(arguments[1], RTLD_NOW | RTLD_GLOBAL))) fail("%s", dlerror());
    if (!(library = dlopen(arguments[2], RTLD_NOW))) fail("%s", dlerror());
    entry = (const struct host *(*)(void))dlsym(library, "mod_wsgi_host_embed");
    if (!entry || (host = entry())->contract != CONTRACT) fail("no entry of contract %d", CONTRACT);
    char *settings = contents(arguments[3], &size);
    if (host->start((uint8_t *)settings, size, python, &SERVER, reason, sizeof reason) != 0) {
        printf("refused: %s\n", reason);
        return 2;
    }
    for (int at = 4; at < count; at++) {
        char *payload = contents(arguments[at], &size);
        printf("outcome %d\n", host->serve((void *)payload, (uint8_t *)payload, size));
    }
    host->stop();
    puts("stopped");
    return 0;
}
