/* usbipd-win's registry, with keys that the test makes below HKEY_CURRENT_USER. */
#include "host-win/usbipd.h"

#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "host-win/host_notice.h"
#include "tests/core/cases.h"

#define ROOT L"Software\\ttyferry-test-usbipd"
#define KEY ROOT L"\\usbipd-win"
#define MUTEX L"Local\\ttyferry-test-usbipd"
#define INSTANCE L"USB\\VID_1A86&PID_7523\\5&1A2B&0&3"
#define ID "usb\\vid_1a86&pid_7523\\5&1a2b&0&3"
#define VALUES_MAX 4
#define NAME_SIZE 64
#define LIMIT_MS 10000

static const struct usbipd_place place = {
    .root = HKEY_CURRENT_USER,
    .parent = ROOT,
    .key = KEY,
    .running = MUTEX,
};

static HKEY make_key(const wchar_t *path)
{
    HKEY key;

    assert_int_equal(
        RegCreateKeyExW(HKEY_CURRENT_USER, path, 0, NULL, 0, KEY_ALL_ACCESS, NULL, &key, NULL),
        ERROR_SUCCESS);
    return key;
}

static int remove_keys(void **state)
{
    LSTATUS status = RegDeleteTreeW(HKEY_CURRENT_USER, ROOT);

    (void)state;
    return status == ERROR_SUCCESS || status == ERROR_FILE_NOT_FOUND ? 0 : -1;
}

static void set_value(HKEY key, const wchar_t *name, DWORD type, const void *data, size_t size)
{
    assert_int_equal(RegSetValueExW(key, name, 0, type, data, (DWORD)size), ERROR_SUCCESS);
}

static void set_text(HKEY key, const wchar_t *name, const wchar_t *text)
{
    set_value(key, name, REG_SZ, text, (wcslen(text) + 1) * sizeof *text);
}

/* A subkey as hostile as a row wants it; a value without a name ends the row's. */
struct value {
    const wchar_t *name;
    DWORD type;
    const void *data;
    size_t size;
};

#define STRING(name, text)                                                                         \
    {                                                                                              \
        name, REG_SZ, text, sizeof(text)                                                           \
    }

/* Devices ------------------------------------------------------------------------------------- */

struct device_row {
    const char *name;
    struct value instance_id;
    const char *bound; /* NULL: nothing is */
};

static const wchar_t not_terminated[] = {L'U', L'S', L'B', L'\\', L'V', L'I',  L'D', L'_',
                                         L'1', L'2', L'3', L'4',  L'&', L'P',  L'I', L'D',
                                         L'_', L'5', L'6', L'7',  L'8', L'\\', L'X'};
static const DWORD number = 7;
static wchar_t endless[4096];

static const struct device_row device_rows[] = {
    {"device: bound", STRING(L"InstanceId", INSTANCE), ID},
    {"device: in another case", STRING(L"instanceid", L"usb\\Vid_1a86&Pid_7523\\5&1a2b&0&3"), ID},
    {"device: without the end of the text",
     {L"InstanceId", REG_SZ, not_terminated, sizeof not_terminated},
     "usb\\vid_1234&pid_5678\\x"},
    {"device: no InstanceId", STRING(L"Description", L"CH340"), NULL},
    {"device: a number", {L"InstanceId", REG_DWORD, &number, sizeof number}, NULL},
    {"device: bytes", {L"InstanceId", REG_BINARY, not_terminated, sizeof not_terminated}, NULL},
    {"device: of no bytes", {L"InstanceId", REG_SZ, NULL, 0}, NULL},
    {"device: half a unit", {L"InstanceId", REG_SZ, "U", 1}, NULL},
    {"device: empty", STRING(L"InstanceId", L""), NULL},
    {"device: endless", {L"InstanceId", REG_SZ, endless, sizeof endless}, NULL},
    {"device: no USB device", STRING(L"InstanceId", L"PCI\\VEN_8086&DEV_0001\\3"), NULL},
    {"device: no instance", STRING(L"InstanceId", L"USB\\VID_1A86&PID_7523"), NULL},
    {"device: a control character", STRING(L"InstanceId", INSTANCE L"\x1b[2J"), NULL},
};

static void check_device(void **state)
{
    const struct device_row *row = *state;
    static struct sharing sharing;
    HKEY key = make_key(KEY L"\\Devices\\{1}");

    wmemset(endless, L'A', sizeof endless / sizeof endless[0] - 1);
    set_value(key, row->instance_id.name, row->instance_id.type, row->instance_id.data,
              row->instance_id.size);
    RegCloseKey(key);
    usbipd_read(&place, &sharing);
    remove_keys(NULL);
    assert_int_equal(sharing.bound_count, row->bound != NULL);
    if (row->bound != NULL) {
        assert_string_equal(sharing.bound[0], row->bound);
    }
}

/* While a device is attached, usbipd names its stub in a subkey. */
static void attached_device_is_known_by_its_stub(void **state)
{
    static struct sharing sharing;
    HKEY key = make_key(KEY L"\\Devices\\{1}");

    (void)state;
    set_text(key, L"InstanceId", INSTANCE);
    set_text(key, L"Description", L"a board");
    RegCloseKey(key);
    usbipd_read(&place, &sharing);
    assert_int_equal(sharing.capture_count, 0);
    key = make_key(KEY L"\\Devices\\{1}\\Attached");
    set_text(key, L"InstanceId", L"USB\\VID_80EE&PID_CAFE\\X");
    RegCloseKey(key);
    usbipd_read(&place, &sharing);
    remove_keys(NULL);
    assert_int_equal(sharing.capture_count, 1);
    assert_string_equal(sharing.captures[0].id, ID);
    assert_string_equal(sharing.captures[0].stub_id, "USB\\VID_80EE&PID_CAFE\\X");
    assert_string_equal(sharing.captures[0].description, "a board");
}

static void bad_device_hides_no_good_one(void **state)
{
    static struct sharing sharing;
    HKEY key;

    (void)state;
    RegCloseKey(make_key(KEY L"\\Devices\\{0}"));
    key = make_key(KEY L"\\Devices\\{1}");
    set_value(key, L"InstanceId", REG_DWORD, &number, sizeof number);
    RegCloseKey(key);
    key = make_key(KEY L"\\Devices\\{2}");
    set_text(key, L"InstanceId", INSTANCE);
    RegCloseKey(key);
    usbipd_read(&place, &sharing);
    assert_int_equal(sharing.bound_count, 1);
    assert_string_equal(sharing.bound[0], ID);
}

static void too_many_devices_are_cut(void **state)
{
    static struct sharing sharing;
    wchar_t path[NAME_SIZE];
    wchar_t instance[NAME_SIZE];

    (void)state;
    for (int i = 0; i < SHARING_BOUND_MAX + 2; i++) {
        HKEY key;

        swprintf(path, NAME_SIZE, KEY L"\\Devices\\{%d}", i);
        swprintf(instance, NAME_SIZE, L"USB\\VID_1A86&PID_7523\\S%d", i);
        key = make_key(path);
        set_text(key, L"InstanceId", instance);
        RegCloseKey(key);
    }
    usbipd_read(&place, &sharing);
    assert_int_equal(sharing.bound_count, SHARING_BOUND_MAX);
}

/* Policy -------------------------------------------------------------------------------------- */

struct rule_row {
    const char *name;
    struct value values[VALUES_MAX];
    bool counts;
    struct sharing_rule rule;
};

#define AUTO_BIND STRING(L"Operation", L"AutoBind")
#define ALLOW STRING(L"Effect", L"Allow")

static const struct rule_row rule_rows[] = {
    {"rule: allow a hardware id",
     {AUTO_BIND, ALLOW, STRING(L"HardwareId", L"1A86:7523")},
     true,
     {.allow = true, .has_hardware_id = true, .vid = 0x1a86, .pid = 0x7523}},
    {"rule: deny a busid",
     {AUTO_BIND, STRING(L"Effect", L"Deny"), STRING(L"BusId", L"1-3")},
     true,
     {.busid = "1-3"}},
    {"rule: both",
     {AUTO_BIND, ALLOW, STRING(L"BusId", L"1-3"), STRING(L"HardwareId", L"1a86:7523")},
     true,
     {.allow = true, .has_hardware_id = true, .vid = 0x1a86, .pid = 0x7523, .busid = "1-3"}},
    {"rule: of another operation",
     {STRING(L"Operation", L"Teleport"), ALLOW, STRING(L"BusId", L"1-3")},
     false,
     {0}},
    {"rule: without an operation", {ALLOW, STRING(L"BusId", L"1-3")}, false, {0}},
    {"rule: without an effect", {AUTO_BIND, STRING(L"BusId", L"1-3")}, false, {0}},
    {"rule: of another effect",
     {AUTO_BIND, STRING(L"Effect", L"Maybe"), STRING(L"BusId", L"1-3")},
     false,
     {0}},
    {"rule: for everything", {AUTO_BIND, ALLOW}, false, {0}},
    {"rule: a busid that is none",
     {AUTO_BIND, ALLOW, STRING(L"BusId", L"../../x"), STRING(L"HardwareId", L"1a86:7523")},
     false,
     {0}},
    {"rule: a hardware id with a wildcard",
     {AUTO_BIND, ALLOW, STRING(L"HardwareId", L"1a86:*")},
     false,
     {0}},
    {"rule: a hardware id that is none",
     {AUTO_BIND, ALLOW, STRING(L"BusId", L"1-3"), STRING(L"HardwareId", L"USB")},
     false,
     {0}},
    {"rule: an effect that is a number",
     {AUTO_BIND, {L"Effect", REG_DWORD, &number, sizeof number}, STRING(L"BusId", L"1-3")},
     false,
     {0}},
};

static void check_rule(void **state)
{
    const struct rule_row *row = *state;
    static struct sharing sharing;
    HKEY key = make_key(KEY L"\\Policy\\{1}");

    for (size_t i = 0; i < VALUES_MAX && row->values[i].name != NULL; i++) {
        set_value(key, row->values[i].name, row->values[i].type, row->values[i].data,
                  row->values[i].size);
    }
    RegCloseKey(key);
    usbipd_read(&place, &sharing);
    remove_keys(NULL);
    assert_int_equal(sharing.rule_count, row->counts);
    if (row->counts) {
        assert_int_equal(sharing.rules[0].allow, row->rule.allow);
        assert_int_equal(sharing.rules[0].has_hardware_id, row->rule.has_hardware_id);
        assert_int_equal(sharing.rules[0].vid, row->rule.vid);
        assert_int_equal(sharing.rules[0].pid, row->rule.pid);
        assert_string_equal(sharing.rules[0].busid, row->rule.busid);
    }
}

/* The installation ---------------------------------------------------------------------------- */

static void nothing_installed(void **state)
{
    static struct sharing sharing;

    (void)state;
    memset(&sharing, 0xFF, sizeof sharing);
    usbipd_read(&place, &sharing);
    assert_false(sharing.installed);
    assert_false(sharing.running);
    assert_int_equal(sharing.bound_count, 0);
    assert_int_equal(sharing.rule_count, 0);
}

static void service_runs_while_its_mutex_is_held(void **state)
{
    static struct sharing sharing;
    HANDLE mutex;

    (void)state;
    RegCloseKey(make_key(KEY));
    usbipd_read(&place, &sharing);
    assert_true(sharing.installed);
    assert_false(sharing.running);

    mutex = CreateMutexW(NULL, FALSE, MUTEX);
    assert_non_null(mutex);
    usbipd_read(&place, &sharing);
    assert_true(sharing.running);

    CloseHandle(mutex);
    usbipd_read(&place, &sharing);
    assert_false(sharing.running);
}

/* The watch ----------------------------------------------------------------------------------- */

struct watcher {
    uv_loop_t loop;
    uv_timer_t watchdog;
    struct inbox *inbox;
    struct usbipd_watch *watch;
    size_t notices;
    bool too_late;
};

static void on_item(void *context, const void *item)
{
    struct watcher *watcher = context;
    const struct host_notice *notice = item;

    assert_int_equal(notice->type, HOST_NOTICE_SHARING_CHANGED);
    watcher->notices++;
}

static void on_watchdog(uv_timer_t *timer)
{
    struct watcher *watcher = timer->data;

    watcher->too_late = true;
}

/* Waits until a notice has come since the last call. */
static void expect_notice(struct watcher *watcher)
{
    while (watcher->notices == 0 && !watcher->too_late) {
        uv_run(&watcher->loop, UV_RUN_ONCE);
    }
    assert_false(watcher->too_late);
    watcher->notices = 0;
}

static void open_watcher(struct watcher *watcher)
{
    memset(watcher, 0, sizeof *watcher);
    assert_int_equal(uv_loop_init(&watcher->loop), 0);
    uv_timer_init(&watcher->loop, &watcher->watchdog);
    watcher->watchdog.data = watcher;
    uv_timer_start(&watcher->watchdog, on_watchdog, LIMIT_MS, 0);
    assert_int_equal(inbox_open(&watcher->loop, sizeof(struct host_notice), HOST_NOTICE_INBOX_SIZE,
                                on_item, NULL, watcher, &watcher->inbox),
                     0);
    assert_int_equal(usbipd_watch_open(&place, watcher->inbox, &watcher->watch), 0);
    expect_notice(watcher); /* The first is the start's: from here on changes are heard. */
}

static void close_watcher(struct watcher *watcher)
{
    usbipd_watch_close(watcher->watch);
    inbox_close(watcher->inbox);
    uv_close((uv_handle_t *)&watcher->watchdog, NULL);
    uv_run(&watcher->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&watcher->loop), 0);
}

/* Reads until usbipd shows that many boards; one change may give several notices. */
static void expect_bound(struct watcher *watcher, size_t count)
{
    static struct sharing sharing;

    do {
        expect_notice(watcher);
        usbipd_read(&place, &sharing);
    } while (sharing.bound_count != count);
}

static void watch_hears_bind_and_unbind(void **state)
{
    struct watcher watcher;
    HKEY key;

    (void)state;
    RegCloseKey(make_key(KEY L"\\Devices"));
    open_watcher(&watcher);
    key = make_key(KEY L"\\Devices\\{1}");
    set_text(key, L"InstanceId", INSTANCE);
    RegCloseKey(key);
    expect_bound(&watcher, 1);
    assert_int_equal(RegDeleteTreeW(HKEY_CURRENT_USER, KEY L"\\Devices\\{1}"), ERROR_SUCCESS);
    expect_bound(&watcher, 0);
    close_watcher(&watcher);
}

static void watch_hears_the_installation(void **state)
{
    struct watcher watcher;
    HKEY key;

    (void)state;
    RegCloseKey(make_key(ROOT));
    open_watcher(&watcher);
    RegCloseKey(make_key(KEY));
    expect_notice(&watcher);
    key = make_key(KEY L"\\Devices\\{1}");
    set_text(key, L"InstanceId", INSTANCE);
    RegCloseKey(key);
    expect_bound(&watcher, 1);
    close_watcher(&watcher);
}

static void watch_outlives_the_uninstallation(void **state)
{
    struct watcher watcher;
    HKEY key = make_key(KEY L"\\Devices\\{1}");

    (void)state;
    set_text(key, L"InstanceId", INSTANCE);
    RegCloseKey(key);
    open_watcher(&watcher);
    assert_int_equal(RegDeleteTreeW(HKEY_CURRENT_USER, KEY), ERROR_SUCCESS);
    expect_bound(&watcher, 0);
    key = make_key(KEY L"\\Devices\\{1}");
    set_text(key, L"InstanceId", INSTANCE);
    RegCloseKey(key);
    expect_bound(&watcher, 1);
    close_watcher(&watcher);
}

/* Not even the key above is there: the watch asks again later, and can be closed meanwhile. */
static void watch_of_nothing_can_be_closed(void **state)
{
    struct watcher watcher;

    (void)state;
    open_watcher(&watcher);
    close_watcher(&watcher);
}

static void add_with_clean_up(struct cases *cases, const char *name, CMUnitTestFunction run)
{
    cases_add_one(cases, name, run);
    cases->tests[cases->count - 1].teardown_func = remove_keys;
}

int main(void)
{
    static struct cases cases;

    remove_keys(NULL);
    CASES_ADD(&cases, device_rows, check_device);
    CASES_ADD(&cases, rule_rows, check_rule);
    add_with_clean_up(&cases, "devices: a bad one hides no good one", bad_device_hides_no_good_one);
    add_with_clean_up(&cases, "devices: an attached one is known by its stub",
                      attached_device_is_known_by_its_stub);
    add_with_clean_up(&cases, "devices: too many are cut", too_many_devices_are_cut);
    add_with_clean_up(&cases, "nothing installed", nothing_installed);
    add_with_clean_up(&cases, "the service's mutex", service_runs_while_its_mutex_is_held);
    add_with_clean_up(&cases, "watch: bind and unbind", watch_hears_bind_and_unbind);
    add_with_clean_up(&cases, "watch: the installation", watch_hears_the_installation);
    add_with_clean_up(&cases, "watch: the uninstallation", watch_outlives_the_uninstallation);
    add_with_clean_up(&cases, "watch: nothing there", watch_of_nothing_can_be_closed);
    return cases_run("usbipd", &cases);
}
