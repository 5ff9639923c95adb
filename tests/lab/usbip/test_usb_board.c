/* The emulated boards: descriptors that hold together, requests, echo, counters and limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "usb_board.h"
#include "usb_standard.h"
#include "usbip_export.h"

#include "shared/core/error.h"

enum { MAX_COMPLETIONS = 256, DATA_BYTES = USB_BOARD_MAX_TRANSFER_BYTES };

/* What the board completed, in order; the data of the last transfer to the host is kept. */
struct host {
    struct usb_board *board;
    struct usb_completion completions[MAX_COMPLETIONS];
    size_t count;
    uint8_t data[DATA_BYTES];
    uint8_t bulk_in;
    uint8_t bulk_out;
    uint8_t interrupt_in;
};

static void on_complete(void *context, const struct usb_completion *completion)
{
    struct host *host = context;
    assert_true(host->count < MAX_COMPLETIONS);
    if (completion->in && completion->len_bytes > 0) {
        memcpy(host->data, completion->data, completion->len_bytes);
    }
    host->completions[host->count++] = *completion;
}

static void find_endpoints(struct host *host, const struct usb_chip *chip)
{
    for (size_t i = 0; i < chip->interface_count; i++) {
        for (size_t j = 0; j < chip->interfaces[i].endpoint_count; j++) {
            const struct usb_endpoint *endpoint = &chip->interfaces[i].endpoints[j];
            if (endpoint->kind == USB_ENDPOINT_INTERRUPT) {
                host->interrupt_in = endpoint->address & 0x0f;
            } else if (endpoint->address & USB_ENDPOINT_IN) {
                host->bulk_in = endpoint->address & 0x0f;
            } else {
                host->bulk_out = endpoint->address;
            }
        }
    }
}

static struct usb_board_config config_of(const char *chip_name)
{
    const struct usb_chip *chip = usb_chip_find(chip_name);
    assert_non_null(chip);
    return (struct usb_board_config){.chip = chip,
                                     .speed = USB_SPEED_FULL,
                                     .vid = chip->vid,
                                     .pid = chip->pid,
                                     .product = chip->product,
                                     .serial = chip->serial,
                                     .echo = true};
}

static void host_start_with(struct host *host, const struct usb_board_config *config)
{
    int error = 0;
    memset(host, 0, sizeof *host);
    host->board = usb_board_create(config, &error);
    assert_int_equal(error, 0);
    assert_non_null(host->board);
    usb_board_attach(host->board, on_complete, host);
    find_endpoints(host, config->chip);
}

static void host_start(struct host *host, const char *chip)
{
    struct usb_board_config config = config_of(chip);
    host_start_with(host, &config);
}

static void host_stop(struct host *host)
{
    usb_board_destroy(host->board);
}

static int read_bulk(struct host *host, uint32_t id, uint32_t len)
{
    const struct usb_transfer transfer = {
        .id = id, .endpoint = host->bulk_in, .in = true, .len_bytes = len};
    return usb_board_submit(host->board, &transfer);
}

static int write_bulk(struct host *host, uint32_t id, const uint8_t *data, uint32_t len)
{
    const struct usb_transfer transfer = {
        .id = id, .endpoint = host->bulk_out, .len_bytes = len, .data = data};
    return usb_board_submit(host->board, &transfer);
}

/* Runs a control request and returns its completion. */
static const struct usb_completion *control(struct host *host, const struct usb_setup *setup,
                                            const uint8_t *data)
{
    const struct usb_transfer transfer = {.id = 1000,
                                          .in = (setup->request_type & USB_ENDPOINT_IN) != 0,
                                          .len_bytes = setup->length,
                                          .setup = *setup,
                                          .data = data};
    assert_int_equal(usb_board_submit(host->board, &transfer), 0);
    assert_true(host->count > 0);
    return &host->completions[host->count - 1];
}

static const struct usb_completion *get_descriptor(struct host *host, uint16_t value, uint16_t len)
{
    const struct usb_setup setup = {
        .request_type = 0x80, .request = 6, .value = value, .length = len};
    return control(host, &setup, NULL);
}

/* Walks a configuration by bLength and counts what it announces. */
static void check_configuration(struct host *host)
{
    const struct usb_completion *done = get_descriptor(host, 0x0200, 512);
    const uint8_t *bytes = host->data;
    size_t interfaces = 0;
    size_t endpoints = 0;
    size_t expected_endpoints = 0;
    size_t at = 0;
    assert_int_equal(done->status, 0);
    assert_int_equal(bytes[2] | bytes[3] << 8, done->len_bytes);
    while (at < done->len_bytes) {
        assert_true(bytes[at] >= 2);
        if (bytes[at + 1] == USB_DESCRIPTOR_INTERFACE) {
            interfaces++;
            expected_endpoints += bytes[at + 4];
        }
        endpoints += bytes[at + 1] == USB_DESCRIPTOR_ENDPOINT;
        at += bytes[at];
    }
    assert_int_equal(at, done->len_bytes);
    assert_int_equal(interfaces, bytes[4]);
    assert_int_equal(endpoints, expected_endpoints);
    assert_true(endpoints >= 2);
}

static void configurations_hold_together(void **state)
{
    static const char *const chips[] = {"ch341",  "cdc_acm", "cp2102",
                                        "ft232r", "pl2303",  "dual_cdc"};
    static struct host host;
    (void)state;
    for (size_t i = 0; i < sizeof chips / sizeof chips[0]; i++) {
        for (int speed = USB_SPEED_FULL; speed <= USB_SPEED_HIGH; speed++) {
            struct usb_board_config config = config_of(chips[i]);
            config.speed = (enum usb_speed)speed;
            host_start_with(&host, &config);
            check_configuration(&host);
            host_stop(&host);
        }
    }
}

static void device_descriptor_has_the_ids(void **state)
{
    static struct host host;
    (void)state;
    host_start(&host, "ch341");
    assert_int_equal(get_descriptor(&host, 0x0100, 64)->len_bytes, 18);
    assert_int_equal(host.data[8] | host.data[9] << 8, 0x1a86);
    assert_int_equal(host.data[10] | host.data[11] << 8, 0x7523);
    assert_int_equal(host.data[12] | host.data[13] << 8, 0x0264);
    assert_int_equal(host.data[16], 0); /* A CH340 has no serial number. */
    host_stop(&host);
}

static void descriptor_is_cut_to_the_asked_length(void **state)
{
    static struct host host;
    (void)state;
    host_start(&host, "cdc_acm");
    assert_int_equal(get_descriptor(&host, 0x0200, 9)->len_bytes, 9);
    host_stop(&host);
}

static void missing_descriptors_stall(void **state)
{
    static const uint16_t values[] = {0x0303, 0x0304, 0x0600, 0x0201, 0x7700};
    static struct host host;
    (void)state;
    host_start(&host, "ch341");
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        assert_int_equal(get_descriptor(&host, values[i], 255)->status, -EPIPE);
    }
    host_stop(&host);
}

static void string_carries_control_and_foreign_characters(void **state)
{
    static const uint8_t expected[] = {12, 3, 0x01, 0, 0xe4, 0, '\n', 0, 0x3d, 0xd8, 0x0c, 0xdd};
    static struct host host;
    struct usb_board_config config = config_of("cdc_acm");
    (void)state;
    config.serial = "\x01\xc3\xa4\n\xf0\x9f\x94\x8c";
    host_start_with(&host, &config);
    assert_int_equal(get_descriptor(&host, 0x0303, 255)->len_bytes, sizeof expected);
    assert_memory_equal(host.data, expected, sizeof expected);
    host_stop(&host);
}

static void bad_strings_are_refused(void **state)
{
    static char long_text[USB_STRING_MAX_UNITS + 2];
    const struct {
        const char *text;
        int error;
    } cases[] = {
        {"\xff", ERR_INVALID},         {"\xc3", ERR_INVALID},     {"\xc0\x80", ERR_INVALID},
        {"\xed\xa0\x80", ERR_INVALID}, {long_text, ERR_TOO_LONG},
    };
    (void)state;
    memset(long_text, 'x', sizeof long_text - 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct usb_board_config config = config_of("ch341");
        int error = 0;
        config.product = cases[i].text;
        assert_null(usb_board_create(&config, &error));
        assert_int_equal(error, cases[i].error);
    }
}

static void echo_meets_a_waiting_read(void **state)
{
    static struct host host;
    (void)state;
    host_start(&host, "cdc_acm");
    assert_int_equal(read_bulk(&host, 1, 512), 0);
    assert_int_equal(host.count, 0);
    assert_int_equal(write_bulk(&host, 2, (const uint8_t *)"hello", 5), 0);
    assert_int_equal(host.count, 2);
    assert_int_equal(host.completions[0].id, 2);
    assert_int_equal(host.completions[1].id, 1);
    assert_int_equal(host.completions[1].len_bytes, 5);
    assert_memory_equal(host.data, "hello", 5);
    assert_int_equal(host.board->counters.rx_bytes, 5);
    assert_int_equal(host.board->counters.tx_bytes, 5);
    host_stop(&host);
}

static void short_reads_keep_the_order(void **state)
{
    static struct host host;
    (void)state;
    host_start(&host, "ch341");
    assert_int_equal(write_bulk(&host, 1, (const uint8_t *)"abcdef", 6), 0);
    assert_int_equal(read_bulk(&host, 2, 4), 0);
    assert_memory_equal(host.data, "abcd", 4);
    assert_int_equal(read_bulk(&host, 3, 4), 0);
    assert_int_equal(host.completions[2].len_bytes, 2);
    assert_memory_equal(host.data, "ef", 2);
    host_stop(&host);
}

static void full_fifo_holds_writes_back(void **state)
{
    static struct host host;
    static uint8_t data[DATA_BYTES];
    (void)state;
    host_start(&host, "ch341");
    assert_int_equal(write_bulk(&host, 1, data, DATA_BYTES), 0);
    assert_int_equal(host.count, 1);
    assert_int_equal(write_bulk(&host, 2, (const uint8_t *)"held", 4), 0);
    assert_int_equal(host.count, 1);
    assert_int_equal(host.board->counters.rx_bytes, DATA_BYTES);
    assert_int_equal(read_bulk(&host, 3, 2), 0);
    assert_int_equal(host.count, 2); /* Half of the held write fits, so it is still held. */
    assert_int_equal(read_bulk(&host, 4, DATA_BYTES), 0);
    assert_int_equal(host.count, 4);
    assert_int_equal(host.completions[3].id, 2);
    assert_memory_equal(host.data + DATA_BYTES - 2, "he", 2);
    assert_int_equal(read_bulk(&host, 5, 8), 0);
    assert_memory_equal(host.data, "ld", 2);
    assert_int_equal(host.board->counters.rx_bytes, DATA_BYTES + 4);
    assert_int_equal(host.board->counters.tx_bytes, DATA_BYTES + 4);
    host_stop(&host);
}

static void cancel_wins_only_over_pending_transfers(void **state)
{
    static struct host host;
    (void)state;
    host_start(&host, "cdc_acm");
    assert_int_equal(read_bulk(&host, 1, 64), 0);
    assert_int_equal(read_bulk(&host, 2, 64), 0);
    assert_true(usb_board_cancel(host.board, 1));
    assert_false(usb_board_cancel(host.board, 1));
    assert_int_equal(write_bulk(&host, 3, (const uint8_t *)"x", 1), 0);
    assert_int_equal(host.completions[1].id, 2);
    assert_false(usb_board_cancel(host.board, 2));
    host_stop(&host);
}

static void echo_off_counts_and_drops(void **state)
{
    static struct host host;
    struct usb_board_config config = config_of("ch341");
    (void)state;
    config.echo = false;
    host_start_with(&host, &config);
    assert_int_equal(read_bulk(&host, 1, 64), 0);
    assert_int_equal(write_bulk(&host, 2, (const uint8_t *)"lost", 4), 0);
    assert_int_equal(host.count, 1);
    assert_int_equal(host.completions[0].id, 2);
    assert_int_equal(host.board->counters.rx_bytes, 4);
    assert_int_equal(host.board->counters.tx_bytes, 0);
    host_stop(&host);
}

static void limits_are_kept(void **state)
{
    static struct host host;
    (void)state;
    host_start(&host, "ch341");
    for (uint32_t i = 0; i < USB_BOARD_MAX_PENDING; i++) {
        assert_int_equal(read_bulk(&host, i, 64), 0);
    }
    assert_int_equal(read_bulk(&host, 9999, 64), ERR_FULL);
    assert_int_equal(read_bulk(&host, 9999, DATA_BYTES + 1), ERR_TOO_LONG);
    host_stop(&host);
}

static void unknown_endpoint_stalls(void **state)
{
    const struct usb_transfer transfer = {.id = 1, .endpoint = 9, .in = true, .len_bytes = 64};
    static struct host host;
    (void)state;
    host_start(&host, "ch341");
    assert_int_equal(usb_board_submit(host.board, &transfer), 0);
    assert_int_equal(host.completions[0].status, -EPIPE);
    host_stop(&host);
}

static void interrupt_read_stays_pending(void **state)
{
    static struct host host;
    (void)state;
    host_start(&host, "cdc_acm");
    const struct usb_transfer transfer = {
        .id = 1, .endpoint = host.interrupt_in, .in = true, .len_bytes = 16};
    assert_int_equal(usb_board_submit(host.board, &transfer), 0);
    assert_int_equal(host.count, 0);
    assert_true(usb_board_cancel(host.board, 1));
    host_stop(&host);
}

static void line_states_are_counted(void **state)
{
    static const struct {
        const char *chip;
        struct usb_setup raise;
        struct usb_setup drop;
    } cases[] = {
        {"cdc_acm",
         {.request_type = 0x21, .request = 0x22, .value = 3},
         {.request_type = 0x21, .request = 0x22, .value = 0}},
        {"cp2102",
         {.request_type = 0x41, .request = 0x07, .value = 0x0303},
         {.request_type = 0x41, .request = 0x07, .value = 0x0300}},
        {"ft232r",
         {.request_type = 0x40, .request = 1, .value = 0x0303},
         {.request_type = 0x40, .request = 1, .value = 0x0300}},
        {"pl2303",
         {.request_type = 0x21, .request = 0x22, .value = 3},
         {.request_type = 0x21, .request = 0x22, .value = 0}},
        {"ch341",
         {.request_type = 0x40, .request = 0xa4, .value = 0xff9f},
         {.request_type = 0x40, .request = 0xa4, .value = 0xffff}},
    };
    static struct host host;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        host_start(&host, cases[i].chip);
        control(&host, &cases[i].drop, NULL);
        assert_int_equal(host.board->counters.line_state_changes, 0);
        control(&host, &cases[i].raise, NULL);
        control(&host, &cases[i].raise, NULL);
        control(&host, &cases[i].drop, NULL);
        assert_int_equal(host.board->counters.line_state_changes, 2);
        assert_int_equal(host.board->counters.opens, 1);
        host_stop(&host);
    }
}

static void line_coding_is_remembered(void **state)
{
    static const uint8_t coding[] = {0x80, 0x25, 0, 0, 0, 0, 8};
    const struct usb_setup set = {.request_type = 0x21, .request = 0x20, .length = 7};
    const struct usb_setup get = {.request_type = 0xa1, .request = 0x21, .length = 7};
    static struct host host;
    (void)state;
    host_start(&host, "cdc_acm");
    assert_int_equal(control(&host, &set, coding)->status, 0);
    assert_int_equal(control(&host, &get, NULL)->len_bytes, sizeof coding);
    assert_memory_equal(host.data, coding, sizeof coding);
    host_stop(&host);
}

static void detach_forgets_bytes_and_keeps_counters(void **state)
{
    static struct host host;
    (void)state;
    host_start(&host, "ch341");
    assert_int_equal(write_bulk(&host, 1, (const uint8_t *)"old", 3), 0);
    usb_board_detach(host.board);
    usb_board_attach(host.board, on_complete, &host);
    assert_int_equal(read_bulk(&host, 2, 64), 0);
    assert_int_equal(host.count, 1);
    assert_int_equal(host.board->counters.rx_bytes, 3);
    host_stop(&host);
}

static void busids_are_parsed_as_usbipd_win_does(void **state)
{
    static const struct {
        const char *busid;
        int error;
    } cases[] = {
        {"1-3", 0},
        {"99-99", 0},
        {"", ERR_INVALID},
        {"0-1", ERR_INVALID},
        {"1-0", ERR_INVALID},
        {"01-1", ERR_INVALID},
        {"1-100", ERR_INVALID},
        {"1-1.2", ERR_INVALID},
        {"../../x", ERR_INVALID},
        {"1-99999999999999999999", ERR_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t hub = 0;
        uint32_t port = 0;
        assert_int_equal(usbip_export_parse_busid(cases[i].busid, &hub, &port), cases[i].error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configurations_hold_together),
        cmocka_unit_test(device_descriptor_has_the_ids),
        cmocka_unit_test(descriptor_is_cut_to_the_asked_length),
        cmocka_unit_test(missing_descriptors_stall),
        cmocka_unit_test(string_carries_control_and_foreign_characters),
        cmocka_unit_test(bad_strings_are_refused),
        cmocka_unit_test(echo_meets_a_waiting_read),
        cmocka_unit_test(short_reads_keep_the_order),
        cmocka_unit_test(full_fifo_holds_writes_back),
        cmocka_unit_test(cancel_wins_only_over_pending_transfers),
        cmocka_unit_test(echo_off_counts_and_drops),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(unknown_endpoint_stalls),
        cmocka_unit_test(interrupt_read_stays_pending),
        cmocka_unit_test(line_states_are_counted),
        cmocka_unit_test(line_coding_is_remembered),
        cmocka_unit_test(detach_forgets_bytes_and_keeps_counters),
        cmocka_unit_test(busids_are_parsed_as_usbipd_win_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
