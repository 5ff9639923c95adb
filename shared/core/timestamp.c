#include "shared/core/timestamp.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "shared/core/error.h"

#define DAY_MS INT64_C(86400000)

struct date {
    int year;
    int month; /* 1..12 */
    int day;   /* 1..31 */
};

/* Days and dates convert by counting from 1 March of the year 0 (proleptic Gregorian), so that
 * the leap day is the last of its year: H. Hinnant, "chrono-compatible low-level date
 * algorithms". An era is 400 years. */
static struct date date_from_days(int64_t days_since_1970)
{
    int64_t days = days_since_1970 + 719468;
    int64_t era = days / 146097;
    int day_of_era = (int)(days % 146097);
    int year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month_from_march = (5 * day_of_year + 2) / 153;
    struct date date = {
        .year = (int)(era * 400) + year_of_era + (month_from_march >= 10 ? 1 : 0),
        .month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9,
        .day = day_of_year - (153 * month_from_march + 2) / 5 + 1,
    };
    return date;
}

static int64_t date_to_days(struct date date)
{
    int year = date.month > 2 ? date.year : date.year - 1;
    int era = year / 400;
    int year_of_era = year % 400;
    int month_from_march = date.month > 2 ? date.month - 3 : date.month + 9;
    int day_of_year = (153 * month_from_march + 2) / 5 + date.day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (int64_t)era * 146097 + day_of_era - 719468;
}

char *timestamp_from_ms(int64_t time_ms, char target[TIMESTAMP_SIZE])
{
    if (time_ms < 0) {
        time_ms = 0;
    }
    if (time_ms > TIMESTAMP_MAX_MS) {
        time_ms = TIMESTAMP_MAX_MS;
    }
    struct date date = date_from_days(time_ms / DAY_MS);
    unsigned rest_ms = (unsigned)(time_ms % DAY_MS);
    /* The remainders never bite; they show the compiler that the text fits. */
    snprintf(target, TIMESTAMP_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
             (unsigned)date.year % 10000, (unsigned)date.month % 100, (unsigned)date.day % 100,
             rest_ms / 3600000 % 100, rest_ms / 60000 % 60, rest_ms / 1000 % 60, rest_ms % 1000);
    return target;
}

/* Reads the digits that stand where `form` has `letter`; the caller checked that they are digits.
 */
static int read_field(const char *text, const char *form, char letter)
{
    int value = 0;
    for (size_t i = 0; form[i] != '\0'; i++) {
        if (form[i] == letter) {
            value = 10 * value + (text[i] - '0');
        }
    }
    return value;
}

int timestamp_to_ms(const char *text, int64_t *time_ms)
{
    /* A lower-case letter stands for a digit, all else for itself. */
    static const char form[TIMESTAMP_SIZE] = "yyyy-nn-ddThh:mm:ss.fffZ";
    if (strlen(text) != TIMESTAMP_SIZE - 1) {
        return ERR_INVALID;
    }
    for (size_t i = 0; form[i] != '\0'; i++) {
        bool is_digit = text[i] >= '0' && text[i] <= '9';
        if (form[i] >= 'a' ? !is_digit : text[i] != form[i]) {
            return ERR_INVALID;
        }
    }
    struct date date = {read_field(text, form, 'y'), read_field(text, form, 'n'),
                        read_field(text, form, 'd')};
    int hour = read_field(text, form, 'h');
    int minute = read_field(text, form, 'm');
    int second = read_field(text, form, 's');
    if (date.year < 1970 || date.month < 1 || date.month > 12 || date.day < 1 || hour > 23 ||
        minute > 59 || second > 59) {
        return ERR_INVALID;
    }
    /* A day that its month doesn't have comes back as another date. */
    int64_t days = date_to_days(date);
    if (date_from_days(days).day != date.day) {
        return ERR_INVALID;
    }
    *time_ms = days * DAY_MS + ((hour * 60 + minute) * 60 + second) * INT64_C(1000) +
               read_field(text, form, 'f');
    return 0;
}
