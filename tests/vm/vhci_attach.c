/*
 * vhci_attach: the lab's own USB/IP client, so that the lab can be tested without the product.
 *
 * usage: vhci_attach attach HOST PORT BUSID    imports the device, attaches it to vhci_hcd.0 and
 * waits for its tty; prints {"port":0,"tty":"/dev/ttyUSB0","ms":412.0} vhci_attach import HOST PORT
 * BUSID    imports only, and hangs up; prints {"status":0,"bytes":320} vhci_attach wait-free
 * returns when no vhci port is in use and no USB tty is left
 *
 * HOST is an IPv4 address. Exit code: 0 done, 1 failed or not within 15 s, 2 usage.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define VHCI_ATTACH "/sys/devices/platform/vhci_hcd.0/attach"
#define VHCI_STATUS "/sys/devices/platform/vhci_hcd.0/status"
#define VHCI_ALL_STATUS "/sys/devices/platform/vhci_hcd.0/status*"

enum {
    REQUEST_BYTES = 40,
    REPLY_HEADER = 8,
    RECORD_BYTES = 312,
    RECORD_BUSNUM = 288,
    RECORD_DEVNUM = 292,
    RECORD_SPEED = 296,
    PORT_FREE = 4,
    TIMEOUT_MS = 15000,
    RECHECK_MS = 50,
    UEVENT_MAX = 8192,
};

struct imported {
    int socket; /* ours to close; -1 unless status is 0 */
    uint32_t status;
    uint32_t devid;
    uint32_t speed;
    size_t bytes; /* of the reply */
};

struct vhci_port {
    bool is_high_speed; /* "hs", not "ss" */
    int number;
    int state;
};

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int fail(const char *what)
{
    fprintf(stderr, "vhci_attach: %s: %s\n", what, strerror(errno));
    return 1;
}

static uint32_t big_endian_32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static int open_uevents(void)
{
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = 1};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int connect_to(const char *host, const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || inet_pton(AF_INET, host, &address.sin_addr) != 1 ||
        connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

static int import_device(char *const argv[], struct imported *imported)
{
    uint8_t request[REQUEST_BYTES] = {0x01, 0x11, 0x80, 0x03};
    uint8_t reply[REPLY_HEADER + RECORD_BYTES];
    const uint8_t *record = reply + REPLY_HEADER;
    ssize_t got;
    *imported = (struct imported){.socket = -1};
    int fd = connect_to(argv[0], argv[1]);
    if (fd < 0) {
        return -1;
    }
    memcpy(request + REPLY_HEADER, argv[2], strnlen(argv[2], REQUEST_BYTES - REPLY_HEADER - 1));
    if (send(fd, request, sizeof request, MSG_NOSIGNAL) != (ssize_t)sizeof request) {
        goto close_fd;
    }
    got = recv(fd, reply, sizeof reply, MSG_WAITALL);
    imported->bytes = got > 0 ? (size_t)got : 0;
    if (imported->bytes == sizeof reply && big_endian_32(reply + 4) == 0) {
        imported->devid =
            big_endian_32(record + RECORD_BUSNUM) << 16 | big_endian_32(record + RECORD_DEVNUM);
        imported->speed = big_endian_32(record + RECORD_SPEED);
        imported->socket = fd;
        return 0;
    }
    if (imported->bytes == REPLY_HEADER && big_endian_32(reply + 4) != 0) {
        imported->status = big_endian_32(reply + 4);
        close(fd);
        return 0;
    }
    errno = EPROTO;

close_fd:
    close(fd);
    return -1;
}

/* A row reads "hs  0000 004 ...": hub, port number, state; the header line is no row. */
static bool parse_port(const char *row, struct vhci_port *port)
{
    char *end;
    if (strncmp(row, "hs", 2) != 0 && strncmp(row, "ss", 2) != 0) {
        return false;
    }
    port->is_high_speed = row[0] == 'h';
    port->number = (int)strtol(row + 2, &end, 10);
    port->state = (int)strtol(end, &end, 10);
    return true;
}

static int find_free_port(void)
{
    char row[256];
    struct vhci_port port;
    int found = -1;
    FILE *status = fopen(VHCI_STATUS, "re");
    while (status && found < 0 && fgets(row, sizeof row, status)) {
        if (parse_port(row, &port) && port.state == PORT_FREE && port.is_high_speed) {
            found = port.number;
        }
    }
    if (status) {
        fclose(status);
    }
    return found;
}

static int write_attach(int port, const struct imported *imported)
{
    char text[64];
    int len = snprintf(text, sizeof text, "%d %d %u %u", port, imported->socket, imported->devid,
                       imported->speed);
    int fd = open(VHCI_ATTACH, O_WRONLY | O_CLOEXEC);
    ssize_t put = fd < 0 ? -1 : write(fd, text, (size_t)len);
    if (fd >= 0) {
        close(fd);
    }
    return put == len ? 0 : -1;
}

/* The value of KEY= in a uevent's NUL-separated fields, or "". */
static const char *uevent_value(const char *event, size_t len, const char *key)
{
    size_t key_len = strlen(key);
    for (const char *field = event; field < event + len; field += strlen(field) + 1) {
        if (strncmp(field, key, key_len) == 0 && field[key_len] == '=') {
            return field + key_len + 1;
        }
    }
    return "";
}

/* Waits for a tty to be added; one device at a time is attached here, so the first one is the one.
 */
static int wait_for_tty(int uevents, double deadline_ms, char name[64])
{
    char event[UEVENT_MAX + 1];
    for (;;) {
        double left_ms = deadline_ms - now_ms();
        struct pollfd fd = {.fd = uevents, .events = POLLIN};
        ssize_t len;
        if (left_ms <= 0 || poll(&fd, 1, (int)left_ms + 1) <= 0) {
            errno = ETIMEDOUT;
            return -1;
        }
        len = recv(uevents, event, UEVENT_MAX, 0);
        if (len <= 0) {
            continue;
        }
        event[len] = '\0';
        if (strcmp(uevent_value(event, (size_t)len, "SUBSYSTEM"), "tty") == 0 &&
            strcmp(uevent_value(event, (size_t)len, "ACTION"), "add") == 0) {
            snprintf(name, 64, "%s", uevent_value(event, (size_t)len, "DEVNAME"));
            return 0;
        }
    }
}

static int attach(char *const argv[])
{
    struct imported imported;
    char name[64];
    double started_ms = now_ms();
    int uevents = open_uevents();
    int port;
    if (uevents < 0) {
        return fail("uevents");
    }
    if (import_device(argv, &imported) != 0) {
        return fail("import");
    }
    if (imported.status != 0) {
        fprintf(stderr, "vhci_attach: import refused with status %u\n", imported.status);
        return 1;
    }
    port = find_free_port();
    if (port < 0 || write_attach(port, &imported) != 0) {
        return fail("attach");
    }
    close(imported.socket); /* The kernel holds it now. */
    if (wait_for_tty(uevents, started_ms + TIMEOUT_MS, name) != 0) {
        return fail("tty");
    }
    printf("{\"port\":%d,\"tty\":\"/dev/%s\",\"ms\":%.1f}\n", port, name, now_ms() - started_ms);
    return 0;
}

static int import_only(char *const argv[])
{
    struct imported imported;
    if (import_device(argv, &imported) != 0) {
        printf("{\"status\":null,\"bytes\":%zu}\n", imported.bytes);
        return fail("import");
    }
    printf("{\"status\":%u,\"bytes\":%zu}\n", imported.status, imported.bytes);
    if (imported.socket >= 0) {
        close(imported.socket);
    }
    return 0;
}

static bool status_is_free(const char *path)
{
    char row[256];
    struct vhci_port port;
    bool is_free = true;
    FILE *status = fopen(path, "re");
    while (status && fgets(row, sizeof row, status)) {
        is_free = is_free && (!parse_port(row, &port) || port.state == PORT_FREE);
    }
    if (status) {
        fclose(status);
    }
    return status != NULL && is_free;
}

static bool everything_is_free(void)
{
    glob_t found;
    bool is_free;
    if (glob(VHCI_ALL_STATUS, 0, NULL, &found) != 0) {
        return false;
    }
    is_free = true;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        is_free = is_free && status_is_free(found.gl_pathv[i]);
    }
    globfree(&found);
    if (glob("/dev/ttyUSB*", 0, NULL, &found) == 0 || glob("/dev/ttyACM*", 0, NULL, &found) == 0) {
        globfree(&found);
        is_free = false;
    }
    return is_free;
}

/* Removals come as uevents, but a port becomes free without one, so a timer looks again. */
static int wait_free(void)
{
    char event[UEVENT_MAX];
    double deadline_ms = now_ms() + TIMEOUT_MS;
    int uevents = open_uevents();
    if (uevents < 0) {
        return fail("uevents");
    }
    while (!everything_is_free()) {
        struct pollfd fd = {.fd = uevents, .events = POLLIN};
        if (now_ms() > deadline_ms) {
            errno = ETIMEDOUT;
            return fail("wait-free");
        }
        if (poll(&fd, 1, RECHECK_MS) > 0) {
            ssize_t len = recv(uevents, event, sizeof event, MSG_DONTWAIT);
            (void)len; /* Any event is reason enough to look again. */
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "attach") == 0) {
        return attach(argv + 2);
    }
    if (argc == 5 && strcmp(argv[1], "import") == 0) {
        return import_only(argv + 2);
    }
    if (argc == 2 && strcmp(argv[1], "wait-free") == 0) {
        return wait_free();
    }
    fputs("usage: vhci_attach attach|import HOST PORT BUSID | wait-free\n", stderr);
    return 2;
}
