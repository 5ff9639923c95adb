/* Puts ttyferry into this guest, or a newer one in its place, step by step. If a step fails, all of
 * them are taken back, and the agent that ran before runs again. Everything blocks. */
#ifndef TTYFERRY_GUEST_SETUP_STEPS_H
#define TTYFERRY_GUEST_SETUP_STEPS_H

#include <stdbool.h>

#include "shared/core/setup_request.h"

#define SETUP_TEXT_SIZE 512

/* This machine, or what a test has in its place. Borrowed. */
struct setup_machine {
    const char *root;        /* of every path: "" */
    const char *systemctl;   /* "/bin/systemctl" */
    const char *journalctl;  /* "/bin/journalctl" */
    const char *udevadm;     /* "/bin/udevadm" */
    const char *stream_path; /* "/run/ttyferry/events.sock" */
    const char *program;     /* the file to install: the one that runs */
    int serve_limit_ms;      /* for a started agent to serve its stream */
    /* One line for people about a step that is done or has failed; `text` has no line feed. */
    void (*report)(void *context, bool ok, const char *text);
    void *context;
};

/* Key, configuration, host program, program, udev's rules, autostart, agent. Attached boards stay
 * attached. Returns 0 or the error of the step that failed. */
int setup_steps_install(const struct setup_machine *machine, const struct setup_request *request);

/* Only replaces the key, and notes what was there before if nothing is noted yet. Returns as
 * setup_steps_install; ERR_INVALID if there is none. */
int setup_steps_renew_key(const struct setup_machine *machine, const struct setup_request *request);

#endif
