#include "tests/link/key_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/link/rig.h"

#ifdef _WIN32
#define SEPARATOR "\\"
static unsigned this_user(void)
{
    return 0;
}
#else
#define SEPARATOR "/"
#include <unistd.h>
static unsigned this_user(void)
{
    return geteuid();
}
#endif

int key_place_setup(void **state)
{
    struct key_place *place = calloc(1, sizeof *place);

    assert_non_null(place);
    rig_make_file_path(place->folder);
    snprintf(place->path, sizeof place->path, "%s" SEPARATOR "key", place->folder);
    place->file.path = place->path;
    place->file.owner = this_user();
    *state = place;
    return 0;
}

int key_place_teardown(void **state)
{
    struct key_place *place = *state;
    uv_fs_t request;

    /* What a write leaves besides the key makes the folder's removal fail. */
    (void)remove(place->path);
    int status = uv_fs_rmdir(NULL, &request, place->folder, NULL);
    uv_fs_req_cleanup(&request);
    free(place);
    return status == 0 || status == UV_ENOENT ? 0 : -1;
}

void key_place_fill(struct key_place *place)
{
    char reason[KEY_FILE_REASON_SIZE];
    struct link_key key;

    link_key_generate(&key);
    assert_int_equal(key_file_write(&place->file, &key, reason), 0);
}

void key_place_overwrite(struct key_place *place, const char *content)
{
    FILE *file = fopen(place->path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, strlen(content), file), strlen(content));
    assert_int_equal(fclose(file), 0);
}
