/* SPDX-License-Identifier: ISC */
/* desktop.h: notifications of the desktop session, where there is one. */
/*
 * Over D-Bus, never through the arguments of a program: a notification may show
 * a code. Belongs to one thread.
 * source  Desktop Notifications Specification 1.2.
 */
#pragma once

#include <stdint.h>

struct desktop;

/* NULL where there is no session bus. */
struct desktop *desktop_open(void);
void desktop_free(struct desktop **d);

/* A button: what it answers, and what it says. */
struct desktop_button {
	const char *key, *label;
};

/*
 * Show a notification; the texts are plain.
 *
 * returns its number, 0 when nothing shows it.
 */
uint32_t desktop_show(struct desktop *d, const char *title, const char *text,
    const struct desktop_button buttons[2]); /* NULL: none */
/* The same of news that go by themselves: a message. */
void desktop_tell(struct desktop *d, const char *title, const char *text);
void desktop_hide(struct desktop *d, uint32_t number);

/*
 * Wait for the answer to the notification that was shown last.
 *
 * returns the button's key; "" when nothing came in wait_ms; "closed".
 */
const char *desktop_answer(
    struct desktop *d, uint32_t number, unsigned wait_ms);
