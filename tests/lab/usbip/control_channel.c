#include "control_channel.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "usb_firmware.h"

#include "shared/core/error.h"

enum { MAX_ARGUMENTS = 16 };

/* Both point into the line, which is cut up in place. */
struct argument {
    char *key;
    char *value;
};

struct command {
    struct argument arguments[MAX_ARGUMENTS];
    size_t count;
};

struct setter {
    const char *key;
    int (*set)(void *target, const char *value); /* 0 or ERR_INVALID */
};

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *found = c != '\0' ? strchr(digits, c | 0x20) : NULL;
    return found ? (int)(found - digits) : -1;
}

/* Decodes %XX in place. Returns 0 or ERR_INVALID. */
static int percent_decode(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from == '%') {
            int high = hex_digit(from[1]);
            int low = high < 0 ? -1 : hex_digit(from[2]);
            if (low < 0 || (high == 0 && low == 0)) {
                return ERR_INVALID;
            }
            *to++ = (char)(high << 4 | low);
            from += 2;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
    return 0;
}

static int parse_unsigned(const char *text, int base, unsigned long max, unsigned long *number)
{
    char *end;
    unsigned long parsed;
    if (hex_digit(*text) < 0) {
        return ERR_INVALID; /* strtoul would take a sign or a space. */
    }
    parsed = strtoul(text, &end, base);
    if (*end != '\0' || parsed > max) {
        return ERR_INVALID;
    }
    *number = parsed;
    return 0;
}

static int parse_choice(const char *text, const char *const names[2], int *choice)
{
    for (int i = 0; i < 2; i++) {
        if (strcmp(text, names[i]) == 0) {
            *choice = i;
            return 0;
        }
    }
    return ERR_INVALID;
}

static int parse_u16_hex(const char *text, uint16_t *number)
{
    unsigned long parsed;
    int error = parse_unsigned(text, 16, UINT16_MAX, &parsed);
    if (error == 0) {
        *number = (uint16_t)parsed;
    }
    return error;
}

static int set_busid(void *target, const char *value)
{
    ((struct usbip_export_config *)target)->busid = value;
    return 0;
}

static int set_chip(void *target, const char *value)
{
    struct usbip_export_config *config = target;
    /* plug has looked the chip up already, because its values are the defaults of the others. */
    return config->board.chip == usb_chip_find(value) ? 0 : ERR_INVALID;
}

static int set_firmware(void *target, const char *value)
{
    struct usbip_export_config *config = target;
    config->board.firmware = usb_firmware_find(value);
    return config->board.firmware ? 0 : ERR_INVALID;
}

static int set_hardware(void *target, const char *value)
{
    ((struct usbip_export_config *)target)->hardware = value;
    return 0;
}

static int set_instance(void *target, const char *value)
{
    ((struct usbip_export_config *)target)->instance = value;
    return 0;
}

static int set_serial(void *target, const char *value)
{
    ((struct usbip_export_config *)target)->board.serial = value;
    return 0;
}

static int set_product(void *target, const char *value)
{
    ((struct usbip_export_config *)target)->board.product = value;
    return 0;
}

static int set_speed(void *target, const char *value)
{
    static const struct {
        const char *name;
        enum usb_speed speed;
    } speeds[] = {{"full", USB_SPEED_FULL}, {"high", USB_SPEED_HIGH}, {"super", USB_SPEED_SUPER}};

    for (size_t i = 0; i < sizeof speeds / sizeof speeds[0]; i++) {
        if (strcmp(speeds[i].name, value) == 0) {
            ((struct usbip_export_config *)target)->board.speed = speeds[i].speed;
            return 0;
        }
    }
    return ERR_INVALID;
}

static int set_vid(void *target, const char *value)
{
    return parse_u16_hex(value, &((struct usbip_export_config *)target)->board.vid);
}

static int set_pid(void *target, const char *value)
{
    return parse_u16_hex(value, &((struct usbip_export_config *)target)->board.pid);
}

static int set_echo(void *target, const char *value)
{
    int choice;
    int error = parse_choice(value, (const char *const[]){"off", "on"}, &choice);
    if (error == 0) {
        ((struct usbip_export_config *)target)->board.echo = choice == 1;
    }
    return error;
}

static int parse_yes(const char *value, bool *yes)
{
    int choice;
    int error = parse_choice(value, (const char *const[]){"no", "yes"}, &choice);
    if (error == 0) {
        *yes = choice == 1;
    }
    return error;
}

static int set_shared(void *target, const char *value)
{
    return parse_yes(value, &((struct usbip_export_config *)target)->shared);
}

static int set_delay(void *target, const char *value)
{
    unsigned long parsed;
    int error = parse_unsigned(value, 10, 10000000, &parsed);
    if (error == 0) {
        ((struct usbip_export_config *)target)->delay_us = (unsigned)parsed;
    }
    return error;
}

static const struct setter plug_setters[] = {
    {"busid", set_busid},       {"chip", set_chip},
    {"instance", set_instance}, {"serial", set_serial},
    {"product", set_product},   {"speed", set_speed},
    {"vid", set_vid},           {"pid", set_pid},
    {"echo", set_echo},         {"delay_us", set_delay},
    {"shared", set_shared},     {"firmware", set_firmware},
    {"hardware", set_hardware}, {NULL, NULL},
};

static int skip(void *target, const char *value)
{
    (void)target;
    (void)value;
    return 0;
}

static int set_cut(void *target, const char *value)
{
    unsigned long parsed;
    int error = parse_unsigned(value, 10, 100000, &parsed);
    if (error == 0) {
        ((struct usbip_fault *)target)->cut_reply_at = (long)parsed;
    }
    return error;
}

static int set_status(void *target, const char *value)
{
    unsigned long parsed;
    int error = parse_unsigned(value, 10, UINT32_MAX, &parsed);
    if (error == 0) {
        ((struct usbip_fault *)target)->status = (uint32_t)parsed;
    }
    return error;
}

static int set_import_delay(void *target, const char *value)
{
    unsigned long parsed;
    int error = parse_unsigned(value, 10, 3600000, &parsed);
    if (error == 0) {
        ((struct usbip_fault *)target)->delay_ms = (unsigned)parsed;
    }
    return error;
}

static int set_drip(void *target, const char *value)
{
    unsigned long parsed;
    int error = parse_unsigned(value, 10, 10000, &parsed);
    if (error == 0) {
        ((struct usbip_fault *)target)->drip_ms = (unsigned)parsed;
    }
    return error;
}

static int set_patch_at(void *target, const char *value)
{
    unsigned long parsed;
    int error = parse_unsigned(value, 10, 100000, &parsed);
    if (error == 0) {
        ((struct usbip_fault *)target)->patch.at = parsed;
    }
    return error;
}

static int set_patch_len(void *target, const char *value)
{
    unsigned long parsed;
    int error = parse_unsigned(value, 10, 100000, &parsed);
    if (error == 0) {
        ((struct usbip_fault *)target)->patch.len = parsed;
    }
    return error;
}

static int set_patch_value(void *target, const char *value)
{
    unsigned long parsed;
    int error = parse_unsigned(value, 10, UINT8_MAX, &parsed);
    if (error == 0) {
        ((struct usbip_fault *)target)->patch.value = (uint8_t)parsed;
    }
    return error;
}

static int set_times(void *target, const char *value)
{
    unsigned long parsed;
    int error = parse_unsigned(value, 10, UINT_MAX, &parsed);
    if (error == 0) {
        ((struct usbip_fault *)target)->times = (unsigned)parsed;
    }
    return error;
}

static const struct setter fault_setters[] = {
    {"busid", skip},
    {"cut_reply_at", set_cut},
    {"import_status", set_status},
    {"import_delay_ms", set_import_delay},
    {"drip_ms", set_drip},
    {"patch_at", set_patch_at},
    {"patch_len", set_patch_len},
    {"patch_value", set_patch_value},
    {"times", set_times},
    {NULL, NULL},
};

static const char *argument_value(const struct command *command, const char *key)
{
    for (size_t i = 0; i < command->count; i++) {
        if (strcmp(command->arguments[i].key, key) == 0) {
            return command->arguments[i].value;
        }
    }
    return NULL;
}

static int apply_argument(const struct setter *setters, void *target,
                          const struct argument *argument)
{
    for (; setters->key; setters++) {
        if (strcmp(setters->key, argument->key) == 0) {
            return setters->set(target, argument->value);
        }
    }
    return ERR_NOT_FOUND;
}

/* Applies all arguments, and answers for the first one that is wrong. */
static bool apply_arguments(FILE *answers, const struct command *command,
                            const struct setter *setters, void *target)
{
    for (size_t i = 0; i < command->count; i++) {
        int error = apply_argument(setters, target, &command->arguments[i]);
        if (error != 0) {
            fprintf(answers, "error %s %s\n",
                    error == ERR_NOT_FOUND ? "unknown key" : "bad value of",
                    command->arguments[i].key);
            return false;
        }
    }
    return true;
}

static const char *plug_error_text(int error)
{
    switch (error) {
    case ERR_EXISTS:
        return "this busid is plugged in already";
    case ERR_BUSY:
        return "its hardware is plugged in elsewhere";
    case ERR_FULL:
        return "too many boards";
    case ERR_INVALID:
        return "bad busid, or a string that is not UTF-8";
    case ERR_TOO_LONG:
        return "a string is too long";
    default:
        return "out of memory";
    }
}

static void run_plug(struct usbip_server *server, const struct command *command, FILE *answers)
{
    const char *name = argument_value(command, "chip");
    const struct usb_chip *chip = name ? usb_chip_find(name) : NULL;
    struct usbip_export_config config;
    int error;
    if (!chip) {
        fputs("error chip must name a known chip\n", answers);
        return;
    }
    config = (struct usbip_export_config){
        .board = {.chip = chip,
                  .speed = chip->bcd_usb >= 0x0300 ? USB_SPEED_SUPER : USB_SPEED_FULL,
                  .vid = chip->vid,
                  .pid = chip->pid,
                  .product = chip->product,
                  .serial = chip->serial,
                  .echo = true},
        .busid = "",
        .shared = true,
    };
    if (!apply_arguments(answers, command, plug_setters, &config)) {
        return;
    }
    error = usbip_server_plug(server, &config);
    if (error != 0) {
        fprintf(answers, "error %s\n", plug_error_text(error));
    } else {
        fputs("ok\n", answers);
    }
}

static void run_unplug(struct usbip_server *server, const struct command *command, FILE *answers)
{
    const char *busid = argument_value(command, "busid");
    if (!busid || command->count != 1) {
        fputs("error unplug takes busid and nothing else\n", answers);
    } else if (usbip_server_unplug(server, busid) != 0) {
        fputs("error no board there\n", answers);
    } else {
        fputs("ok\n", answers);
    }
}

static void run_fault(struct usbip_server *server, const struct command *command, FILE *answers)
{
    const char *busid = argument_value(command, "busid");
    struct usbip_export *item = busid ? usbip_export_find(&server->exports, busid) : NULL;
    struct usbip_fault fault = {.times = 1, .cut_reply_at = -1};
    if (!item) {
        fputs("error no board there\n", answers);
    } else if (apply_arguments(answers, command, fault_setters, &fault)) {
        item->fault = fault;
        fputs("ok\n", answers);
    }
}

static void answer(FILE *answers, int error)
{
    fputs(error == 0 ? "ok\n" : "error gone\n", answers);
}

/* The board of `busid=`, and the yes or no of `on=`; NULL has been answered. */
static struct usbip_export *board_and_choice(struct usbip_server *server,
                                             const struct command *command, FILE *answers,
                                             bool *yes)
{
    const char *busid = argument_value(command, "busid");
    const char *on = argument_value(command, "on");
    struct usbip_export *item = busid ? usbip_export_find(&server->exports, busid) : NULL;
    if (!item || !on || command->count != 2 || parse_yes(on, yes) != 0) {
        fputs("error it takes the busid of a board, and on=yes or on=no\n", answers);
        return NULL;
    }
    return item;
}

static void run_share(struct usbip_server *server, const struct command *command, FILE *answers)
{
    bool yes;
    struct usbip_export *item = board_and_choice(server, command, answers, &yes);
    if (item) {
        item->shared = yes;
        answer(answers, 0);
    }
}

static void run_stall(struct usbip_server *server, const struct command *command, FILE *answers)
{
    bool yes;
    struct usbip_export *item = board_and_choice(server, command, answers, &yes);
    if (item) {
        item->is_stalled = yes;
        answer(answers, 0);
    }
}

static void run_service(struct usbip_server *server, const struct command *command, FILE *answers)
{
    const char *state = argument_value(command, "state");
    int choice;
    if (!state || command->count != 1 ||
        parse_choice(state, (const char *const[]){"down", "up"}, &choice) != 0) {
        fputs("error service takes state=up or state=down\n", answers);
    } else if (choice == 1 && usbip_server_reopen(server) != 0) {
        fputs("error the port is taken\n", answers);
    } else {
        if (choice == 0) {
            usbip_server_close(server);
        }
        answer(answers, 0);
    }
}

static void print_departure(FILE *out, const struct usb_departure *departure)
{
    fprintf(out,
            ",\"chip\":\"%s\",\"firmware\":\"%s\",\"vid\":\"%04x\",\"pid\":\"%04x\","
            "\"after_ms\":%u",
            departure->chip->name, departure->firmware->name, departure->chip->vid,
            departure->chip->pid, departure->after_ms);
}

static void print_windows_event(void *context, enum usbip_windows_event event,
                                const struct usbip_export *item)
{
    static const char *const names[] = {
        [USBIP_WINDOWS_IMPORT] = "import",
        [USBIP_WINDOWS_RELEASED] = "released",
        [USBIP_WINDOWS_ABANDONED] = "abandoned",
        [USBIP_WINDOWS_LEAVES] = "leaves",
    };
    FILE *answers = context;
    fprintf(answers, "event {\"event\":\"%s\",\"busid\":\"%s\"", names[event], item->busid);
    if (event == USBIP_WINDOWS_LEAVES) {
        print_departure(answers, &item->board->departure);
    }
    fputs("}\n", answers);
    fflush(answers);
}

static void run_windows(struct usbip_server *server, const struct command *command, FILE *answers)
{
    const char *on = argument_value(command, "on");
    bool yes;
    if (!on || command->count != 1 || parse_yes(on, &yes) != 0) {
        fputs("error windows takes on=yes or on=no\n", answers);
        return;
    }
    usbip_server_set_windows(server, yes ? print_windows_event : NULL, answers);
    answer(answers, 0);
}

/* The commands that take a busid and nothing else. */
static void run_on_busid(struct usbip_server *server, const struct command *command, FILE *answers,
                         int (*run)(struct usbip_server *server, const char *busid))
{
    const char *busid = argument_value(command, "busid");
    if (!busid || command->count != 1) {
        fputs("error it takes busid and nothing else\n", answers);
    } else {
        answer(answers, run(server, busid));
    }
}

static void run_captured(struct usbip_server *server, const struct command *command, FILE *answers)
{
    run_on_busid(server, command, answers, usbip_server_captured);
}

static void run_freed(struct usbip_server *server, const struct command *command, FILE *answers)
{
    run_on_busid(server, command, answers, usbip_server_freed);
}

static void run_hangup(struct usbip_server *server, const struct command *command, FILE *answers)
{
    run_on_busid(server, command, answers, usbip_server_hang_up);
}

static void run_refused(struct usbip_server *server, const struct command *command, FILE *answers)
{
    const char *busid = argument_value(command, "busid");
    const char *status = argument_value(command, "status");
    unsigned long parsed;
    if (!busid || !status || command->count != 2 ||
        parse_unsigned(status, 10, UINT32_MAX, &parsed) != 0) {
        fputs("error refused takes busid and status\n", answers);
    } else {
        answer(answers, usbip_server_refuse(server, busid, (uint32_t)parsed));
    }
}

static const char *const mode_names[USB_MODES] = {
    [USB_MODE_SKETCH] = "sketch",
    [USB_MODE_BOOTLOADER] = "bootloader",
    [USB_MODE_DOWNLOAD] = "download",
    [USB_MODE_DFU] = "dfu",
};

/* What `hardware=NAME` or `busid=` speaks of; NULL has been answered. */
static struct usb_hardware *named_hardware(const struct usbip_server *server,
                                           const struct command *command, FILE *answers)
{
    const char *name = argument_value(command, "hardware");
    const char *busid = argument_value(command, "busid");
    struct usb_hardware *hardware = NULL;
    if (name) {
        hardware = usb_hardware_find(&server->hardware, name);
    } else if (busid) {
        hardware = usbip_server_hardware(server, busid);
    }
    if (!hardware) {
        fputs("error no board with firmware there\n", answers);
    }
    return hardware;
}

static bool write_flash(const struct usb_hardware *hardware, const char *path)
{
    FILE *file = fopen(path, "wb");
    size_t written;
    if (!file) {
        return false;
    }
    written = fwrite(hardware->flash, 1, hardware->kind->flash_bytes, file);
    return fclose(file) == 0 && written == hardware->kind->flash_bytes;
}

static void run_flash(struct usbip_server *server, const struct command *command, FILE *answers)
{
    const char *path = argument_value(command, "path");
    const struct usb_hardware *hardware = named_hardware(server, command, answers);
    if (hardware && path && write_flash(hardware, path)) {
        fputs("ok\n", answers);
    } else if (hardware) {
        fputs("error path must name a file that can be written\n", answers);
    }
}

static void run_lines(struct usbip_server *server, const struct command *command, FILE *answers)
{
    const struct usb_hardware *hardware = named_hardware(server, command, answers);
    uint64_t first;
    if (!hardware) {
        return;
    }
    first = hardware->line_changes > USB_HARDWARE_LINES
                ? hardware->line_changes - USB_HARDWARE_LINES
                : 0;
    fprintf(answers, "{\"first\":%" PRIu64 ",\"lines\":[", first);
    for (uint64_t i = first; i < hardware->line_changes; i++) {
        const struct usb_line_change *change = &hardware->lines[i % USB_HARDWARE_LINES];
        fprintf(answers, "%s{\"us\":%" PRId64 ",\"dtr\":%s,\"rts\":%s,\"baud\":%" PRIu32 "}",
                i > first ? "," : "", change->us, change->dtr ? "true" : "false",
                change->rts ? "true" : "false", change->baud);
    }
    fputs("]}\n", answers);
}

static void print_json_string(FILE *out, const char *key, const char *text)
{
    fprintf(out, "\"%s\":\"", key);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            fprintf(out, "\\%c", c);
        } else if (c < 0x20 || c == 0x7f) {
            fprintf(out, "\\u%04x", c);
        } else {
            fputc(c, out);
        }
    }
    fputs("\",", out);
}

static void print_firmware(FILE *out, const struct usb_board *board)
{
    const struct usb_hardware *hardware = board->hardware;
    print_json_string(out, "firmware", board->firmware->name);
    print_json_string(out, "hardware", hardware->name);
    print_json_string(out, "mode", mode_names[hardware->mode]);
    fputs("\"resets\":{", out);
    for (int i = 0; i < USB_MODES; i++) {
        fprintf(out, "%s\"%s\":%" PRIu32, i > 0 ? "," : "", mode_names[i], hardware->resets[i]);
    }
    fprintf(out, "},\"flash_writes\":%" PRIu64 ",", hardware->flash_writes);
}

static void print_export(FILE *out, const struct usbip_export *item)
{
    const struct usb_board *board = item->board;
    const struct usb_board_counters *counters = &board->counters;
    fputc('{', out);
    print_json_string(out, "busid", item->busid);
    print_json_string(out, "chip", board->chip->name);
    print_json_string(out, "instance", item->instance);
    print_json_string(out, "product", board->product);
    print_json_string(out, "serial", board->serial);
    fprintf(out, "\"vid\":\"%04x\",\"pid\":\"%04x\",\"attached\":%s,\"imports\":%" PRIu64 ",",
            board->vid, board->pid, item->state == USBIP_EXPORT_ATTACHED ? "true" : "false",
            item->imports);
    if (board->firmware) {
        print_firmware(out, board);
    }
    fprintf(out, "\"rx_bytes\":%" PRIu64 ",\"tx_bytes\":%" PRIu64 ",", counters->rx_bytes,
            counters->tx_bytes);
    fprintf(out, "\"line_state_changes\":%" PRIu64 ",\"opens\":%" PRIu64 "}",
            counters->line_state_changes, counters->opens);
}

static void run_list(struct usbip_server *server, const struct command *command, FILE *answers)
{
    const struct usbip_export_table *exports = &server->exports;
    if (command->count != 0) {
        fputs("error list takes no arguments\n", answers);
        return;
    }
    fprintf(answers, "{\"connections\":%zu,\"boards\":[", server->session_count);
    for (size_t i = 0; i < exports->count; i++) {
        fputs(i > 0 ? "," : "", answers);
        print_export(answers, exports->items[i]);
    }
    fputs("]}\n", answers);
}

/* Cuts the words after the verb into keys and values. Returns 0 or ERR_INVALID. */
static int parse_arguments(char *rest, struct command *command)
{
    char *saved = NULL;
    command->count = 0;
    for (char *word = strtok_r(rest, " ", &saved); word; word = strtok_r(NULL, " ", &saved)) {
        char *equals = strchr(word, '=');
        if (!equals || command->count == MAX_ARGUMENTS || percent_decode(equals + 1) != 0) {
            return ERR_INVALID;
        }
        *equals = '\0';
        command->arguments[command->count++] = (struct argument){word, equals + 1};
    }
    return 0;
}

static void run_line(struct usbip_server *server, char *line, FILE *answers)
{
    static const struct {
        const char *name;
        void (*run)(struct usbip_server *, const struct command *, FILE *answers);
    } verbs[] = {
        {"plug", run_plug},       {"unplug", run_unplug},   {"fault", run_fault},
        {"list", run_list},       {"share", run_share},     {"stall", run_stall},
        {"service", run_service}, {"windows", run_windows}, {"captured", run_captured},
        {"refused", run_refused}, {"freed", run_freed},     {"hangup", run_hangup},
        {"flash", run_flash},     {"lines", run_lines},
    };
    struct command command;
    char *rest = line + strcspn(line, " ");

    if (*rest != '\0') {
        *rest++ = '\0';
    }
    if (parse_arguments(rest, &command) != 0) {
        fputs("error arguments must be key=value, percent-encoded\n", answers);
        return;
    }
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].name, line) == 0) {
            verbs[i].run(server, &command, answers);
            return;
        }
    }
    fputs("error unknown command\n", answers);
}

void control_channel_init(struct control_channel *channel, struct usbip_server *server,
                          FILE *answers)
{
    channel->server = server;
    channel->answers = answers;
    channel->len = 0;
    channel->overlong = false;
}

static void end_line(struct control_channel *channel)
{
    if (channel->overlong) {
        fputs("error the line is too long\n", channel->answers);
    } else if (memchr(channel->line, '\0', channel->len)) {
        fputs("error the line has a NUL\n", channel->answers);
    } else {
        channel->line[channel->len] = '\0';
        run_line(channel->server, channel->line, channel->answers);
    }
    fflush(channel->answers);
    channel->len = 0;
    channel->overlong = false;
}

void control_channel_feed(struct control_channel *channel, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\n') {
            end_line(channel);
        } else if (channel->len < sizeof channel->line - 1) {
            channel->line[channel->len++] = bytes[i];
        } else {
            channel->overlong = true;
        }
    }
}
