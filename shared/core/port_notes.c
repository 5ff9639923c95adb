#include "shared/core/port_notes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "shared/core/error.h"
#include "shared/core/json_text.h"
#include "shared/core/text.h"
#include "shared/core/vhci_status.h"

#define VERSION 1
#define NODE_DIGITS 16
#define NODE_SIZE (NODE_DIGITS + 1)

/* The index of the port's note, or `count`. */
static size_t find(const struct port_notes *notes, unsigned port)
{
    size_t i = 0;

    while (i < notes->count && notes->items[i].port != port) {
        i++;
    }
    return i;
}

int port_notes_put(struct port_notes *notes, const struct port_note *note)
{
    size_t place = find(notes, note->port);

    if (place == PORT_NOTES_MAX) {
        return ERR_FULL;
    }
    notes->items[place] = *note;
    notes->count += place == notes->count ? 1 : 0;
    return 0;
}

const struct port_note *port_notes_find(const struct port_notes *notes, unsigned port)
{
    size_t place = find(notes, port);

    return place < notes->count ? &notes->items[place] : NULL;
}

bool port_notes_remove(struct port_notes *notes, unsigned port)
{
    size_t place = find(notes, port);

    if (place == notes->count) {
        return false;
    }
    notes->items[place] = notes->items[--notes->count];
    return true;
}

/* --- Writing ---------------------------------------------------------------------------------- */

/* JSON's numbers are not exact up to 64 bits. */
static int add_note(struct cJSON *array, const struct port_note *note)
{
    struct cJSON *object = json_text_append_object(array);
    char node[NODE_SIZE];

    snprintf(node, sizeof node, "%016" PRIx64, note->node);
    if (object == NULL || json_text_add_integer(object, "port", note->port) != 0 ||
        json_text_add_integer(object, "devid", note->devid) != 0 ||
        json_text_add_string(object, "node", node) != 0) {
        return ERR_NOMEM;
    }
    return 0;
}

static int add_notes(struct cJSON *object, const struct port_notes *notes)
{
    int result = json_text_add_integer(object, "v", VERSION);
    struct cJSON *array = result == 0 ? json_text_add_array(object, "ports") : NULL;

    result = array != NULL ? 0 : ERR_NOMEM;
    for (size_t i = 0; i < notes->count && result == 0; i++) {
        result = add_note(array, &notes->items[i]);
    }
    return result;
}

int port_notes_to_text(const struct port_notes *notes, char **text, size_t *len)
{
    struct cJSON *object = json_text_create_object();
    int result = object != NULL ? add_notes(object, notes) : ERR_NOMEM;

    if (result == 0) {
        result = json_text_print_line(object, text, len);
    }
    json_text_free(object);
    return result;
}

/* --- Reading ---------------------------------------------------------------------------------- */

static int get_note(const struct cJSON *object, struct port_note *note)
{
    char node[NODE_SIZE];
    int64_t port;
    int64_t devid;

    if (!json_text_is_object(object) ||
        json_text_get_integer(object, "port", 0, VHCI_STATUS_PORTS_MAX - 1, &port) != 0 ||
        json_text_get_integer(object, "devid", 0, UINT32_MAX, &devid) != 0 ||
        json_text_get_string(object, "node", false, node, sizeof node) != 0 ||
        !text_is_hex(node, NODE_DIGITS)) {
        return ERR_INVALID;
    }
    *note = (struct port_note){
        .port = (unsigned)port, .devid = (uint32_t)devid, .node = strtoull(node, NULL, 16)};
    return 0;
}

static int get_notes(const struct cJSON *object, struct port_notes *notes)
{
    const struct cJSON *array = json_text_get_array(object, "ports");
    const struct cJSON *item = NULL;
    int64_t version;

    if (json_text_get_integer(object, "v", 1, JSON_TEXT_INTEGER_MAX, &version) != 0) {
        return ERR_INVALID;
    }
    if (version != VERSION) {
        return ERR_VERSION;
    }
    if (array == NULL) {
        return ERR_INVALID;
    }
    while ((item = json_text_next_item(array, item)) != NULL) {
        struct port_note note;

        if (get_note(item, &note) != 0 || port_notes_find(notes, note.port) != NULL ||
            port_notes_put(notes, &note) != 0) {
            return ERR_INVALID;
        }
    }
    return 0;
}

int port_notes_from_text(const char *text, size_t len, struct port_notes *notes)
{
    struct port_notes read = {.count = 0};
    struct cJSON *object;
    int result;

    if (len > PORT_NOTES_TEXT_MAX) {
        return ERR_TOO_LONG;
    }
    object = json_text_parse_object(text, len);
    if (object == NULL) {
        return ERR_INVALID;
    }
    result = get_notes(object, &read);
    json_text_free(object);
    if (result == 0) {
        *notes = read;
    }
    return result;
}
