/* Uevents of the real kernel, in a network namespace of the test's own: renaming the loopback
 * device there makes one, and nothing outside hears of it. */
#include "guest-linux/uevent_socket.h"

#include <errno.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/link/rig.h"

#define KERNEL_GROUP 1u
#define NAME_SIZE 64
/* 32 MiB of datagrams: more than the socket's buffer, which the kernel makes 16 MiB at most. */
#define FILLERS 4096

struct ears {
    struct rig *rig;
    struct uevent_socket *socket;
    size_t events;
    size_t overruns;
    char action[NAME_SIZE]; /* of the last event, as the next three */
    char devpath[NAME_SIZE];
    char subsystem[NAME_SIZE];
    bool close_on_event;
    char after_overrun[NAME_SIZE]; /* the path of an event made inside on_overrun */
};

static bool has_namespace;

static void make_uevent(char devpath[NAME_SIZE]);

static void on_event(void *context, const struct uevent *event)
{
    struct ears *ears = context;

    ears->events++;
    snprintf(ears->action, NAME_SIZE, "%s", event->action);
    snprintf(ears->devpath, NAME_SIZE, "%s", event->devpath);
    snprintf(ears->subsystem, NAME_SIZE, "%s", event->subsystem);
    if (ears->close_on_event) {
        uevent_socket_close(ears->socket);
        ears->socket = NULL;
    }
}

static void on_overrun(void *context)
{
    struct ears *ears = context;

    ears->overruns++;
    make_uevent(ears->after_overrun);
}

static const struct uevent_socket_callbacks callbacks = {
    .on_event = on_event,
    .on_overrun = on_overrun,
};

static void open_ears(struct ears *ears, void **state)
{
    *ears = (struct ears){.rig = *state};
    if (!has_namespace) {
        print_message("skipped: a network namespace is not allowed here\n");
        skip();
    }
    assert_int_equal(uevent_socket_open(&ears->rig->loop, &callbacks, ears, &ears->socket), 0);
}

static void close_ears(struct ears *ears)
{
    uevent_socket_close(ears->socket);
    rig_turn(ears->rig);
}

/* Gives the namespace's loopback device the next name; the kernel tells everyone. */
static void make_uevent(char devpath[NAME_SIZE])
{
    static unsigned count;
    struct ifreq request = {.ifr_ifindex = 1};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(ioctl(fd, SIOCGIFNAME, &request), 0);
    snprintf(request.ifr_newname, sizeof request.ifr_newname, "lo%u", ++count);
    assert_int_equal(ioctl(fd, SIOCSIFNAME, &request), 0);
    close(fd);
    snprintf(devpath, NAME_SIZE, "/devices/virtual/net/lo%u", count);
}

/* What any process with the right to administer the network can send to the kernel's group. */
static int make_forger(void)
{
    struct sockaddr_nl address = {.nl_family = AF_NETLINK};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void forge(int fd, const char *datagram, size_t len)
{
    const struct sockaddr_nl group = {.nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP};

    assert_int_equal(sendto(fd, datagram, len, 0, (const struct sockaddr *)&group, sizeof group),
                     len);
}

static void the_kernels_events_are_heard(void **state)
{
    char devpath[NAME_SIZE];
    struct ears ears;

    open_ears(&ears, state);
    for (size_t i = 1; i <= 3; i++) {
        make_uevent(devpath);
        rig_run_until_count(ears.rig, &ears.events, i);
        assert_string_equal(ears.action, "move");
        assert_string_equal(ears.devpath, devpath);
        assert_string_equal(ears.subsystem, "net");
    }
    assert_int_equal(ears.overruns, 0);
    close_ears(&ears);
}

static void events_of_other_senders_are_not_heard(void **state)
{
    static const char forged[] = "remove@/devices/platform/vhci_hcd.0/usb1/1-1\0ACTION=remove\0"
                                 "DEVPATH=/devices/platform/vhci_hcd.0/usb1/1-1\0SUBSYSTEM=usb";
    char devpath[NAME_SIZE];
    struct ears ears;
    int forger;

    open_ears(&ears, state);
    forger = make_forger();
    forge(forger, forged, sizeof forged);
    make_uevent(devpath);
    rig_run_until_count(ears.rig, &ears.events, 1);
    assert_int_equal(ears.events, 1);
    assert_string_equal(ears.action, "move");
    close(forger);
    close_ears(&ears);
}

/* Others' datagrams fill the socket as well as the kernel's do. What happens once the loss has been
 * told is heard again. */
static void lost_events_are_told_when_no_more_are_lost(void **state)
{
    static const char filler[UEVENT_DATAGRAM_MAX] = "change@/nothing";
    char lost[NAME_SIZE];
    struct ears ears;
    int forger;

    open_ears(&ears, state);
    forger = make_forger();
    for (size_t i = 0; i < FILLERS; i++) {
        forge(forger, filler, sizeof filler);
    }
    make_uevent(lost);
    rig_run_until_count(ears.rig, &ears.overruns, 1);
    assert_int_equal(ears.events, 0);
    rig_run_until_count(ears.rig, &ears.events, 1);
    assert_string_equal(ears.devpath, ears.after_overrun);
    assert_int_equal(ears.overruns, 1);
    close(forger);
    close_ears(&ears);
}

static void it_can_be_closed_while_it_tells(void **state)
{
    char devpath[NAME_SIZE];
    struct ears ears;

    open_ears(&ears, state);
    ears.close_on_event = true;
    make_uevent(devpath);
    make_uevent(devpath);
    rig_run_until_count(ears.rig, &ears.events, 1);
    rig_turn(ears.rig);
    assert_int_equal(ears.events, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(the_kernels_events_are_heard),
        RIG_TEST(events_of_other_senders_are_not_heard),
        RIG_TEST(lost_events_are_told_when_no_more_are_lost),
        RIG_TEST(it_can_be_closed_while_it_tells),
    };

    has_namespace = unshare(geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) == 0;
    return cmocka_run_group_tests_name("uevent_socket", tests, NULL, NULL);
}
