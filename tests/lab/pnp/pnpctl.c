/*
 * pnpctl.exe: plugs and unplugs boards in a Wine prefix, by way of pnpbus.sys, and plays the part
 * of usbipd-win that lives in the registry.  See `usage` below for the grammar.
 */
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

#include "board.h"
#include "bus_client.h"
#include "json_out.h"
#include "lab_registry.h"
#include "process_handles.h"
#include "request.h"
#include "usbipd_mutex.h"
#include "usbipd_registry.h"

static const char usage[] =
    "usage: pnpctl install PATH_TO_SYS   install and start the bus driver\n"
    "       pnpctl serve                 read requests from standard input\n"
    "\n"
    "A request is one line:  VERB KEY=VALUE KEY=\"VALUE\" ...  A bare value ends at white space "
    "and is\n"
    "taken as it stands; in a quoted one \\\\ \\\" \\xHH \\uHHHH are escapes (one UTF-16 unit, not "
    "NUL).\n"
    "Each request is answered by one line, when Windows has acted on it completely:\n"
    "\"ok\", \"ok JSON\" or \"error TEXT\".\n"
    "\n"
    "plug id=USB\\VID_1A86&PID_7523 instance=5&1A2B&0&3   device id and instance, the two parts "
    "of\n"
    "                                                    the full instance id\n"
    "     hub=1 port=3         location, also Hub_# and Port_# of LocationInfo; location=TEXT\n"
    "                          replaces that LocationInfo\n"
    "     desc=TEXT name=TEXT product=TEXT    description, friendly name (\"desc (COM7)\" when "
    "there\n"
    "                          is a port), the USB product string (desc)\n"
    "     hwids=A;B compat=A;B lists of ids\n"
    "     driver=no            no driver (Code 28): the node is there, without any interface\n"
    "     com=COM7 on=node|child     a COM port, on the node or on a child node of its own, which\n"
    "     child=FULL_ID child_desc=TEXT child_compat=A;B    describe\n"
    "com instance=FULL_ID com=COM7 ...  the COM port alone, later; keys as above, from com on,\n"
    "                          and name\n"
    "com-gone instance=FULL_ID the COM port (and its child) goes, the board stays\n"
    "interface instance=FULL_ID class=usb|com state=on|off  one interface of any node\n"
    "notice what=arrival|removal class=usb|com instance=FULL_ID   tells every window so, whatever "
    "is\n"
    "                          true and however the id is spelt\n"
    "unplug instance=FULL_ID   child first, then the node\n"
    "list                      ok [{\"instance\":..,\"com\":..,\"child\":..}]\n"
    "usbipd folder=TEXT version=TEXT   usbipd-win's installation, in the registry\n"
    "bind instance=FULL_ID desc=TEXT   shares a board: ok {\"guid\":..}\n"
    "unbind instance=FULL_ID\n"
    "sharing instance=FULL_ID busid=1-3 hardware=1A86:7523   ok {\"guid\":..,\"allowed\":..}: its "
    "entry's,\n"
    "                          or null; and whether the policy allows it\n"
    "attached instance=FULL_ID stub=FULL_ID busid=1-3 address=TEXT   a client has a board\n"
    "released instance=FULL_ID  it has it no more\n"
    "policy effect=Allow|Deny busid=1-3 hardware=1A86:7523   adds a rule; one of the two may be "
    "left out\n"
    "policy-forget             removes every rule\n"
    "service state=on|off port=N      whether usbipd-win's service seems to run, and where it "
    "hears\n"
    "                          usbipd.exe\n"
    "rights as=admin|user|cancelled      who runs usbipd.exe\n"
    "resume                    tells every window that the machine slept and is awake again\n"
    "handles pid=N | image=NAME.exe    ok {\"pid\":..,\"handles\":..}\n";

struct verb {
    const wchar_t *name;
    const wchar_t *required;
    const wchar_t *optional;
    int answers; /* prints its own "ok JSON" line when it succeeds */
    DWORD (*run)(struct board_set *set, const struct request *request);
};

static DWORD run_list(struct board_set *set, const struct request *request)
{
    (void)request;
    fputs("ok ", stdout);
    board_print_all(set);
    putchar('\n');
    return ERROR_SUCCESS;
}

static DWORD run_usbipd(struct board_set *set, const struct request *request)
{
    (void)set;
    return usbipd_registry_install(
        request_get(request, L"folder", L"C:\\Program Files\\usbipd-win\\"),
        request_get(request, L"version", L"5.3.0"));
}

static DWORD run_bind(struct board_set *set, const struct request *request)
{
    wchar_t guid[USBIPD_REGISTRY_GUID_CHARS];
    DWORD error = usbipd_registry_bind(request_get(request, L"instance", L""),
                                       request_get(request, L"desc", L""), guid);

    (void)set;
    if (error)
        return error;
    fputs("ok {", stdout);
    json_out_member("guid", guid, 1);
    puts("}");
    return ERROR_SUCCESS;
}

static DWORD run_unbind(struct board_set *set, const struct request *request)
{
    (void)set;
    return usbipd_registry_unbind(request_get(request, L"instance", L""));
}

static DWORD run_sharing(struct board_set *set, const struct request *request)
{
    wchar_t guid[USBIPD_REGISTRY_GUID_CHARS];
    DWORD error = usbipd_registry_find(request_get(request, L"instance", L""), guid);

    (void)set;
    if (error && error != ERROR_NOT_FOUND)
        return error;
    fputs("ok {", stdout);
    json_out_member("guid", error ? NULL : guid, 1);
    printf(",\"allowed\":%s}\n",
           usbipd_registry_policy_allows(request_get(request, L"busid", L""),
                                         request_get(request, L"hardware", L""))
               ? "true"
               : "false");
    return ERROR_SUCCESS;
}

static DWORD run_attached(struct board_set *set, const struct request *request)
{
    (void)set;
    return usbipd_registry_attach(
        request_get(request, L"instance", L""), request_get(request, L"stub", L""),
        request_get(request, L"busid", L""), request_get(request, L"address", L""));
}

static DWORD run_released(struct board_set *set, const struct request *request)
{
    (void)set;
    return usbipd_registry_release(request_get(request, L"instance", L""));
}

static DWORD run_policy(struct board_set *set, const struct request *request)
{
    (void)set;
    return usbipd_registry_allow(request_get(request, L"effect", L""),
                                 request_get(request, L"busid", NULL),
                                 request_get(request, L"hardware", NULL));
}

static DWORD run_policy_forget(struct board_set *set, const struct request *request)
{
    (void)set;
    (void)request;
    return usbipd_registry_forget_policy();
}

static DWORD run_service(struct board_set *set, const struct request *request)
{
    DWORD error = lab_registry_set(LAB_REGISTRY_PORT, request_get(request, L"port", L""));

    (void)set;
    if (error)
        return error;
    return usbipd_mutex_hold(!wcscmp(request_get(request, L"state", L""), L"on"));
}

static DWORD run_rights(struct board_set *set, const struct request *request)
{
    (void)set;
    return lab_registry_set(LAB_REGISTRY_RIGHTS, request_get(request, L"as", L""));
}

static BOOL CALLBACK post_resume(HWND window, LPARAM unused)
{
    (void)unused;
    PostMessageW(window, WM_POWERBROADCAST, PBT_APMRESUMEAUTOMATIC, 0);
    return TRUE;
}

static DWORD run_resume(struct board_set *set, const struct request *request)
{
    (void)set;
    (void)request;
    return EnumWindows(post_resume, 0) ? ERROR_SUCCESS : GetLastError();
}

static DWORD run_handles(struct board_set *set, const struct request *request)
{
    const wchar_t *image = request_get(request, L"image", NULL);
    DWORD pid = wcstoul(request_get(request, L"pid", L"0"), NULL, 10);
    DWORD count;
    DWORD error = image ? process_handles_find(image, &pid) : ERROR_SUCCESS;

    (void)set;
    if (!error)
        error = process_handles_count(pid, &count);
    if (error)
        return error;
    printf("ok {\"pid\":%lu,\"handles\":%lu}\n", pid, count);
    return ERROR_SUCCESS;
}

static const struct verb verbs[] = {
    {L"plug", L"id instance",
     L"hub port location desc name product hwids compat driver com on child child_desc "
     L"child_compat",
     0, board_plug},
    {L"unplug", L"instance", L"", 0, board_unplug},
    {L"com", L"instance com", L"on name child child_desc child_compat", 0, board_com},
    {L"com-gone", L"instance", L"", 0, board_com_gone},
    {L"interface", L"instance class state", L"", 0, board_interface},
    {L"notice", L"what class instance", L"", 0, board_notice},
    {L"list", L"", L"", 1, run_list},
    {L"usbipd", L"", L"folder version", 0, run_usbipd},
    {L"bind", L"instance desc", L"", 1, run_bind},
    {L"unbind", L"instance", L"", 0, run_unbind},
    {L"sharing", L"instance busid hardware", L"", 1, run_sharing},
    {L"attached", L"instance stub busid address", L"", 0, run_attached},
    {L"released", L"instance", L"", 0, run_released},
    {L"policy", L"effect", L"busid hardware", 0, run_policy},
    {L"policy-forget", L"", L"", 0, run_policy_forget},
    {L"service", L"state", L"port", 0, run_service},
    {L"rights", L"as", L"", 0, run_rights},
    {L"resume", L"", L"", 0, run_resume},
    {L"handles", L"", L"pid image", 1, run_handles},
};

static const struct verb *verb_find(const wchar_t *name)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (!wcscmp(verbs[i].name, name))
            return &verbs[i];
    }
    return NULL;
}

static void print_error(DWORD error)
{
    char text[256] = "";

    FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL, error, 0, text,
                   sizeof(text), NULL);
    text[strcspn(text, "\r\n")] = '\0';
    printf("error Windows error %lu: %s\n", error, text);
}

static void answer(struct board_set *set, const char *line)
{
    static struct request request;
    const char *fault = request_parse(&request, line);
    const struct verb *verb = fault ? NULL : verb_find(request.verb);
    const wchar_t *key;
    int missing;
    DWORD error;

    if (!verb) {
        printf("error %s\n", fault ? fault : "unknown verb");
        return;
    }
    key = request_check(&request, verb->required, verb->optional, &missing);
    if (key) {
        printf("error %s key %.*ls\n", missing ? "missing" : "unknown", (int)wcscspn(key, L" "),
               key);
        return;
    }
    error = verb->run(set, &request);
    if (error)
        print_error(error);
    else if (!verb->answers)
        puts("ok");
}

/* A line longer than a request can be ends the server: its rest would be taken for the next
 * request. */
static int serve(void)
{
    static char line[REQUEST_LINE_MAX];
    struct board_set set = {0};
    DWORD error = bus_client_open(&set.bus);

    if (error) {
        print_error(error);
        return 1;
    }
    puts("ok");
    while (fflush(stdout), fgets(line, sizeof(line), stdin)) {
        if (!strchr(line, '\n')) {
            puts("error the line is too long or does not end");
            break;
        }
        answer(&set, line);
    }
    board_set_finish(&set);
    CloseHandle(set.bus);
    return 0;
}

static int install(const wchar_t *sys_path)
{
    DWORD error = bus_client_install(sys_path);

    if (error) {
        print_error(error);
        return 1;
    }
    puts("ok");
    return 0;
}

int wmain(int argc, wchar_t **argv);

int wmain(int argc, wchar_t **argv)
{
    /* Bare line feeds on both sides: the peer is a Linux program. */
    _setmode(_fileno(stdin), _O_BINARY);
    _setmode(_fileno(stdout), _O_BINARY);
    if (argc == 3 && !wcscmp(argv[1], L"install"))
        return install(argv[2]);
    if (argc == 2 && !wcscmp(argv[1], L"serve"))
        return serve();
    if (argc == 2 && !wcscmp(argv[1], L"--help")) {
        fputs(usage, stdout);
        return 0;
    }
    fputs(usage, stderr);
    return 2;
}
