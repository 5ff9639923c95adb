#include "shared/cli/cli_remedy_unix.h"

#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/core/text.h"

#define PATH_SIZE 1024
/* Where "ttyferry setup" puts them; the folder is there while systemd is PID 1. */
#define PROGRAM "/usr/local/bin/ttyferry"
#define UNIT "/etc/systemd/system/ttyferry.service"
#define SYSTEMD_RUNS "/run/systemd/system"

#define LOG_IN_ANEW                                                                                \
    "log in anew (in WSL: end the distribution with \"wsl --terminate\" on Windows, and open it "  \
    "again)"

static bool has(const char *root, const char *name)
{
    char path[PATH_SIZE];
    int len = snprintf(path, sizeof path, "%s%s", root, name);

    return len > 0 && (size_t)len < sizeof path && access(path, F_OK) == 0;
}

void cli_remedy_unix_absent(const char *root, char remedy[CLI_REMEDY_SIZE])
{
    const char *text = "set it up with \"ttyferry.exe install\" on Windows, or start the "
                       "distribution that has it";

    if (has(root, SYSTEMD_RUNS) && has(root, UNIT)) {
        text = "start it with \"sudo systemctl start ttyferry\"";
    } else if (has(root, PROGRAM)) {
        text = "start it with \"sudo " PROGRAM " agent --background\"";
    }
    text_copy(remedy, CLI_REMEDY_SIZE, text);
}

void cli_remedy_absent(char remedy[CLI_REMEDY_SIZE])
{
    cli_remedy_unix_absent("", remedy);
}

void cli_remedy_unix_denied(const struct cli_remedy_socket *socket, char remedy[CLI_REMEDY_SIZE])
{
    if (!socket->is_for_group) {
        snprintf(remedy, CLI_REMEDY_SIZE,
                 "it is root's alone, so run this with sudo; where the agent has found no group to "
                 "give it to, its log says which");
    } else if (socket->group == NULL) {
        snprintf(remedy, CLI_REMEDY_SIZE,
                 "it is for the group number %u, which has no name here: run \"sudo groupadd --gid "
                 "%u ttyferry\" and \"sudo usermod -aG ttyferry $USER\", then " LOG_IN_ANEW,
                 (unsigned)socket->gid, (unsigned)socket->gid);
    } else if (socket->is_member_now) {
        snprintf(remedy, CLI_REMEDY_SIZE,
                 "you have come to its group %s since you logged in: " LOG_IN_ANEW, socket->group);
    } else {
        snprintf(remedy, CLI_REMEDY_SIZE,
                 "it is for the group %s: run \"sudo usermod -aG %s $USER\", then " LOG_IN_ANEW,
                 socket->group, socket->group);
    }
}

static bool has_member(const struct group *group, const char *user)
{
    for (char **member = group->gr_mem; *member != NULL; member++) {
        if (strcmp(*member, user) == 0) {
            return true;
        }
    }
    return false;
}

void cli_remedy_denied(const char *path, char remedy[CLI_REMEDY_SIZE])
{
    struct cli_remedy_socket socket = {.is_for_group = false};
    struct stat status;

    if (stat(path, &status) == 0 && status.st_gid != 0 && (status.st_mode & S_IWGRP) != 0) {
        const struct group *group = getgrgid(status.st_gid);
        const struct passwd *user = getpwuid(getuid());

        socket.is_for_group = true;
        socket.gid = status.st_gid;
        socket.group = group != NULL ? group->gr_name : NULL;
        socket.is_member_now = group != NULL && user != NULL && has_member(group, user->pw_name);
    }
    cli_remedy_unix_denied(&socket, remedy);
}
