/* Tells the agents of this session what Windows tells them of it: WM_WTSSESSION_CHANGE, with each
 * argument as its wParam, to their hidden windows. Wine has one session and never sends it. */
#include <windows.h>

#include <stdbool.h>
#include <stdlib.h>

#define AGENT_WINDOW L"ttyferry-pnp-listener"

static bool tell_all(WPARAM change)
{
    HWND window = NULL;
    bool any = false;

    while ((window = FindWindowExW(NULL, window, AGENT_WINDOW, NULL)) != NULL) {
        any = PostMessageW(window, WM_WTSSESSION_CHANGE, change, 0);
    }
    return any;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (!tell_all(strtoul(argv[i], NULL, 10))) {
            return 1;
        }
    }
    return argc > 1 ? 0 : 1;
}
