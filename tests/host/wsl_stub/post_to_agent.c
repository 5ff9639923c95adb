/* Tells the agents of this session what Windows would tell them: posts a message to their hidden
 * windows, once with each wParam that is named. Wine has one session and never sleeps, so it sends
 * neither WM_WTSSESSION_CHANGE nor WM_POWERBROADCAST. */
#include <windows.h>

#include <stdbool.h>
#include <stdlib.h>

#define AGENT_WINDOW L"ttyferry-pnp-listener"

static bool tell_all(UINT message, WPARAM wparam)
{
    HWND window = NULL;
    bool any = false;

    while ((window = FindWindowExW(NULL, window, AGENT_WINDOW, NULL)) != NULL) {
        any = PostMessageW(window, message, wparam, 0);
    }
    return any;
}

int main(int argc, char **argv)
{
    UINT message = argc > 2 ? strtoul(argv[1], NULL, 0) : WM_NULL;

    for (int i = 2; i < argc; i++) {
        if (!tell_all(message, strtoul(argv[i], NULL, 0))) {
            return 1;
        }
    }
    return argc > 2 ? 0 : 1;
}
