/* In a process of its own each, for there is no way back. What root has beforehand the tests need
 * not have: the VM's tests look at the agent itself. */
#include "guest-linux/privileges.h"

#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/core/error.h"
#include "tests/core/cases.h"

#define BIT(capability) (UINT64_C(1) << (capability))
#define ALWAYS (BIT(CAP_SYS_MODULE) | BIT(CAP_CHOWN))

/* The number in hexadecimal digits behind `name`; all ones if there is none. */
static uint64_t read_status(const char *name)
{
    uint64_t value = UINT64_MAX;
    char line[256];
    FILE *file = fopen("/proc/self/status", "re");

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0) {
            (void)sscanf(line + strlen(name), "%" SCNx64, &value);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return value;
}

/* The line of the first thing that is wrong, or 0. */
static int look_dropped(const struct privileges_use *use)
{
    uint64_t had = read_status("CapPrm:");
    uint64_t bound = read_status("CapBnd:");
    uint64_t needed = privileges_needed(use);
    bool may_limit = (had & BIT(CAP_SETPCAP)) != 0 || (bound & ~needed) == 0;
    int err = privileges_drop(use);

    if (err != (may_limit ? 0 : ERR_DENIED)) {
        return __LINE__;
    }
    if (read_status("CapPrm:") != (had & needed) || read_status("CapEff:") != (had & needed)) {
        return __LINE__;
    }
    if (read_status("CapBnd:") != (may_limit ? bound & needed : bound)) {
        return __LINE__;
    }
    if (read_status("CapInh:") != 0 || read_status("CapAmb:") != 0) {
        return __LINE__;
    }
    /* A second time, without the right to: there is nothing left to do. */
    if (may_limit && privileges_drop(use) != 0) {
        return __LINE__;
    }
    return read_status("NoNewPrivs:") == 1 ? 0 : __LINE__;
}

static void expect_dropped(const struct privileges_use *use)
{
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        int line = look_dropped(use);

        fprintf(stderr, line != 0 ? "line %d\n" : "", line);
        _exit(line != 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void only_what_is_needed_is_kept(void **state)
{
    const struct privileges_use use = {.low_port = false};

    (void)state;
    assert_true(privileges_needed(&use) == ALWAYS);
    expect_dropped(&use);
}

static void a_low_port_may_be_bound(void **state)
{
    const struct privileges_use use = {.low_port = true};

    (void)state;
    assert_true(privileges_needed(&use) == (ALWAYS | BIT(CAP_NET_BIND_SERVICE)));
    expect_dropped(&use);
}

static void nodes_may_be_made(void **state)
{
    const struct privileges_use use = {.makes_nodes = true};

    (void)state;
    assert_true(privileges_needed(&use) == (ALWAYS | BIT(CAP_MKNOD)));
    expect_dropped(&use);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_needed_is_kept),
        cmocka_unit_test(a_low_port_may_be_bound),
        cmocka_unit_test(nodes_may_be_made),
    };

    return cmocka_run_group_tests_name("privileges", tests, NULL, NULL);
}
