/* Fuzzes the readers of requests and of the answers to them, and of the place to resume at as
 * people type it. What they accept writes the same line again and again. */
#include <string.h>

#include "shared/core/request.h"
#include "tests/fuzz/fuzz.h"

static void check_request(const char *data, size_t size)
{
    struct request request;
    char *line = NULL;
    char *again = NULL;
    size_t len = 0;
    size_t again_len = 0;
    if (request_from_line(data, size, &request) != 0) {
        return;
    }
    FUZZ_CHECK(request_to_line(&request, &line, &len) == 0);
    FUZZ_CHECK(request_from_line(line, len, &request) == 0);
    FUZZ_CHECK(request_to_line(&request, &again, &again_len) == 0);
    FUZZ_CHECK(again_len == len && memcmp(line, again, len) == 0);
    free(line);
    free(again);
}

static void check_reply(const char *data, size_t size)
{
    struct reply reply;
    char *line = NULL;
    char *again = NULL;
    size_t len = 0;
    size_t again_len = 0;
    if (reply_from_line(data, size, &reply) != 0) {
        return;
    }
    FUZZ_CHECK(reply_to_line(&reply, &line, &len) == 0);
    FUZZ_CHECK(reply_from_line(line, len, &reply) == 0);
    FUZZ_CHECK(reply_to_line(&reply, &again, &again_len) == 0);
    FUZZ_CHECK(again_len == len && memcmp(line, again, len) == 0);
    free(line);
    free(again);
}

static void check_place(const uint8_t *data, size_t size)
{
    struct request request;
    char *line = NULL;
    size_t len = 0;
    char *text = calloc(1, size + 1);
    if (text == NULL) {
        return;
    }
    if (size > 0) {
        memcpy(text, data, size);
    }
    if (request_resume_from_text(text, "7", &request) == 0) {
        FUZZ_CHECK(request_to_line(&request, &line, &len) == 0);
        FUZZ_CHECK(request_from_line(line, len, &request) == 0);
        free(line);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_request((const char *)data, size);
    check_reply((const char *)data, size);
    check_place(data, size);
    return 0;
}
