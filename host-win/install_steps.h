/* What the steps of an installation share, and the steps themselves: those that change Windows
 * (install_host.c) and those that change the guest (install_guest.c). Each returns 0 or ours with
 * `detail` filled. A step is taken back also after it has failed halfway. */
#ifndef TTYFERRY_HOST_WIN_INSTALL_STEPS_H
#define TTYFERRY_HOST_WIN_INSTALL_STEPS_H

#include "host-win/autostart.h"
#include "host-win/guest_setup.h"
#include "host-win/install_places.h"
#include "host-win/installer.h"
#include "host-win/program_files.h"
#include "host-win/registry_value.h"
#include "host-win/wsl.h"
#include "shared/core/config.h"
#include "shared/core/install_state.h"

/* Of a configuration that an installation writes: two names. */
#define INSTALL_CONFIG_MAX 512u

enum { INSTALL_PROGRAM, INSTALL_WINDOWLESS, INSTALL_PROGRAM_COUNT };

struct installer {
    const struct install_places *places;
    const struct installer_options *options;
    const char *stream; /* of the agent */
    struct config config;
    struct install_state state;     /* as it will be noted */
    struct install_state old_state; /* as it was */
    bool had_note;                  /* there was an install.json */
    bool is_upgrade;                /* which told of an installation */
    bool is_same_guest;             /* in the distribution that is chosen now */
    bool is_moving;                 /* in another one, which is still there */
    struct wsl_look look;
    struct program_file programs[INSTALL_PROGRAM_COUNT];
    struct registry_value old_path;
    struct registry_value old_run;
    bool knows_path; /* `old_path` has been read, and so `old_run` */
    bool knows_run;
    struct guest_setup former; /* of the distribution that is left */
    bool former_is_tried;      /* its removal has been run */
    struct guest_setup guest;
    bool guest_was_there; /* a program of ours, before this installation */
    bool guest_is_placed; /* the new one lies beside its place */
    bool guest_is_tried;  /* its setup has been run */
    bool guest_is_set_up; /* and has succeeded */
    bool made_key;
    bool made_config;
    char old_config[INSTALL_CONFIG_MAX]; /* what was there of our own making */
    size_t old_config_len;
    bool noted_state;
    bool ended_agent;
    int64_t agent_from_ms;         /* when the new one was started, UTC */
    char detail[WSL_MESSAGE_SIZE]; /* of the step, for its line or for the error */
};

/* Fills the detail with what failed and why. Returns `error`. */
int install_steps_fail(struct installer *installer, const char *what, int error);

int install_host_copy_programs(struct installer *installer);
int install_host_put_programs_back(struct installer *installer);
int install_host_add_to_path(struct installer *installer);
int install_host_restore_path(struct installer *installer);
int install_host_make_key(struct installer *installer);
int install_host_drop_key(struct installer *installer);
int install_host_write_config(struct installer *installer);
int install_host_drop_config(struct installer *installer);
int install_host_set_autostart(struct installer *installer);
int install_host_restore_autostart(struct installer *installer);
int install_host_note_state(struct installer *installer);
int install_host_restore_state(struct installer *installer);

/* What the Run key has. Returns 0 or ERR_TOO_LONG. */
int install_host_command(const struct installer *installer,
                         wchar_t command[AUTOSTART_COMMAND_SIZE]);

int install_guest_place(struct installer *installer);
int install_guest_drop_placed(struct installer *installer);
int install_guest_set_up(struct installer *installer);

/* Removes the guest's part from the distribution that it moves away from, and sets it up there
 * again. All distributions share one network and one kernel: two agents would be in each other's
 * way. */
int install_guest_leave(struct installer *installer);
int install_guest_return(struct installer *installer);

/* A guest that had nothing of ours has nothing again; one that was upgraded gets the program back
 * that the old ttyferry.exe carries. If that can't be, the detail says what stays. */
int install_guest_put_back(struct installer *installer);

#endif
