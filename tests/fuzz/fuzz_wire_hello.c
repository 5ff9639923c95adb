/* Fuzzes the readers of the link's first lines. What they accept round-trips. */
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/wire_hello.h"
#include "tests/fuzz/fuzz.h"

static void try_proof(const char *text, size_t size)
{
    struct wire_proof proof;
    struct wire_proof again;
    struct wire_bye bye;
    char *line = NULL;
    size_t len = 0;
    if (wire_proof_from_line(text, size, &proof, &bye) == 0) {
        FUZZ_CHECK(wire_proof_to_line(&proof, &line, &len) == 0);
        FUZZ_CHECK(wire_proof_from_line(line, len, &again, &bye) == 0);
        FUZZ_CHECK(strcmp(proof.mac, again.mac) == 0);
    }
    free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wire_hello hello;
    struct wire_hello again;
    struct wire_bye bye;
    char *line = NULL;
    size_t len = 0;
    int result = wire_hello_from_line((const char *)data, size, &hello, &bye);
    if (result == 0) {
        FUZZ_CHECK(wire_hello_to_line(&hello, &line, &len) == 0);
        FUZZ_CHECK(wire_hello_from_line(line, len, &again, &bye) == 0);
        FUZZ_CHECK(strcmp(hello.agent, again.agent) == 0 && hello.role == again.role);
        FUZZ_CHECK(hello.auth == again.auth && strcmp(hello.nonce, again.nonce) == 0);
        FUZZ_CHECK(strcmp(hello.import, again.import) == 0);
    } else if (result == ERR_CLOSED) {
        FUZZ_CHECK(wire_bye_to_line(&bye, &line, &len) == 0);
        FUZZ_CHECK(wire_hello_from_line(line, len, &hello, &bye) == ERR_CLOSED);
    }
    free(line);
    try_proof((const char *)data, size);
    return 0;
}
