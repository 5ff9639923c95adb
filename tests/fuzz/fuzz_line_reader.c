/* Fuzzes the line reader: bytes that come in two pieces give the lines that they give in one. The
 * first byte says where the cut is. */
#include <string.h>

#include "shared/core/line_reader.h"
#include "tests/fuzz/fuzz.h"

#define LIMIT 64

struct lines {
    size_t count;
    uint64_t digest;
};

static int on_line(void *context, char *line, size_t len)
{
    struct lines *lines = context;
    FUZZ_CHECK(len <= LIMIT && strlen(line) == len);
    lines->count++;
    for (size_t i = 0; i <= len; i++) {
        lines->digest = 31 * lines->digest + (unsigned char)line[i];
    }
    return 0;
}

static int read_in_two(const char *bytes, size_t len, size_t cut, struct lines *lines)
{
    struct line_reader reader;
    line_reader_init(&reader, LIMIT);
    int result = line_reader_feed(&reader, bytes, cut, on_line, lines);
    if (result == 0) {
        result = line_reader_feed(&reader, bytes + cut, len - cut, on_line, lines);
    }
    FUZZ_CHECK(line_reader_pending(&reader) <= LIMIT);
    line_reader_finish(&reader);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const char *bytes = (const char *)data + 1;
    size_t len = size - 1;
    struct lines whole = {.count = 0};
    struct lines cut = {.count = 0};
    int result = read_in_two(bytes, len, len, &whole);
    /* A piece may be refused for its NUL before its length tells, so only success is compared. */
    int cut_result = read_in_two(bytes, len, data[0] % (len + 1), &cut);
    FUZZ_CHECK((result == 0) == (cut_result == 0));
    FUZZ_CHECK(whole.count == cut.count && whole.digest == cut.digest);
    return 0;
}
