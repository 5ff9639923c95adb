#include <windows.h>

#include <aclapi.h>
#include <sddl.h>
#include <stdio.h>
#include <wchar.h>

#include "shared/core/error.h"
#include "shared/core/text.h"
#include "shared/link/key_file_os.h"
#include "shared/link/local_pipe_win.h"

#define DEFAULT_TAIL "\\ttyferry\\key"
#define NEW_TAIL L".new"
#define SDDL_SIZE (2 * LOCAL_PIPE_SID_SIZE + 64)
/* Enough for a path of KEY_FILE_PATH_SIZE bytes, of which UTF-16 has no more units, and a tail. */
#define WIDE_SIZE (KEY_FILE_PATH_SIZE + 8)

/* What lets somebody learn the key, put another one there, or change who may. */
#define KEY_RIGHTS                                                                                 \
    (FILE_READ_DATA | FILE_WRITE_DATA | FILE_APPEND_DATA | DELETE | WRITE_DAC | WRITE_OWNER |      \
     GENERIC_READ | GENERIC_WRITE | GENERIC_ALL)

int key_file_default_path(char path[KEY_FILE_PATH_SIZE])
{
    wchar_t folder[KEY_FILE_PATH_SIZE];
    char whole[KEY_FILE_PATH_SIZE];
    DWORD len = GetEnvironmentVariableW(L"LOCALAPPDATA", folder, KEY_FILE_PATH_SIZE);
    int written;

    if (len == 0) {
        return ERR_NOT_FOUND;
    }
    written = len < KEY_FILE_PATH_SIZE
                  ? WideCharToMultiByte(CP_UTF8, 0, folder, -1, whole,
                                        (int)(sizeof whole - sizeof DEFAULT_TAIL), NULL, NULL)
                  : 0;
    if (written <= 0) {
        return ERR_TOO_LONG;
    }
    snprintf(path, KEY_FILE_PATH_SIZE, "%s" DEFAULT_TAIL, whole);
    return 0;
}

static int path_to_wide(const char *path, const wchar_t *tail, wchar_t wide[WIDE_SIZE])
{
    int count = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide,
                                    WIDE_SIZE - (int)wcslen(tail));

    if (count <= 0) {
        return GetLastError() == ERROR_INSUFFICIENT_BUFFER ? ERR_TOO_LONG : ERR_INVALID;
    }
    wcscat(wide, tail);
    return 0;
}

static int refuse(const struct key_file *file, const char *what, char reason[KEY_FILE_REASON_SIZE])
{
    snprintf(reason, KEY_FILE_REASON_SIZE,
             "the key file %s %s: `ttyferry.exe pair --renew` makes a new one that nobody else can "
             "read",
             file->path, what);
    return ERR_DENIED;
}

/* This user, and who can do on this machine whatever they like. */
static bool is_trusted(PSID sid, PSID user)
{
    return EqualSid(sid, user) || IsWellKnownSid(sid, WinLocalSystemSid) ||
           IsWellKnownSid(sid, WinBuiltinAdministratorsSid);
}

/* Denying entries only take away, and entries for what will be made in a folder don't count. Any
 * other kind than a plain allowing one is not understood, and so taken for one that lets others in.
 */
static bool lets_others_in(PACL list, PSID user)
{
    for (DWORD i = 0; i < list->AceCount; i++) {
        ACCESS_ALLOWED_ACE *entry;

        if (!GetAce(list, i, (void **)&entry)) {
            return true;
        }
        if (entry->Header.AceType == ACCESS_DENIED_ACE_TYPE ||
            (entry->Header.AceFlags & INHERIT_ONLY_ACE) != 0) {
            continue;
        }
        if (entry->Header.AceType != ACCESS_ALLOWED_ACE_TYPE ||
            ((entry->Mask & KEY_RIGHTS) != 0 && !is_trusted(&entry->SidStart, user))) {
            return true;
        }
    }
    return false;
}

static int check_access(const struct key_file *file, HANDLE handle,
                        char reason[KEY_FILE_REASON_SIZE])
{
    struct local_pipe_user user = {0};
    PSECURITY_DESCRIPTOR descriptor = NULL;
    PSID owner;
    PACL list;
    DWORD error;
    int result = local_pipe_token_user(&user);

    if (result != 0) {
        return result;
    }
    error = GetSecurityInfo(handle, SE_FILE_OBJECT,
                            OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, &owner, NULL,
                            &list, NULL, &descriptor);
    if (error != ERROR_SUCCESS) {
        return local_pipe_error(error);
    }
    if (owner == NULL || !is_trusted(owner, user.token.user.User.Sid)) {
        result = refuse(file, "belongs to another user", reason);
    } else if (list == NULL || lets_others_in(list, user.token.user.User.Sid)) {
        result = refuse(file, "can be read or written by others", reason);
    }
    LocalFree(descriptor);
    return result;
}

static int check(const struct key_file *file, HANDLE handle, char reason[KEY_FILE_REASON_SIZE])
{
    BY_HANDLE_FILE_INFORMATION about;

    if (!GetFileInformationByHandle(handle, &about)) {
        return local_pipe_error(GetLastError());
    }
    if ((about.dwFileAttributes & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT)) != 0) {
        return refuse(file, "is no regular file", reason);
    }
    return check_access(file, handle, reason);
}

int key_file_os_read(const struct key_file *file, char content[KEY_FILE_CONTENT_MAX], size_t *len,
                     char reason[KEY_FILE_REASON_SIZE])
{
    wchar_t path[WIDE_SIZE];
    DWORD count = 0;
    HANDLE handle;
    int result = path_to_wide(file->path, L"", path);

    if (result != 0) {
        return result;
    }
    handle = CreateFileW(
        path, GENERIC_READ | READ_CONTROL, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
        NULL, OPEN_EXISTING, FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_BACKUP_SEMANTICS, NULL);
    if (handle == INVALID_HANDLE_VALUE) {
        return local_pipe_error(GetLastError());
    }
    result = check(file, handle, reason);
    if (result == 0 && !ReadFile(handle, content, KEY_FILE_CONTENT_MAX, &count, NULL)) {
        result = local_pipe_error(GetLastError());
    }
    CloseHandle(handle);
    if (result == 0) {
        *len = count;
    }
    return result;
}

/* The owner and SYSTEM, and nothing inherited from the folder. */
static int make_descriptor(PSECURITY_DESCRIPTOR *descriptor)
{
    char sid[LOCAL_PIPE_SID_SIZE];
    char sddl[SDDL_SIZE];
    int result = local_pipe_user_sid(sid);

    if (result != 0) {
        return result;
    }
    snprintf(sddl, sizeof sddl, "O:%sD:P(A;;FA;;;%s)(A;;FA;;;SY)", sid, sid);
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorA(sddl, SDDL_REVISION_1, descriptor,
                                                              NULL)) {
        return local_pipe_error(GetLastError());
    }
    return 0;
}

static int write_new(const wchar_t *path, const char *content, size_t len,
                     SECURITY_ATTRIBUTES *attributes)
{
    DWORD count = 0;
    HANDLE handle;
    int result = 0;

    handle =
        CreateFileW(path, GENERIC_WRITE, 0, attributes, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, NULL);
    if (handle == INVALID_HANDLE_VALUE) {
        return local_pipe_error(GetLastError());
    }
    if (!WriteFile(handle, content, (DWORD)len, &count, NULL) || !FlushFileBuffers(handle)) {
        result = local_pipe_error(GetLastError());
    } else if (count != len) {
        result = ERR_IO;
    }
    CloseHandle(handle);
    return result;
}

static void make_folder(const wchar_t *path)
{
    wchar_t folder[WIDE_SIZE];
    wchar_t *slash;

    wcscpy(folder, path);
    slash = wcsrchr(folder, L'\\');
    if (slash != NULL) {
        *slash = L'\0';
        (void)CreateDirectoryW(folder, NULL);
    }
}

int key_file_os_write(const struct key_file *file, const char *content, size_t len)
{
    wchar_t path[WIDE_SIZE];
    wchar_t new_path[WIDE_SIZE];
    SECURITY_ATTRIBUTES attributes = {.nLength = sizeof attributes};
    int result = path_to_wide(file->path, L"", path);

    if (result == 0) {
        result = path_to_wide(file->path, NEW_TAIL, new_path);
    }
    if (result == 0) {
        result = make_descriptor(&attributes.lpSecurityDescriptor);
    }
    if (result != 0) {
        return result;
    }
    make_folder(path);
    (void)DeleteFileW(new_path); /* of a writer that was killed */
    result = write_new(new_path, content, len, &attributes);
    LocalFree(attributes.lpSecurityDescriptor);
    if (result == 0 &&
        !MoveFileExW(new_path, path, MOVEFILE_WRITE_THROUGH | MOVEFILE_REPLACE_EXISTING)) {
        result = local_pipe_error(GetLastError());
    }
    if (result != 0) {
        (void)DeleteFileW(new_path);
    }
    return result;
}
