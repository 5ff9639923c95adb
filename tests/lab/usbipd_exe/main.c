/*
 * usbipd.exe: the lab's stand-in for usbipd-win's command, over the same registry and device tree.
 * Exit codes: 0 done, 1 failed, 2 the command line is wrong, 3 access denied, 4 cancelled.
 */
#include <windows.h>

#include <fcntl.h>
#include <io.h>
#include <stdarg.h>
#include <stdio.h>
#include <wchar.h>

#include "device_list.h"
#include "options.h"
#include "service_client.h"
#include "tests/lab/pnp/json_out.h"
#include "tests/lab/pnp/lab_registry.h"
#include "tests/lab/pnp/usbipd_mutex.h"
#include "tests/lab/pnp/usbipd_registry.h"

#define VERSION "5.3.0"

enum exit_code {
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_PARSE_ERROR,
    EXIT_ACCESS_DENIED,
    EXIT_CANCELLED,
};

enum { GUID_BARE_CHARS = USBIPD_REGISTRY_GUID_CHARS - 2 };

static struct device_list list;

static void report(const char *kind, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "usbipd: %s: ", kind);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

/* The same without its braces; "" stays "". */
static void guid_bare(wchar_t out[GUID_BARE_CHARS], const wchar_t *guid)
{
    swprintf(out, GUID_BARE_CHARS, L"%.36ls", guid[0] ? guid + 1 : guid);
}

static BOOL device_fits(const struct device *device, const struct options *options)
{
    const wchar_t *busid = options->values[OPTION_BUSID];
    const wchar_t *guid = options->values[OPTION_GUID];
    const wchar_t *hardware_id = options->values[OPTION_HARDWARE_ID];
    wchar_t bare[GUID_BARE_CHARS];

    guid_bare(bare, device->guid);
    return options->values[OPTION_ALL] || (busid && !wcscmp(device->busid, busid)) ||
           (guid && !_wcsicmp(bare, guid)) ||
           (hardware_id && !_wcsicmp(device->hardware_id, hardware_id));
}

/* The next device from `*index` on that the options select, or NULL. */
static struct device *device_next(const struct options *options, size_t *index)
{
    while (*index < list.count) {
        struct device *device = &list.devices[(*index)++];

        if (device_fits(device, options))
            return device;
    }
    return NULL;
}

static int report_missing(const struct options *options)
{
    const wchar_t *guid = options->values[OPTION_GUID];

    if (options->values[OPTION_ALL])
        return EXIT_DONE;
    if (options->values[OPTION_BUSID])
        report("error", "There is no device with busid '%ls'.", options->values[OPTION_BUSID]);
    else if (guid)
        report("error", "There is no device with guid '%ls'.", guid);
    else
        report("error", "No devices found with hardware-id '%ls'.",
               options->values[OPTION_HARDWARE_ID]);
    return EXIT_FAILED;
}

/* Asks after the rights that the lab has given to whoever runs this. */
static BOOL may_write(void)
{
    wchar_t rights[LAB_REGISTRY_TEXT_CHARS];

    lab_registry_get(LAB_REGISTRY_RIGHTS, rights);
    if (wcscmp(rights, L"user") != 0)
        return TRUE;
    report("error", "Access denied; this operation requires administrator privileges.");
    return FALSE;
}

static int report_result(DWORD error)
{
    if (!error)
        return EXIT_DONE;
    report("error", "Windows error %lu.", error);
    return EXIT_FAILED;
}

/* The service finds new entries by itself; the lab's is told to look. */
static void tell_service(void)
{
    if (!usbipd_mutex_is_held())
        report("warning", "The service is currently not running; a reboot should fix that.");
    else
        service_client_ask("shared", L"");
}

static const wchar_t *null_if_empty(const wchar_t *text)
{
    return text[0] ? text : NULL;
}

static int run_state(const struct options *options)
{
    (void)options;
    fputs("{\"Devices\":[", stdout);
    for (size_t i = 0; i < list.count; i++) {
        const struct device *device = &list.devices[i];
        wchar_t guid[GUID_BARE_CHARS];

        guid_bare(guid, device->guid);
        fputs(i ? ",{" : "{", stdout);
        json_out_member("BusId", null_if_empty(device->busid), 1);
        json_out_member("ClientIPAddress", null_if_empty(device->address), 0);
        json_out_member("Description", device->description, 0);
        json_out_member("InstanceId", device->instance, 0);
        printf(",\"IsForced\":%s", device->is_forced ? "true" : "false");
        json_out_member("PersistedGuid", null_if_empty(guid), 0);
        json_out_member("StubInstanceId", null_if_empty(device->stub), 0);
        putchar('}');
    }
    puts("]}");
    return EXIT_DONE;
}

static const char *state_text(const struct device *device)
{
    if (device->address[0])
        return "Attached";
    if (device->guid[0])
        return device->is_forced ? "Shared (forced)" : "Shared";
    return usbipd_registry_policy_allows(device->busid, device->hardware_id) ? "Allowed"
                                                                             : "Not shared";
}

static int run_list(const struct options *options)
{
    (void)options;
    puts("Connected:\nBUSID  VID:PID    DEVICE                                                    "
         "    STATE");
    for (size_t i = 0; i < list.count; i++) {
        const struct device *device = &list.devices[i];

        if (device->busid[0])
            printf("%-5ls  %-9ls  %-60.60ls  %s\n", device->busid, device->hardware_id,
                   device->description, state_text(device));
    }
    puts("\nPersisted:\nGUID                                  DEVICE");
    for (size_t i = 0; i < list.count; i++) {
        const struct device *device = &list.devices[i];
        wchar_t guid[GUID_BARE_CHARS];

        guid_bare(guid, device->guid);
        if (!device->busid[0])
            printf("%-36ls  %ls\n", guid, device->description);
    }
    putchar('\n');
    return EXIT_DONE;
}

static int bind_device(const struct device *device, BOOL force)
{
    wchar_t guid[USBIPD_REGISTRY_GUID_CHARS];
    DWORD error = ERROR_SUCCESS;

    if (!device->guid[0])
        error = usbipd_registry_bind(device->instance, device->description, guid);
    if (error)
        return report_result(error);
    if (force != device->is_forced &&
        !service_client_ask(force ? "force" : "unforce", device->busid)) {
        report("error", "The driver of the device could not be changed.");
        return EXIT_FAILED;
    }
    tell_service();
    return EXIT_DONE;
}

static int run_bind(const struct options *options)
{
    size_t index = 0;
    const struct device *device = device_next(options, &index);
    BOOL force = options->values[OPTION_FORCE] != NULL;

    if (!device || !device->busid[0])
        return report_missing(options);
    if (device_next(options, &index)) {
        report("error", "Multiple devices with hardware-id '%ls' were found.",
               options->values[OPTION_HARDWARE_ID]);
        return EXIT_FAILED;
    }
    if (!wcscmp(device->busid, L"IncompatibleHub")) {
        report("error", "The device is on an incompatible hub.");
        return EXIT_FAILED;
    }
    if (device->guid[0] && force == device->is_forced) {
        report("info", "Device with busid '%ls' was already shared.", device->busid);
        return EXIT_DONE;
    }
    return may_write() ? bind_device(device, force) : EXIT_ACCESS_DENIED;
}

static int detach_device(const struct device *device)
{
    if (!device->address[0])
        return EXIT_DONE;
    if (service_client_ask("detach", device->busid))
        return EXIT_DONE;
    report("error", "Failed to detach device with busid '%ls'.", device->busid);
    return EXIT_FAILED;
}

static int run_detach(const struct options *options)
{
    size_t index = 0;
    const struct device *device = device_next(options, &index);
    int result = EXIT_DONE;

    if (!device)
        return report_missing(options);
    for (; device; device = device_next(options, &index)) {
        if (detach_device(device))
            result = EXIT_FAILED;
    }
    return result;
}

/* Real usbipd-win detaches what is no longer shared. */
static int unbind_device(const struct device *device)
{
    int result = detach_device(device);

    if (result)
        return result;
    if (device->guid[0])
        result = report_result(usbipd_registry_unbind(device->instance));
    else
        report("info", "Device with busid '%ls' was already not shared.", device->busid);
    if (!result && device->is_forced && !service_client_ask("unforce", device->busid))
        result = EXIT_FAILED;
    return result;
}

static int run_unbind(const struct options *options)
{
    size_t index = 0;
    const struct device *device = device_next(options, &index);
    int result = EXIT_DONE;

    if (!device)
        return report_missing(options);
    if (!may_write())
        return EXIT_ACCESS_DENIED;
    for (; device; device = device_next(options, &index)) {
        if ((device->guid[0] || !options->values[OPTION_ALL]) && unbind_device(device))
            result = EXIT_FAILED;
    }
    tell_service();
    return result;
}

static int run_policy_list(const struct options *options)
{
    struct usbipd_registry_rule rule;

    (void)options;
    puts("Policy rules:\nGUID                                  EFFECT  OPERATION  BUSID  HARDWARE "
         "ID");
    for (DWORD i = 0; !usbipd_registry_rule(i, &rule); i++) {
        wchar_t guid[GUID_BARE_CHARS];

        guid_bare(guid, rule.guid);
        printf("%-36ls  %-6ls  %-9ls  %-5ls  %ls\n", guid, rule.effect, rule.operation, rule.busid,
               rule.hardware_id);
    }
    putchar('\n');
    return EXIT_DONE;
}

static int run_policy_add(const struct options *options)
{
    DWORD error;

    if (!options->values[OPTION_EFFECT] || !options->values[OPTION_OPERATION]) {
        report("error", "Options '--effect' and '--operation' are required.");
        return EXIT_PARSE_ERROR;
    }
    if (!options->values[OPTION_BUSID] && !options->values[OPTION_HARDWARE_ID]) {
        report("error", "At least one condition must be given.");
        return EXIT_PARSE_ERROR;
    }
    if (!may_write())
        return EXIT_ACCESS_DENIED;
    error = usbipd_registry_allow(options->values[OPTION_EFFECT], options->values[OPTION_BUSID],
                                  options->values[OPTION_HARDWARE_ID]);
    tell_service();
    return report_result(error);
}

static int run_policy_remove(const struct options *options)
{
    wchar_t guid[USBIPD_REGISTRY_GUID_CHARS];
    DWORD error;

    if (!may_write())
        return EXIT_ACCESS_DENIED;
    if (options->values[OPTION_ALL]) {
        error = usbipd_registry_forget_policy();
    } else {
        swprintf(guid, USBIPD_REGISTRY_GUID_CHARS, L"{%ls}", options->values[OPTION_GUID]);
        error = usbipd_registry_forget_rule(guid);
    }
    if (error == ERROR_FILE_NOT_FOUND)
        report("error", "There is no policy rule with guid '%ls'.", options->values[OPTION_GUID]);
    tell_service();
    return error == ERROR_FILE_NOT_FOUND ? EXIT_FAILED : report_result(error);
}

#define ALL OPTION_BIT(OPTION_ALL)
#define BUSID OPTION_BIT(OPTION_BUSID)
#define GUID_BIT OPTION_BIT(OPTION_GUID)
#define HARDWARE_ID OPTION_BIT(OPTION_HARDWARE_ID)

static const struct command {
    const wchar_t *name;
    const wchar_t *verb; /* the second word, or NULL */
    unsigned allowed;
    unsigned selectors;
    int (*run)(const struct options *options);
} commands[] = {
    {L"state", NULL, 0, 0, run_state},
    {L"list", NULL, OPTION_BIT(OPTION_USBIDS), 0, run_list},
    {L"bind", NULL, OPTION_BIT(OPTION_FORCE), BUSID | HARDWARE_ID, run_bind},
    {L"unbind", NULL, 0, ALL | BUSID | GUID_BIT | HARDWARE_ID, run_unbind},
    {L"detach", NULL, 0, ALL | BUSID | GUID_BIT | HARDWARE_ID, run_detach},
    {L"policy", L"list", 0, 0, run_policy_list},
    {L"policy", L"add",
     OPTION_BIT(OPTION_EFFECT) | OPTION_BIT(OPTION_OPERATION) | BUSID | HARDWARE_ID, 0,
     run_policy_add},
    {L"policy", L"remove", 0, ALL | GUID_BIT, run_policy_remove},
};

static const struct command *command_find(int argc, wchar_t **argv)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        const struct command *command = &commands[i];

        if (argc > 1 && !wcscmp(argv[1], command->name) &&
            (!command->verb || (argc > 2 && !wcscmp(argv[2], command->verb))))
            return command;
    }
    return NULL;
}

static BOOL is_cancelled(void)
{
    wchar_t rights[LAB_REGISTRY_TEXT_CHARS];

    lab_registry_get(LAB_REGISTRY_RIGHTS, rights);
    return !wcscmp(rights, L"cancelled");
}

static int run_command(const struct command *command, int count, wchar_t **words)
{
    struct options options;
    const char *fault = options_parse(&options, count, words, command->allowed, command->selectors);

    if (fault) {
        report("error", "%s", fault);
        return EXIT_PARSE_ERROR;
    }
    if (is_cancelled()) {
        report("error", "Operation canceled.");
        return EXIT_CANCELLED;
    }
    if (device_list_read(&list)) {
        report("error", "Windows' devices cannot be listed.");
        return EXIT_FAILED;
    }
    return command->run(&options);
}

int wmain(int argc, wchar_t **argv);

int wmain(int argc, wchar_t **argv)
{
    const struct command *command = command_find(argc, argv);
    int used;

    _setmode(_fileno(stdout), _O_BINARY);
    if (argc == 2 && !wcscmp(argv[1], L"--version")) {
        puts(VERSION);
        return EXIT_DONE;
    }
    if (!command) {
        report("error", "Required command was not provided, or it is unrecognized.");
        return EXIT_PARSE_ERROR;
    }
    used = command->verb ? 3 : 2;
    return run_command(command, argc - used, argv + used);
}
