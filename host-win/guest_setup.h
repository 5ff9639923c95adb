/* Puts the guest's program into a distribution by wsl.exe, and runs its `setup` there. Each call
 * waits for its end. */
#ifndef TTYFERRY_HOST_WIN_GUEST_SETUP_H
#define TTYFERRY_HOST_WIN_GUEST_SETUP_H

#include <stdbool.h>
#include <stddef.h>

#define GUEST_SETUP_MESSAGE_SIZE 1024

struct guest_setup {
    const char *wsl;          /* full path of wsl.exe */
    const char *distribution; /* its name */
    /* What went wrong and what the user can do, after a call that failed. */
    char message[GUEST_SETUP_MESSAGE_SIZE];
};

/* Whether our program is installed there. Returns 0 or ours. */
int guest_setup_find(struct guest_setup *setup, bool *is_there);

/* Writes the program beside its place, where nothing uses it yet, and checks that it has arrived
 * whole. Returns 0 or ours. */
int guest_setup_place(struct guest_setup *setup, const char *program, size_t len);

/* Removes what guest_setup_place has written, if it is still there. Returns 0 or ours. */
int guest_setup_drop(struct guest_setup *setup);

/* Runs the placed program's `setup`, which puts it in its place, with `request` on its stdin. What
 * it prints goes to stdout, indented. Returns 0 or ours. */
int guest_setup_run(struct guest_setup *setup, const char *request, size_t len);

/* `setup --key-only` of the installed program. */
int guest_setup_renew_key(struct guest_setup *setup, const char *request, size_t len);

/* `setup --remove [--purge]`. A guest without our program is done already. */
int guest_setup_remove(struct guest_setup *setup, bool purge);

/* `setup --remove --purge` in a guest that our program was removed from, by one that is placed
 * there for that. A guest that was set up again since is left alone. */
int guest_setup_purge(struct guest_setup *setup, const char *program, size_t len);

#endif
