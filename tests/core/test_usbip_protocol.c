#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shared/core/error.h"
#include "shared/core/usbip_protocol.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define RECORD 8

/* What usbipd-win answers for a Pico on 3-1. */
static void good_reply(uint8_t reply[USBIP_PROTOCOL_REPLY_MAX])
{
    static const uint8_t numbers[] = {0,    0,    0,    3,    0, 0, 0,    1, 0, 0, 0, 2,
                                      0x2e, 0x8a, 0x00, 0x0f, 1, 2, 0xef, 2, 1, 1, 1, 2};

    memset(reply, 0, USBIP_PROTOCOL_REPLY_MAX);
    memcpy(reply, "\x01\x11\x00\x03", 4);
    strcpy((char *)reply + RECORD, "USB\\VID_2E8A&PID_000F\\D83ACDDEF8D410EB");
    strcpy((char *)reply + RECORD + 256, "3-1");
    memcpy(reply + RECORD + 288, numbers, sizeof numbers);
}

static void test_request(void **state)
{
    uint8_t request[USBIP_PROTOCOL_REQUEST_SIZE];
    uint8_t expected[USBIP_PROTOCOL_REQUEST_SIZE] = {1, 0x11, 0x80, 3, 0, 0, 0, 0, '3', '-', '1'};

    (void)state;
    memset(request, 0xff, sizeof request);
    assert_int_equal(usbip_protocol_import_request("3-1", request), 0);
    assert_memory_equal(request, expected, sizeof request);
}

static void test_request_refuses(void **state)
{
    uint8_t request[USBIP_PROTOCOL_REQUEST_SIZE];

    (void)state;
    assert_int_equal(usbip_protocol_import_request("../../x", request), ERR_INVALID);
    assert_int_equal(usbip_protocol_import_request("", request), ERR_INVALID);
}

static void test_accepted(void **state)
{
    uint8_t bytes[USBIP_PROTOCOL_REPLY_MAX];
    struct usbip_reply reply;

    (void)state;
    good_reply(bytes);
    usbip_protocol_reply_init(&reply, "3-1");
    assert_int_equal(usbip_protocol_reply_wanted(&reply), USBIP_PROTOCOL_HEADER_SIZE);
    assert_int_equal(usbip_protocol_reply_feed(&reply, bytes, sizeof bytes), 0);
    assert_int_equal(reply.state, USBIP_REPLY_ACCEPTED);
    assert_int_equal(usbip_protocol_reply_wanted(&reply), 0);
    assert_string_equal(reply.device.path, "USB\\VID_2E8A&PID_000F\\D83ACDDEF8D410EB");
    assert_string_equal(reply.device.busid, "3-1");
    assert_int_equal(reply.device.devid, 0x30001);
    assert_int_equal(reply.device.speed, BOARD_SPEED_FULL);
    assert_int_equal(reply.device.vid, 0x2e8a);
    assert_int_equal(reply.device.pid, 0x000f);
    assert_int_equal(reply.device.bcd_device, 0x0102);
    assert_int_equal(reply.device.device_class, 0xef);
    assert_int_equal(reply.device.device_subclass, 2);
    assert_int_equal(reply.device.device_protocol, 1);
    assert_int_equal(reply.device.configuration_value, 1);
    assert_int_equal(reply.device.configurations, 1);
    assert_int_equal(reply.device.interfaces, 2);
}

static void test_cut_anywhere(void **state)
{
    uint8_t bytes[USBIP_PROTOCOL_REPLY_MAX];

    (void)state;
    good_reply(bytes);
    for (size_t cut = 0; cut < sizeof bytes; cut++) {
        struct usbip_reply reply;
        size_t boundary = cut < USBIP_PROTOCOL_HEADER_SIZE ? USBIP_PROTOCOL_HEADER_SIZE : 320;

        usbip_protocol_reply_init(&reply, "3-1");
        assert_int_equal(usbip_protocol_reply_feed(&reply, bytes, cut), 0);
        assert_int_equal(reply.state, USBIP_REPLY_PARTIAL);
        assert_int_equal(usbip_protocol_reply_wanted(&reply), boundary - cut);
        assert_int_equal(usbip_protocol_reply_feed(&reply, bytes + cut, sizeof bytes - cut), 0);
        assert_int_equal(reply.state, USBIP_REPLY_ACCEPTED);
    }
}

static void test_byte_by_byte(void **state)
{
    uint8_t bytes[USBIP_PROTOCOL_REPLY_MAX];
    struct usbip_reply reply;

    (void)state;
    good_reply(bytes);
    usbip_protocol_reply_init(&reply, "3-1");
    for (size_t i = 0; i < sizeof bytes; i++) {
        assert_int_equal(reply.state, USBIP_REPLY_PARTIAL);
        assert_int_equal(usbip_protocol_reply_feed(&reply, bytes + i, 1), 0);
    }
    assert_int_equal(reply.state, USBIP_REPLY_ACCEPTED);
}

static void test_refused(void **state)
{
    static const uint8_t bytes[] = {1, 0x11, 0, 3, 0, 0, 0, 4};
    struct usbip_reply reply;

    (void)state;
    usbip_protocol_reply_init(&reply, "3-1");
    assert_int_equal(usbip_protocol_reply_feed(&reply, bytes, sizeof bytes), 0);
    assert_int_equal(reply.state, USBIP_REPLY_REFUSED);
    assert_int_equal(reply.status, 4);
    assert_int_equal(usbip_protocol_reply_wanted(&reply), 0);
}

static void test_too_much(void **state)
{
    uint8_t bytes[USBIP_PROTOCOL_REPLY_MAX + 1] = {0};
    struct usbip_reply reply;

    (void)state;
    good_reply(bytes);
    usbip_protocol_reply_init(&reply, "3-1");
    assert_int_equal(usbip_protocol_reply_feed(&reply, bytes, sizeof bytes), ERR_TOO_LONG);
}

/* A good reply with some bytes overwritten. */
struct bad_case {
    const char *name;
    size_t offset;
    const char *bytes;
    size_t len;
    int error;
};

static const struct bad_case bad_cases[] = {
    {"reply: another version", 0, "\x01\x06", 2, ERR_VERSION},
    {"reply: to a device list", 2, "\x00\x05", 2, ERR_INVALID},
    {"reply: a request", 2, "\x80\x03", 2, ERR_INVALID},
    {"reply: another busid", RECORD + 256, "3-2", 3, ERR_INVALID},
    {"reply: a longer busid", RECORD + 256, "3-11", 4, ERR_INVALID},
    {"reply: a path without end", RECORD, NULL, 256, ERR_INVALID},
    {"reply: a busid without end", RECORD + 256, NULL, 32, ERR_INVALID},
    {"reply: unknown speed", RECORD + 299, "\x00", 1, ERR_INVALID},
    {"reply: wireless speed", RECORD + 299, "\x04", 1, ERR_INVALID},
    {"reply: a speed beyond all", RECORD + 296, "\x01", 1, ERR_INVALID},
    {"reply: a bus number too large", RECORD + 289, "\x01", 1, ERR_INVALID},
    {"reply: a device number too large", RECORD + 293, "\x01", 1, ERR_INVALID},
};

static void run_bad(void **state)
{
    const struct bad_case *row = *state;
    uint8_t bytes[USBIP_PROTOCOL_REPLY_MAX];
    struct usbip_reply reply;

    good_reply(bytes);
    if (row->bytes)
        memcpy(bytes + row->offset, row->bytes, row->len);
    else
        memset(bytes + row->offset, 'x', row->len);
    usbip_protocol_reply_init(&reply, "3-1");
    assert_int_equal(usbip_protocol_reply_feed(&reply, bytes, sizeof bytes), row->error);
    assert_non_null(reply.reason);
    assert_int_not_equal(reply.state, USBIP_REPLY_ACCEPTED);
    assert_int_equal(usbip_protocol_reply_wanted(&reply), 0);
    assert_int_equal(usbip_protocol_reply_feed(&reply, bytes, 1), row->error);
}

int main(void)
{
    static const struct CMUnitTest plain[] = {
        {"request: bytes", test_request, NULL, NULL, NULL},
        {"request: refuses what is no busid", test_request_refuses, NULL, NULL, NULL},
        {"reply: accepted", test_accepted, NULL, NULL, NULL},
        {"reply: in two fragments, cut anywhere", test_cut_anywhere, NULL, NULL, NULL},
        {"reply: byte by byte", test_byte_by_byte, NULL, NULL, NULL},
        {"reply: refused, eight bytes only", test_refused, NULL, NULL, NULL},
        {"reply: a byte too many", test_too_much, NULL, NULL, NULL},
    };
    struct CMUnitTest tests[COUNT(plain) + COUNT(bad_cases)];
    size_t count = 0;

    for (size_t i = 0; i < COUNT(plain); i++)
        tests[count++] = plain[i];
    for (size_t i = 0; i < COUNT(bad_cases); i++)
        tests[count++] = (struct CMUnitTest){.name = bad_cases[i].name,
                                             .test_func = run_bad,
                                             .initial_state = (void *)&bad_cases[i]};
    return _cmocka_run_group_tests("usbip_protocol", tests, count, NULL, NULL);
}
