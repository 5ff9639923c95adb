/* A board's members in JSON, the same on the link and in the stream. Every text that a reader of
 * the stream may use as a path or print as a word is checked here. */
#ifndef TTYFERRY_CORE_BOARD_JSON_H
#define TTYFERRY_CORE_BOARD_JSON_H

#include "shared/core/board.h"
#include "shared/core/json_text.h"

/* True if it is a path below /dev without "..", and without control characters and marks of
 * direction: a terminal shows it as it is. */
bool board_json_is_path(const char *path);

/* Adds what Windows knows of the board: id to kind, the state not. Returns 0 or ERR_NOMEM. */
int board_json_add_facts(struct cJSON *object, const struct board *board);

/* Reads those members into `*board`. Returns 0 or ERR_INVALID; `*board` may then be partly
 * filled. */
int board_json_get_facts(const struct cJSON *object, struct board *board);

/* The id alone, as a member of `object`. */
int board_json_add_id(struct cJSON *object, const struct board *board);
int board_json_get_id(const struct cJSON *object, struct board *board);

/* "ttys" and "usb_node": what the guest made of the board. As above. */
int board_json_add_nodes(struct cJSON *object, const struct board *board);
int board_json_get_nodes(const struct cJSON *object, struct board *board);

/* What board->note has in the board's state; each of it may be missing. As above. */
int board_json_add_note(struct cJSON *object, const struct board *board);
int board_json_get_note(const struct cJSON *object, struct board *board);

#endif
