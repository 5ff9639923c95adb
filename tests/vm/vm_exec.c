/*
 * vm_exec: runs shell scripts in the test VM for the machine outside.
 *
 * It is PID 1 once init has set up the network. It listens on TCP 10.0.2.15:2323 and serves each
 * connection in a process of its own. Both directions carry frames: type (1 byte), length (4 bytes,
 * big-endian), payload (at most 65536 bytes).
 *
 *   from outside                          to outside
 *   'S' the script, first and once        'P' the shell's process id, decimal text
 *   'I' bytes for its stdin               'O' bytes of its stdout
 *   'E' end of its stdin                  'R' bytes of its stderr
 *   'K' a signal number, decimal text,    'X' exit code, decimal text; 128 + N after signal N;
 * always the last frame for its process group
 *
 * A script is done when its shell has ended: what the pipes hold then is still sent, but processes
 * left in the background are not waited for. A connection that goes away earlier kills the script's
 * process group.
 *
 * The console line "TTYFERRY-VM-READY" says that connections are accepted.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    LISTEN_PORT = 2323,
    LISTEN_BACKLOG = 32,
    FRAME_HEADER = 5,
    FRAME_MAX = 65536,
    OUTPUT_CHUNK = 16384
};

struct frame {
    uint8_t type;
    uint32_t len;
    char payload[FRAME_MAX + 1]; /* one more, so that text can be terminated */
};

struct session {
    int socket;
    int signals; /* signalfd for SIGCHLD */
    int in;      /* the script's stdin, -1 once closed */
    int out;     /* the script's stdout, -1 once at its end */
    int err;
    pid_t shell; /* also its process group */
    struct frame frame;
    uint32_t in_sent; /* how much of an 'I' frame the script has taken; the next frame is read when
                         all of it is */
};

static int read_all(int fd, void *buffer, size_t len)
{
    char *at = buffer;
    while (len > 0) {
        ssize_t got = read(fd, at, len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return -1;
        }
        at += got;
        len -= (size_t)got;
    }
    return 0;
}

static int write_all(int fd, const void *buffer, size_t len)
{
    const char *at = buffer;
    while (len > 0) {
        ssize_t put = send(fd, at, len, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return -1;
        }
        at += put;
        len -= (size_t)put;
    }
    return 0;
}

static int send_frame(int socket, char type, const void *payload, size_t len)
{
    uint8_t frame[FRAME_HEADER + OUTPUT_CHUNK];
    uint32_t big_endian = htonl((uint32_t)len);
    frame[0] = (uint8_t)type;
    memcpy(frame + 1, &big_endian, sizeof big_endian);
    memcpy(frame + FRAME_HEADER, payload, len);
    return write_all(socket, frame, FRAME_HEADER + len);
}

static int send_number(int socket, char type, int number)
{
    char text[16];
    int len = snprintf(text, sizeof text, "%d", number);
    return send_frame(socket, type, text, (size_t)len);
}

static int receive_frame(int socket, struct frame *frame)
{
    uint8_t header[FRAME_HEADER];
    uint32_t big_endian;
    if (read_all(socket, header, sizeof header) != 0) {
        return -1;
    }
    memcpy(&big_endian, header + 1, sizeof big_endian);
    frame->type = header[0];
    frame->len = ntohl(big_endian);
    if (frame->len > FRAME_MAX || read_all(socket, frame->payload, frame->len) != 0) {
        return -1;
    }
    frame->payload[frame->len] = '\0';
    return 0;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

static void become_shell(const int in[2], const int out[2], const int err[2], char *script)
{
    sigset_t none;
    char *const argv[] = {"sh", "-c", script, NULL};
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setsid();
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    execv("/bin/sh", argv);
    _exit(127);
}

/* Starts the script of session->frame. The pipes' far ends are close-on-exec, so the script
 * inherits its three only. */
static int start_script(struct session *session)
{
    int in[2];
    int out[2];
    int err[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) {
        return -1;
    }
    session->shell = fork();
    if (session->shell == 0) {
        become_shell(in, out, err, session->frame.payload);
    }
    close(in[0]);
    close(out[1]);
    close(err[1]);
    session->in = in[1];
    session->out = out[0];
    session->err = err[0];
    fcntl(session->in, F_SETFL, O_NONBLOCK);
    fcntl(session->out, F_SETFL, O_NONBLOCK);
    fcntl(session->err, F_SETFL, O_NONBLOCK);
    session->in_sent = 0;
    session->frame.len = 0;
    return session->shell > 0 ? send_number(session->socket, 'P', (int)session->shell) : -1;
}

/* Passes on one chunk; returns 1 if there may be more, 0 if there is nothing now, -1 if the
 * connection is gone. */
static int forward_output(struct session *session, int *fd, char type)
{
    char chunk[OUTPUT_CHUNK];
    ssize_t got = *fd < 0 ? 0 : read(*fd, chunk, sizeof chunk);
    if (got > 0) {
        return send_frame(session->socket, type, chunk, (size_t)got) == 0 ? 1 : -1;
    }
    if (got == 0) {
        close_fd(fd);
    }
    return 0;
}

static int drain_output(struct session *session, int *fd, char type)
{
    int more;
    do {
        more = forward_output(session, fd, type);
    } while (more > 0);
    return more;
}

static bool input_is_pending(const struct session *session)
{
    return session->frame.type == 'I' && session->in_sent < session->frame.len && session->in >= 0;
}

static void feed_input(struct session *session)
{
    ssize_t put = write(session->in, session->frame.payload + session->in_sent,
                        session->frame.len - session->in_sent);
    if (put > 0) {
        session->in_sent += (uint32_t)put;
    } else if (errno != EAGAIN && errno != EINTR) {
        close_fd(
            &session
                 ->in); /* The script reads no more; further input is dropped, as a pipe would. */
    }
}

static int handle_frame(struct session *session)
{
    if (receive_frame(session->socket, &session->frame) != 0) {
        return -1;
    }
    switch (session->frame.type) {
    case 'I':
        session->in_sent = 0;
        return 0;
    case 'E':
        close_fd(&session->in);
        return 0;
    case 'K':
        kill(-session->shell, (int)strtol(session->frame.payload, NULL, 10));
        return 0;
    default:
        return -1;
    }
}

/* Returns 1 once the shell has ended and everything it wrote has been sent, 0 if it still runs, -1
 * on a lost peer. */
static int reap_shell(struct session *session)
{
    struct signalfd_siginfo info;
    int status;
    int code;
    ssize_t got = read(session->signals, &info, sizeof info);
    (void)got; /* Only clears the signal; waitpid says what happened. */
    if (waitpid(session->shell, &status, WNOHANG) != session->shell) {
        return 0;
    }
    code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (drain_output(session, &session->out, 'O') < 0 ||
        drain_output(session, &session->err, 'R') < 0) {
        return -1;
    }
    return send_number(session->socket, 'X', code) == 0 ? 1 : -1;
}

/* One turn of the loop: the same result as reap_shell. */
static int serve_once(struct session *session)
{
    bool feeding = input_is_pending(session);
    struct pollfd fds[] = {
        {.fd = session->out, .events = POLLIN},
        {.fd = session->err, .events = POLLIN},
        {.fd = session->signals, .events = POLLIN},
        {.fd = feeding ? session->in : -1, .events = POLLOUT},
        {.fd = session->socket, .events = (short)(feeding ? POLLRDHUP : POLLIN)},
    };
    if (poll(fds, sizeof fds / sizeof fds[0], -1) < 0) {
        return errno == EINTR ? 0 : -1;
    }
    if (fds[0].revents && forward_output(session, &session->out, 'O') < 0) {
        return -1;
    }
    if (fds[1].revents && forward_output(session, &session->err, 'R') < 0) {
        return -1;
    }
    if (fds[3].revents) {
        feed_input(session);
    }
    if (fds[4].revents && (feeding || handle_frame(session) != 0)) {
        return -1;
    }
    return fds[2].revents ? reap_shell(session) : 0;
}

static void serve(int socket)
{
    static struct session session;
    sigset_t child;
    int done;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    signal(SIGCHLD, SIG_DFL);
    sigprocmask(SIG_BLOCK, &child, NULL);
    session.socket = socket;
    session.signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (receive_frame(socket, &session.frame) != 0 || session.frame.type != 'S' ||
        start_script(&session) != 0) {
        return;
    }
    do {
        done = serve_once(&session);
    } while (done == 0);
    if (done < 0) {
        kill(-session.shell, SIGKILL);
    }
}

static int listen_socket(void)
{
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(LISTEN_PORT)};
    address.sin_addr.s_addr = htonl(INADDR_ANY);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(fd, LISTEN_BACKLOG) != 0) {
        perror("vm_exec: listen");
        exit(1);
    }
    return fd;
}

int main(void)
{
    int on = 1;
    int listener = listen_socket();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_IGN); /* As PID 1 this also reaps the orphans. */
    puts("TTYFERRY-VM-READY");
    fflush(stdout);
    for (;;) {
        int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (client < 0) {
            continue;
        }
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (fork() == 0) {
            close(listener);
            serve(client);
            _exit(0);
        }
        close(client);
    }
}
