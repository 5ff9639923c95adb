#include "lab_registry.h"

#include <wchar.h>

#define LAB_KEY L"SOFTWARE\\ttyferry-lab"

DWORD lab_registry_set(const wchar_t *name, const wchar_t *text)
{
    return (DWORD)RegSetKeyValueW(HKEY_LOCAL_MACHINE, LAB_KEY, name, REG_SZ, text,
                                  (DWORD)((wcslen(text) + 1) * sizeof(wchar_t)));
}

void lab_registry_get(const wchar_t *name, wchar_t text[LAB_REGISTRY_TEXT_CHARS])
{
    DWORD size = LAB_REGISTRY_TEXT_CHARS * sizeof(wchar_t);

    if (RegGetValueW(HKEY_LOCAL_MACHINE, LAB_KEY, name, RRF_RT_REG_SZ, NULL, text, &size))
        text[0] = L'\0';
}
