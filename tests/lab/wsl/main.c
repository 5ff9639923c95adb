/*
 * The lab's wsl.exe: hands its arguments and stdio to wsl_service.py, which plays WSL, and ends
 * with the exit code that it is told.
 *
 * A killed wsl.exe ends its connection, by which the service knows. So does one whose reader is
 * gone: what a Linux program would write then ends it too.
 */
#include <winsock2.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

#include "service_link.h"

/* A command line has at most 32767 characters, each of at most 3 bytes in UTF-8, and an empty
 * argument adds its NUL. */
enum { CALL_BYTES = 4 * 32768, STDIN_BYTES = 16384 };

/* Appends a string and its NUL; what does not fit any more is left out. */
static int append(char call[CALL_BYTES], int len, const wchar_t *text)
{
    return len +
           WideCharToMultiByte(CP_UTF8, 0, text, -1, call + len, CALL_BYTES - len, NULL, NULL);
}

static bool send_call(SOCKET service, int argc, wchar_t **argv)
{
    static char call[CALL_BYTES];
    const wchar_t *utf8 = _wgetenv(L"WSL_UTF8");
    int len = append(call, 0, utf8 ? utf8 : L"");

    for (int i = 1; i < argc; i++)
        len = append(call, len, argv[i]);
    return service_link_send(service, 'A', call, len);
}

static DWORD WINAPI send_stdin(void *context)
{
    SOCKET service = (SOCKET)(UINT_PTR)context;
    HANDLE in = GetStdHandle(STD_INPUT_HANDLE);
    char chunk[STDIN_BYTES];
    DWORD got;

    while (ReadFile(in, chunk, sizeof(chunk), &got, NULL) && got > 0) {
        if (!service_link_send(service, 'I', chunk, (int)got))
            return 0;
    }
    service_link_send(service, 'E', "", 0);
    return 0;
}

static bool write_all(DWORD which, const struct service_frame *frame)
{
    HANDLE out = GetStdHandle(which);
    DWORD done = 0;
    DWORD put;

    while (done < (DWORD)frame->len) {
        if (!WriteFile(out, frame->payload + done, (DWORD)frame->len - done, &put, NULL))
            return false;
        done += put;
    }
    return true;
}

/* Returns whether there is more to come; exit_code stays as it is until the service tells it. */
static bool handle(SOCKET service, const struct service_frame *frame, int *exit_code)
{
    HANDLE reader;

    switch (frame->type) {
    case 'G':
        reader = CreateThread(NULL, 0, send_stdin, (void *)(UINT_PTR)service, 0, NULL);
        return reader && CloseHandle(reader);
    case 'O':
        return write_all(STD_OUTPUT_HANDLE, frame);
    case 'R':
        return write_all(STD_ERROR_HANDLE, frame);
    case 'X':
        *exit_code = (int)strtol(frame->payload, NULL, 10);
        return false;
    default:
        return false;
    }
}

int wmain(int argc, wchar_t **argv)
{
    static struct service_frame frame;
    int exit_code = -1;
    SOCKET service = service_link_open();

    if (service == INVALID_SOCKET || !send_call(service, argc, argv)) {
        fputs("wsl: the lab's service is not there\n", stderr);
        return exit_code;
    }
    while (service_link_receive(service, &frame) && handle(service, &frame, &exit_code)) {
    }
    shutdown(service, SD_SEND);
    /* The thread that reads stdin may wait for more, and ends with the process. */
    ExitProcess((UINT)exit_code);
}
