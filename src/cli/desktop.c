/* SPDX-License-Identifier: ISC */
/* desktop.c: org.freedesktop.Notifications by sd-bus. */
#include "cli/desktop.h"

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#define NAME "org.freedesktop.Notifications"
#define PATH "/org/freedesktop/Notifications"
#define CALL_US (5 * 1000 * 1000ULL) /* a desktop that hangs holds nobody up */
#define URGENT 2 /* stays until it is seen */

struct desktop {
	sd_bus *bus;
	uint32_t number; /* of the last one shown */
	char answer[32];
};

static int
on_action(sd_bus_message *m, void *arg, sd_bus_error *ignored)
{
	struct desktop *d = arg;
	const char *key = "";
	uint32_t number = 0;

	(void)ignored;
	if (sd_bus_message_read(m, "us", &number, &key) >= 0 &&
	    number == d->number && strlen(key) < sizeof d->answer)
		memcpy(d->answer, key, strlen(key) + 1);
	return 0;
}

static int
on_closed(sd_bus_message *m, void *arg, sd_bus_error *ignored)
{
	struct desktop *d = arg;
	uint32_t number = 0;

	(void)ignored;
	if (sd_bus_message_read(m, "u", &number) >= 0 && number == d->number &&
	    d->answer[0] == '\0')
		memcpy(d->answer, "closed", sizeof "closed");
	return 0;
}

void
desktop_free(struct desktop **d)
{
	if (*d == NULL)
		return;
	sd_bus_flush_close_unref((*d)->bus);
	free(*d);
	*d = NULL;
}

struct desktop *
desktop_open(void)
{
	OWN(desktop_free) struct desktop *d = mem_new(sizeof *d);

	if (sd_bus_open_user(&d->bus) < 0 ||
	    sd_bus_set_method_call_timeout(d->bus, CALL_US) < 0 ||
	    sd_bus_match_signal(d->bus, NULL, NULL, PATH, NAME, "ActionInvoked",
		on_action, d) < 0 ||
	    sd_bus_match_signal(d->bus, NULL, NULL, PATH, NAME,
		"NotificationClosed", on_closed, d) < 0)
		return NULL;
	return TAKE(d);
}

/* Bodies may be read as markup. */
static void
put_plain(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++)
		if (*text == '&')
			buf_put_str(out, "&amp;");
		else if (*text == '<')
			buf_put_str(out, "&lt;");
		else if (*text == '>')
			buf_put_str(out, "&gt;");
		else
			buf_put_u8(out, (uint8_t)*text);
}

uint32_t
desktop_show(struct desktop *d, const char *title, const char *text,
    const struct desktop_button buttons[2])
{
	OWN(buf_free) struct buf body = { 0 };
	sd_bus_message *reply = NULL;
	uint32_t number = 0;
	int rc;

	put_plain(&body, text);
	rc = buttons != NULL
	    ? sd_bus_call_method(d->bus, NAME, PATH, NAME, "Notify", NULL,
		  &reply, "susssasa{sv}i", "Aumbry", 0, "", title,
		  buf_text(&body), 4, buttons[0].key, buttons[0].label,
		  buttons[1].key, buttons[1].label, 1, "urgency", "y", URGENT,
		  0)
	    : sd_bus_call_method(d->bus, NAME, PATH, NAME, "Notify", NULL,
		  &reply, "susssasa{sv}i", "Aumbry", 0, "", title,
		  buf_text(&body), 0, 1, "urgency", "y", URGENT, 0);
	if (rc < 0 || sd_bus_message_read(reply, "u", &number) < 0)
		number = 0;
	sd_bus_message_unref(reply);
	d->number = number;
	d->answer[0] = '\0';
	return number;
}

void
desktop_tell(struct desktop *d, const char *title, const char *text)
{
	OWN(buf_free) struct buf body = { 0 };

	put_plain(&body, text);
	/* When nothing shows it, the terminal does. */
	(void)sd_bus_call_method(d->bus, NAME, PATH, NAME, "Notify", NULL, NULL,
	    "susssasa{sv}i", "Aumbry", 0, "", title, buf_text(&body), 0, 1,
	    "category", "s", "im.received", -1);
}

void
desktop_hide(struct desktop *d, uint32_t number)
{
	(void)sd_bus_call_method(d->bus, NAME, PATH, NAME, "CloseNotification",
	    NULL, NULL, "u", number);
}

const char *
desktop_answer(struct desktop *d, uint32_t number, unsigned wait_ms)
{
	if (number != d->number)
		return "closed";
	while (d->answer[0] == '\0') {
		int rc = sd_bus_process(d->bus, NULL);
		if (rc < 0)
			return "closed";
		if (rc == 0 && sd_bus_wait(d->bus, wait_ms * 1000ULL) <= 0)
			break;
	}
	return d->answer;
}
