#include "tests/guest/killed.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The child could not be traced. */
#define UNTRACED 77

/* What is opened anew is empty before it is written to, and that is one of these. */
static const long changing[] = {
    SYS_write,  SYS_rename,   SYS_renameat, SYS_renameat2, SYS_symlink, SYS_symlinkat,
    SYS_unlink, SYS_unlinkat, SYS_mkdir,    SYS_mkdirat,   SYS_chmod,   SYS_fchmodat,
    SYS_fchmod, SYS_chown,    SYS_fchownat, SYS_fchown,    SYS_mknod,   SYS_mknodat,
};

static _Noreturn void be_child(void (*run)(void *context), void *context)
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
        _exit(UNTRACED);
    }
    raise(SIGSTOP);
    run(context);
    _exit(0);
}

static int await(pid_t child)
{
    int status = 0;

    while (waitpid(child, &status, 0) < 0) {
        assert_int_equal(errno, EINTR);
    }
    return status;
}

/* Lets it run to its next call's begin or end. Returns false once it has ended. */
static bool let_run(pid_t child)
{
    int status;

    assert_int_equal(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0);
    status = await(child);
    if (WIFSTOPPED(status)) {
        assert_int_equal(WSTOPSIG(status), SIGTRAP);
        return true;
    }
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return false;
}

/* True at the begin of a call, where the kernel has this for its result, that changes anything. */
static bool is_before_change(pid_t child)
{
    struct user_regs_struct registers;

    assert_int_equal(ptrace(PTRACE_GETREGS, child, NULL, &registers), 0);
    if ((long)registers.rax != -ENOSYS) {
        return false;
    }
    for (size_t i = 0; i < sizeof changing / sizeof changing[0]; i++) {
        if ((long)registers.orig_rax == changing[i]) {
            return true;
        }
    }
    return false;
}

static bool let_run_to_change(pid_t child)
{
    do {
        if (!let_run(child)) {
            return false;
        }
    } while (!is_before_change(child));
    return true;
}

bool killed_at(unsigned call, void (*run)(void *context), void *context)
{
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        be_child(run, context);
    }
    status = await(child);
    if (!WIFSTOPPED(status)) {
        assert_int_equal(WEXITSTATUS(status), UNTRACED);
        print_message("skipped: no process may trace another here\n");
        skip();
    }
    for (unsigned i = 0; i <= call; i++) {
        if (!let_run_to_change(child)) {
            return false;
        }
    }
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_true(WIFSIGNALED(await(child)));
    return true;
}
