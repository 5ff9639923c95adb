#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "firmware_rig.h"

enum { START_US = 1000000, CONTROL_ID = 1, READ_BYTES = 512 };

static int64_t rig_now_us;

static int64_t rig_clock(void)
{
    return rig_now_us;
}

static void on_complete(void *context, const struct usb_completion *completion)
{
    struct firmware_rig *rig = context;
    if (completion->id == CONTROL_ID) {
        rig->status = completion->status;
        rig->answer_len = completion->len_bytes;
        if (completion->in && completion->len_bytes > 0) {
            memcpy(rig->answer, completion->data, completion->len_bytes);
        }
        return;
    }
    assert_int_equal(completion->status, 0);
    if (completion->in) {
        assert_true(completion->len_bytes <= sizeof rig->received - rig->received_len);
        memcpy(rig->received + rig->received_len, completion->data, completion->len_bytes);
        rig->received_len += completion->len_bytes;
        rig->is_reading = false;
    }
}

static void plug(struct firmware_rig *rig, const struct usb_chip *chip,
                 const struct usb_firmware *firmware)
{
    const struct usb_board_config config = {.chip = chip,
                                            .speed = USB_SPEED_FULL,
                                            .vid = chip->vid,
                                            .pid = chip->pid,
                                            .product = chip->product,
                                            .serial = chip->serial,
                                            .echo = true,
                                            .firmware = firmware,
                                            .hardware = &rig->hardware,
                                            .clock_us = rig_clock};
    int error = 0;
    rig->board = usb_board_create(&config, &error);
    assert_int_equal(error, 0);
    assert_non_null(rig->board);
    rig->is_reading = false;
    usb_board_attach(rig->board, on_complete, rig);
}

void firmware_rig_start(struct firmware_rig *rig, const char *chip, const char *firmware)
{
    const struct usb_firmware *found = usb_firmware_find(firmware);
    assert_non_null(found);
    assert_non_null(usb_chip_find(chip));
    memset(rig, 0, sizeof *rig);
    rig->next_id = CONTROL_ID + 1;
    rig_now_us = START_US;
    usb_hardware_init(&rig->hardware, "board", found->kind);
    plug(rig, usb_chip_find(chip), found);
}

void firmware_rig_stop(struct firmware_rig *rig)
{
    usb_board_destroy(rig->board);
}

void firmware_rig_pass(struct firmware_rig *rig, int64_t us)
{
    rig_now_us += us;
    usb_board_run_timer(rig->board);
}

void firmware_rig_return(struct firmware_rig *rig, const char *chip, const char *firmware)
{
    struct usb_departure departure = rig->board->departure;
    assert_non_null(departure.chip);
    assert_string_equal(departure.chip->name, chip);
    assert_string_equal(departure.firmware->name, firmware);
    assert_ptr_equal(departure.firmware->kind, rig->hardware.kind);
    usb_board_destroy(rig->board);
    rig_now_us += (int64_t)departure.after_ms * 1000;
    plug(rig, departure.chip, departure.firmware);
}

void firmware_rig_plug_again(struct firmware_rig *rig)
{
    const struct usb_chip *chip = rig->board->chip;
    const struct usb_firmware *firmware = rig->board->firmware;
    usb_board_destroy(rig->board);
    plug(rig, chip, firmware);
}

static uint8_t bulk_endpoint(const struct firmware_rig *rig, uint8_t direction)
{
    const struct usb_chip *chip = rig->board->chip;
    for (size_t i = 0; i < chip->interface_count; i++) {
        for (size_t j = 0; j < chip->interfaces[i].endpoint_count; j++) {
            const struct usb_endpoint *endpoint = &chip->interfaces[i].endpoints[j];
            if (endpoint->kind == USB_ENDPOINT_BULK &&
                (endpoint->address & USB_ENDPOINT_IN) == direction) {
                return endpoint->address & 0x0f;
            }
        }
    }
    fail();
    return 0;
}

void firmware_rig_write(struct firmware_rig *rig, const void *bytes, size_t len)
{
    const struct usb_transfer transfer = {.id = rig->next_id++,
                                          .endpoint = bulk_endpoint(rig, 0),
                                          .len_bytes = (uint32_t)len,
                                          .data = bytes};
    assert_int_equal(usb_board_submit(rig->board, &transfer), 0);
}

/* Reads until a read stays pending. */
static void read_all(struct firmware_rig *rig)
{
    while (!rig->is_reading) {
        const struct usb_transfer transfer = {.id = rig->next_id++,
                                              .endpoint = bulk_endpoint(rig, USB_ENDPOINT_IN),
                                              .in = true,
                                              .len_bytes = READ_BYTES};
        rig->is_reading = true;
        assert_int_equal(usb_board_submit(rig->board, &transfer), 0);
    }
}

void firmware_rig_expect(struct firmware_rig *rig, const void *bytes, size_t len)
{
    read_all(rig);
    assert_int_equal(rig->received_len, len);
    assert_memory_equal(rig->received, bytes, len);
    rig->received_len = 0;
}

int32_t firmware_rig_control(struct firmware_rig *rig, const struct usb_setup *setup,
                             const void *data)
{
    const struct usb_transfer transfer = {.id = CONTROL_ID,
                                          .in = (setup->request_type & USB_ENDPOINT_IN) != 0,
                                          .len_bytes = setup->length,
                                          .setup = *setup,
                                          .data = data};
    rig->status = INT32_MIN;
    assert_int_equal(usb_board_submit(rig->board, &transfer), 0);
    assert_int_not_equal(rig->status, INT32_MIN);
    return rig->status;
}

void firmware_rig_cdc_lines(struct firmware_rig *rig, unsigned line_state)
{
    const struct usb_setup setup = {
        .request_type = 0x21, .request = 0x22, .value = (uint16_t)line_state};
    assert_int_equal(firmware_rig_control(rig, &setup, NULL), 0);
}

void firmware_rig_cdc_rate(struct firmware_rig *rig, uint32_t baud)
{
    const struct usb_setup setup = {.request_type = 0x21, .request = 0x20, .length = 7};
    const uint8_t coding[] = {
        (uint8_t)baud, (uint8_t)(baud >> 8), (uint8_t)(baud >> 16), (uint8_t)(baud >> 24), 0, 0, 8};
    assert_int_equal(firmware_rig_control(rig, &setup, coding), 0);
}
