#include "process_handles.h"

#include <stdlib.h>
#include <tlhelp32.h>
#include <wchar.h>
#include <winternl.h>

/* Absent from the mingw headers. */
#define SYSTEM_EXTENDED_HANDLE_INFORMATION ((SYSTEM_INFORMATION_CLASS)64)

enum { FIRST_SIZE = 1 << 18, LARGEST_SIZE = 1 << 26 };

struct handle_entry {
    void *object;
    ULONG_PTR pid;
    ULONG_PTR handle;
    ULONG access;
    USHORT creator_backtrace;
    USHORT object_type;
    ULONG attributes;
    ULONG reserved;
};

struct handle_table {
    ULONG_PTR count;
    ULONG_PTR reserved;
    struct handle_entry entries[];
};

DWORD process_handles_find(const wchar_t *image, DWORD *pid)
{
    HANDLE snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
    PROCESSENTRY32W entry = {.dwSize = sizeof(entry)};
    DWORD error = ERROR_NOT_FOUND;
    DWORD found = 0;

    if (snapshot == INVALID_HANDLE_VALUE)
        return GetLastError();
    for (BOOL more = Process32FirstW(snapshot, &entry); more;
         more = Process32NextW(snapshot, &entry)) {
        if (_wcsicmp(entry.szExeFile, image) != 0)
            continue;
        error = error == ERROR_NOT_FOUND ? ERROR_SUCCESS : ERROR_MORE_DATA;
        found = entry.th32ProcessID;
    }
    CloseHandle(snapshot);
    if (!error)
        *pid = found;
    return error;
}

/* The caller frees the table. */
static struct handle_table *handle_table_get(void)
{
    for (ULONG size = FIRST_SIZE; size <= LARGEST_SIZE; size *= 2) {
        struct handle_table *table = malloc(size);
        NTSTATUS status;

        if (!table)
            return NULL;
        status = NtQuerySystemInformation(SYSTEM_EXTENDED_HANDLE_INFORMATION, table, size, NULL);
        if (NT_SUCCESS(status))
            return table;
        free(table);
    }
    return NULL;
}

/* Counted from the system's table, because Wine's GetProcessHandleCount says 0 for every process.
 */
DWORD process_handles_count(DWORD pid, DWORD *count)
{
    struct handle_table *table = handle_table_get();
    DWORD found = 0;

    if (!table)
        return ERROR_GEN_FAILURE;
    for (ULONG_PTR i = 0; i < table->count; i++)
        found += table->entries[i].pid == pid;
    free(table);
    if (!found)
        return ERROR_NOT_FOUND;
    *count = found;
    return ERROR_SUCCESS;
}
