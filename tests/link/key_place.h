/* A place for a key file that nobody has used, in a folder that is not there yet. */
#ifndef TTYFERRY_TESTS_LINK_KEY_PLACE_H
#define TTYFERRY_TESTS_LINK_KEY_PLACE_H

#include "shared/link/key_file.h"

#define KEY_PLACE_SIZE 256

struct key_place {
    char folder[KEY_PLACE_SIZE];
    char path[KEY_PLACE_SIZE + 8];
    struct key_file file; /* owned by this process's user */
};

/* cmocka's setup and teardown; the test's state is the place. */
int key_place_setup(void **state);
int key_place_teardown(void **state);

#define KEY_PLACE_TEST(test)                                                                       \
    cmocka_unit_test_setup_teardown(test, key_place_setup, key_place_teardown)

/* A new key in it. */
void key_place_fill(struct key_place *place);

/* Other content in the same file, whose rights stay. */
void key_place_overwrite(struct key_place *place, const char *content);

#endif
