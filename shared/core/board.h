/* A board: one USB device on Windows that this project may carry to the guest, and what became
 * of it there. Plain data; every text is UTF-8, terminated, and as the device or Windows gave it
 * (escape it before showing it). */
#ifndef TTYFERRY_CORE_BOARD_H
#define TTYFERRY_CORE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sizes in bytes, terminator included. Windows limits an instance id to 200 characters
 * (MAX_DEVICE_ID_LEN), a USB string descriptor to 126 UTF-16 units. */
#define BOARD_ID_SIZE 208
#define BOARD_NAME_SIZE 64
#define BOARD_SERIAL_SIZE 384
#define BOARD_DESCRIPTION_SIZE 384
#define BOARD_COM_PORT_SIZE 16
#define BOARD_BUSID_SIZE 8 /* "99-99" */
#define BOARD_PATH_SIZE 128
#define BOARD_LINK_SIZE 256
#define BOARD_TTYS_MAX 8
#define BOARD_CODE_SIZE 48
#define BOARD_TEXT_SIZE 512

enum board_speed {
    BOARD_SPEED_UNKNOWN = 0,
    BOARD_SPEED_LOW = 1, /* the numbers are those of the USB/IP device record */
    BOARD_SPEED_FULL = 2,
    BOARD_SPEED_HIGH = 3,
    BOARD_SPEED_SUPER = 5,
};

enum board_kind { BOARD_KIND_SERIAL, BOARD_KIND_DFU, BOARD_KIND_DEBUG, BOARD_KIND_OTHER };

/* Where the board stands, as the streams tell it. */
enum board_state {
    BOARD_STATE_AVAILABLE,     /* present, not wanted */
    BOARD_STATE_NEEDS_SHARING, /* wanted, but usbipd may not export it */
    BOARD_STATE_WAITING,       /* wanted, and nothing has been tried yet (no guest, or just come) */
    BOARD_STATE_ATTACHING,
    BOARD_STATE_READY,
    BOARD_STATE_FAILED,
    BOARD_STATE_DETACHED,
    BOARD_STATE_YIELDED,
    BOARD_STATE_GONE, /* never in a snapshot */
};

struct board_tty {
    char path[BOARD_PATH_SIZE];    /* "/dev/ttyACM0" */
    char by_id[BOARD_LINK_SIZE];   /* below /dev/serial/by-id, empty if there is none */
    char by_path[BOARD_LINK_SIZE]; /* below /dev/serial/by-path, empty if there is none */
    char link[BOARD_PATH_SIZE];    /* below /dev/ttyferry, empty if there is none */
    int interface;                 /* bInterfaceNumber */
};

struct board_ttys {
    struct board_tty items[BOARD_TTYS_MAX];
    size_t count;
};

/* What the streams said with the state; everything else in it is empty. */
struct board_note {
    char code[BOARD_CODE_SIZE];    /* BOARD_STATE_FAILED */
    char message[BOARD_TEXT_SIZE]; /* BOARD_STATE_FAILED */
    char remedy[BOARD_TEXT_SIZE];  /* BOARD_STATE_FAILED, BOARD_STATE_NEEDS_SHARING */
    char until[BOARD_CODE_SIZE];   /* BOARD_STATE_YIELDED; empty: until it is taken */
};

struct board {
    char id[BOARD_ID_SIZE];     /* original instance id in lower case, the key everywhere */
    char name[BOARD_NAME_SIZE]; /* of its family in the configuration, or empty */
    uint16_t vid;
    uint16_t pid;
    char serial[BOARD_SERIAL_SIZE]; /* empty if the board has none */
    char description[BOARD_DESCRIPTION_SIZE];
    char com_port[BOARD_COM_PORT_SIZE]; /* "COM5", empty while unknown */
    char busid[BOARD_BUSID_SIZE];       /* "3-1", empty on an incompatible hub */
    enum board_speed speed;
    enum board_kind kind;
    bool is_hidden; /* at Windows: nothing but its stub was ever seen, and its kind may be another;
                     * told to the guest, and not by the streams */
    enum board_state state;
    /* What the guest reported; meaningful while state is BOARD_STATE_READY. */
    struct board_ttys ttys;
    char usb_node[BOARD_PATH_SIZE]; /* "/dev/bus/usb/001/002" */
    struct board_note note;         /* of a stream's board; elsewhere empty */
};

/* Names as they stand in JSON; static storage. Unknown values answer "unknown". */
const char *board_speed_to_name(enum board_speed speed);
const char *board_kind_to_name(enum board_kind kind);
const char *board_state_to_name(enum board_state state);

/* The reverse. Returns 0, or ERR_INVALID for a name that is not ours. */
int board_speed_from_name(const char *name, enum board_speed *speed);
int board_kind_from_name(const char *name, enum board_kind *kind);
int board_state_from_name(const char *name, enum board_state *state);

/* True if `name` may name a board: 1 to BOARD_NAME_SIZE - 1 letters, digits, '.', '_' and '-', the
 * first no '.'. It may stand in a path then. */
bool board_name_is_valid(const char *name);

/* True if `busid` matches ^[1-9][0-9]?-[1-9][0-9]?$, which is what usbipd-win accepts. */
bool board_busid_is_valid(const char *busid);

#endif
