/* Fuzzes what `ttyferry setup` reads: a refusal has a reason in one line, a request that is taken
 * has nothing that could end up as another path. */
#include <stdbool.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/setup_request.h"
#include "shared/core/setup_state.h"
#include "shared/core/text.h"
#include "tests/fuzz/fuzz.h"

static void check_request(const struct setup_request *request)
{
    char mounted[2 * WINDOWS_PATH_SIZE];
    const char *path = request->host_program;

    FUZZ_CHECK(request->key[0] == '\0' || text_is_hex(request->key, SETUP_REQUEST_KEY_LEN));
    if (path[0] != '\0') {
        FUZZ_CHECK(windows_path_to_mount(path, WINDOWS_PATH_MOUNTS, mounted, sizeof mounted) == 0);
        FUZZ_CHECK(strncmp(mounted, WINDOWS_PATH_MOUNTS, strlen(WINDOWS_PATH_MOUNTS)) == 0);
        FUZZ_CHECK(strstr(mounted, "/../") == NULL && !text_has_control(mounted));
    }
    if (request->config != NULL) {
        FUZZ_CHECK(request->config_len > 0 && request->config[request->config_len - 1] == '\n');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char reason[CONFIG_REASON_SIZE];
    struct setup_request request;
    struct setup_state state;

    (void)setup_state_parse((const char *)data, size, &state);
    if (setup_request_parse((const char *)data, size, &request, reason) == 0) {
        check_request(&request);
        setup_request_finish(&request);
    } else {
        FUZZ_CHECK(reason[0] != '\0' && !text_has_control(reason));
    }
    return 0;
}
