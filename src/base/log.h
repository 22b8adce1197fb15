/* SPDX-License-Identifier: ISC */
/* log.h: one line per event on standard error: level event key=value. */
#pragma once

#include "base/own.h"

enum log_level { LOG_ERROR_, LOG_WARN_, LOG_INFO_, LOG_DEBUG_ };

/* Write lines up to this level; LOG_INFO_ at first. */
void log_level_set(enum log_level most);

/*
 * Write one line. fmt makes the `key=value` part; no names, contents, tokens or
 * addresses in it; ids shortened to eight digits.
 */
void log_line(enum log_level level, const char *event, const char *fmt, ...)
    PRINTF(3, 4);

#define log_error(...) log_line(LOG_ERROR_, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN_, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO_, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG_, __VA_ARGS__)
