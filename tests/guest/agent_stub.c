/* Stands for the agent where the tests run `ttyferry setup`:
 *
 *     agent_stub SOCKET NAME agent --background
 *
 * serves SOCKET from a process of its own, which ends by SIGTERM or SIGUSR1, and then appends the
 * signal's number to SOCKET.NAME; ends itself when the socket is there. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int serve(const char *path, const char *name)
{
    char notes[256];
    sigset_t signals;
    int number = 0;
    FILE *file;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGUSR1);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    alarm(60); /* A test that ends badly leaves nothing behind. */
    sigwait(&signals, &number);
    unlink(path);
    snprintf(notes, sizeof notes, "%s.%s", path, name);
    file = fopen(notes, "a");
    if (file == NULL) {
        return 1;
    }
    fprintf(file, "%s\n", number == SIGTERM ? "TERM" : "USR1");
    return fclose(file) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);

    if (argc != 5 || strlen(argv[1]) >= sizeof address.sun_path || listener < 0) {
        return 2;
    }
    memcpy(address.sun_path, argv[1], strlen(argv[1]));
    if (bind(listener, (const struct sockaddr *)&address, sizeof address) != 0) {
        return 1;
    }
    /* Who calls listen() is the one that a client sees as its peer. */
    if (fork() != 0) {
        return 0;
    }
    close(STDIN_FILENO);
    close(STDOUT_FILENO);
    close(STDERR_FILENO);
    return listen(listener, 8) == 0 ? serve(argv[1], argv[2]) : 1;
}
