#include "shared/link/local_endpoint.h"

#include <windows.h>

#include <fcntl.h>
#include <io.h>
#include <sddl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/link/inbox.h"
#include "shared/link/link_error.h"
#include "shared/link/local_pipe_win.h"

#define ENDPOINT_BUFFER_SIZE (64u * 1024)
/* Windows refused another instance of the pipe: how long until it is asked again. */
#define ENDPOINT_RETRY_MS 500u

/* libuv creates its pipes without a security descriptor and open to remote clients, so that the
 * instances are made here. A thread waits for a client on one instance at a time and hands the
 * connected ones to the loop. */
struct local_endpoint {
    wchar_t path[LOCAL_PIPE_PATH_SIZE];
    PSECURITY_DESCRIPTOR descriptor;
    HANDLE stop;
    HANDLE connected;
    HANDLE next; /* the instance that waits for a client; the thread's once it runs */
    uv_thread_t thread;
    struct inbox *inbox;
    HANDLE client; /* during on_client */
    bool closing;
    uv_timer_t closer; /* never started: its close callback is where on_closed runs */
    const struct local_endpoint_callbacks *callbacks;
    void *context;
};

/* GA for the user and SYSTEM and for nobody else, no inheritance; the owner is named because an
 * elevated process would own it as "Administrators", which local_client does not trust. */
static int make_descriptor(PSECURITY_DESCRIPTOR *descriptor)
{
    char sid[LOCAL_PIPE_SID_SIZE];
    char sddl[2 * LOCAL_PIPE_SID_SIZE + 64];
    int result = local_pipe_user_sid(sid);

    if (result != 0) {
        return result;
    }
    snprintf(sddl, sizeof sddl, "O:%sD:P(A;;GA;;;%s)(A;;GA;;;SY)", sid, sid);
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorA(sddl, SDDL_REVISION_1, descriptor,
                                                              NULL)) {
        return local_pipe_error(GetLastError());
    }
    return 0;
}

static HANDLE create_instance(const struct local_endpoint *endpoint, DWORD flags)
{
    SECURITY_ATTRIBUTES attributes = {
        .nLength = sizeof attributes,
        .lpSecurityDescriptor = endpoint->descriptor,
    };

    return CreateNamedPipeW(
        endpoint->path, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | flags,
        PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS,
        PIPE_UNLIMITED_INSTANCES, ENDPOINT_BUFFER_SIZE, ENDPOINT_BUFFER_SIZE, 0, &attributes);
}

static int create_first_instance(struct local_endpoint *endpoint)
{
    DWORD error;

    /* Asked beforehand, because CreateNamedPipeW answers "access denied" to a taken name, and
     * because Wine stores FILE_FLAG_FIRST_PIPE_INSTANCE without heeding it. */
    if (WaitNamedPipeW(endpoint->path, 1) || GetLastError() == ERROR_SEM_TIMEOUT) {
        return ERR_EXISTS;
    }
    endpoint->next = create_instance(endpoint, FILE_FLAG_FIRST_PIPE_INSTANCE);
    if (endpoint->next != INVALID_HANDLE_VALUE) {
        return 0;
    }
    error = GetLastError();
    return error == ERROR_ACCESS_DENIED || error == ERROR_PIPE_BUSY ? ERR_EXISTS
                                                                    : local_pipe_error(error);
}

static bool is_stopped(const struct local_endpoint *endpoint, DWORD wait_ms)
{
    return WaitForSingleObject(endpoint->stop, wait_ms) == WAIT_OBJECT_0;
}

/* Thread: waits for the pending ConnectNamedPipe. Returns false if it failed or the endpoint is
 * being closed; nothing refers to `overlapped` any more then. */
static bool wait_until_connected(struct local_endpoint *endpoint, OVERLAPPED *overlapped)
{
    HANDLE events[] = {endpoint->stop, endpoint->connected};
    DWORD unused;

    if (WaitForMultipleObjects(2, events, FALSE, INFINITE) == WAIT_OBJECT_0) {
        CancelIoEx(endpoint->next, overlapped);
    }
    return GetOverlappedResult(endpoint->next, overlapped, &unused, TRUE) != 0;
}

/* Thread: one try to connect a client to the waiting instance. */
static bool connect_client(struct local_endpoint *endpoint)
{
    OVERLAPPED overlapped = {.hEvent = endpoint->connected};
    DWORD error;

    if (ConnectNamedPipe(endpoint->next, &overlapped)) {
        return true;
    }
    error = GetLastError();
    if (error == ERROR_PIPE_CONNECTED ||
        (error == ERROR_IO_PENDING && wait_until_connected(endpoint, &overlapped))) {
        return true;
    }
    /* The client came and went; the instance is good for the next one. */
    DisconnectNamedPipe(endpoint->next);
    if (error != ERROR_NO_DATA && error != ERROR_IO_PENDING) {
        is_stopped(endpoint, ENDPOINT_RETRY_MS); /* Whatever it is, do not spin on it. */
    }
    return false;
}

/* Thread: hands the connected instance over and puts a new one in its place, first the latter, so
 * that the name never vanishes. */
static void hand_over(struct local_endpoint *endpoint)
{
    HANDLE client = endpoint->next;

    endpoint->next = create_instance(endpoint, 0);
    if (inbox_put(endpoint->inbox, &client) != 0) {
        CloseHandle(client);
    }
    while (endpoint->next == INVALID_HANDLE_VALUE && !is_stopped(endpoint, ENDPOINT_RETRY_MS)) {
        endpoint->next = create_instance(endpoint, 0);
    }
}

static void serve(void *context)
{
    struct local_endpoint *endpoint = context;

    while (!is_stopped(endpoint, 0)) {
        if (connect_client(endpoint)) {
            hand_over(endpoint);
        }
    }
}

static void on_inbox_client(void *context, const void *item)
{
    struct local_endpoint *endpoint = context;

    endpoint->client = *(const HANDLE *)item;
    if (!endpoint->closing) {
        endpoint->callbacks->on_client(endpoint->context);
    }
    if (endpoint->client) { /* It was not accepted. */
        CloseHandle(endpoint->client);
        endpoint->client = NULL;
    }
}

static void on_inbox_overflow(void *context, uint64_t lost)
{
    (void)context;
    log_warning("%llu readers of the event stream came too fast and were refused",
                (unsigned long long)lost);
}

static void destroy(struct local_endpoint *endpoint)
{
    if (endpoint->next != INVALID_HANDLE_VALUE) {
        CloseHandle(endpoint->next);
    }
    if (endpoint->stop) {
        CloseHandle(endpoint->stop);
    }
    if (endpoint->connected) {
        CloseHandle(endpoint->connected);
    }
    LocalFree(endpoint->descriptor);
    free(endpoint);
}

static int create(const char *path, struct local_endpoint **endpoint)
{
    struct local_endpoint *created = calloc(1, sizeof *created);
    int result = ERR_NOMEM;

    if (!created) {
        return ERR_NOMEM;
    }
    created->next = INVALID_HANDLE_VALUE;
    created->stop = CreateEventW(NULL, TRUE, FALSE, NULL);
    created->connected = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (!created->stop || !created->connected) {
        goto destroy;
    }
    result = local_pipe_path_to_wide(path, created->path);
    if (result != 0) {
        goto destroy;
    }
    result = make_descriptor(&created->descriptor);
    if (result != 0) {
        goto destroy;
    }
    *endpoint = created;
    return 0;

destroy:
    destroy(created);
    return result;
}

/* The loop's side comes before the thread, which needs the inbox from its start. */
static int start(uv_loop_t *loop, struct local_endpoint *endpoint)
{
    int result = create_first_instance(endpoint);

    if (result != 0) {
        return result;
    }
    result = inbox_open(loop, sizeof(HANDLE), LOCAL_ENDPOINT_WAITING_MAX, on_inbox_client,
                        on_inbox_overflow, endpoint, &endpoint->inbox);
    if (result != 0) {
        return result;
    }
    result = link_error_from_uv(uv_thread_create(&endpoint->thread, serve, endpoint));
    if (result != 0) {
        inbox_close(endpoint->inbox);
    }
    return result;
}

int local_endpoint_open(uv_loop_t *loop, const char *path, const char *group,
                        const struct local_endpoint_callbacks *callbacks, void *context,
                        struct local_endpoint **endpoint)
{
    struct local_endpoint *created;
    int result = create(path, &created);

    (void)group;
    if (result != 0) {
        return result;
    }
    created->callbacks = callbacks;
    created->context = context;
    result = start(loop, created);
    if (result != 0) {
        destroy(created);
        return result;
    }
    uv_timer_init(loop, &created->closer); /* Documented never to fail. */
    created->closer.data = created;
    *endpoint = created;
    return 0;
}

int local_endpoint_accept(struct local_endpoint *endpoint, uv_pipe_t *pipe)
{
    int file = _open_osfhandle((intptr_t)endpoint->client, _O_BINARY);
    int result;

    if (file < 0) {
        return ERR_NOMEM;
    }
    endpoint->client = NULL; /* It is the file's now. */
    result = link_error_from_uv(uv_pipe_open(pipe, file));
    if (result != 0) {
        _close(file);
    }
    return result;
}

static void on_closer_closed(uv_handle_t *handle)
{
    struct local_endpoint *endpoint = handle->data;

    endpoint->callbacks->on_closed(endpoint->context);
    destroy(endpoint);
}

void local_endpoint_close(struct local_endpoint *endpoint)
{
    endpoint->closing = true;
    SetEvent(endpoint->stop);
    uv_thread_join(&endpoint->thread); /* It waits for nothing but `stop` and clients. */
    if (endpoint->next != INVALID_HANDLE_VALUE) {
        CloseHandle(endpoint->next); /* The name goes now, not when the loop gets to it. */
        endpoint->next = INVALID_HANDLE_VALUE;
    }
    inbox_drain(endpoint->inbox);
    inbox_close(endpoint->inbox);
    uv_close((uv_handle_t *)&endpoint->closer, on_closer_closed);
}
