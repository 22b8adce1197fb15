/* SPDX-License-Identifier: ISC */
/* fido_device.c: the key that is plugged in, found and opened, and its PIN. */
#include "client/fido_in.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_PREFIX "unix:"
#define DEVICES 16 /* plugged in at once */
#define TOUCH_MS 60000 /* keys themselves give up after 30 s */
#define PIN_MAX 63 /* bytes, CTAP 2 */

/* ---- reports over a socket, as a key's own driver has them ---- */

struct line {
	int fd;
};

static void *
line_open(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const char *name = path + strlen(SOCKET_PREFIX);
	struct line *l = mem_new(sizeof *l);

	l->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (strlen(name) < sizeof a.sun_path)
		memcpy(a.sun_path, name, strlen(name) + 1);
	if (l->fd >= 0 && a.sun_path[0] != '\0' &&
	    connect(l->fd, (struct sockaddr *)&a, sizeof a) == 0)
		return l;
	if (l->fd >= 0)
		(void)close(l->fd);
	free(l);
	return NULL;
}

static void
line_close(void *handle)
{
	struct line *l = handle;

	(void)close(l->fd);
	free(l);
}

static int
line_read(void *handle, unsigned char *p, size_t n, int wait_ms)
{
	const struct line *l = handle;
	struct pollfd w = { .fd = l->fd, .events = POLLIN };

	if (poll(&w, 1, wait_ms) != 1)
		return -1;
	ssize_t got = recv(l->fd, p, n, 0);
	return got == (ssize_t)n ? (int)n : -1;
}

static int
line_write(void *handle, const unsigned char *p, size_t n)
{
	const struct line *l = handle;

	return send(l->fd, p, n, MSG_NOSIGNAL) == (ssize_t)n ? (int)n : -1;
}

static const fido_dev_io_t line_io = { line_open, line_close, line_read,
	line_write };

/* ---- finding one ---- */

int
fido_failed(int rc, const char *what, struct err *e)
{
	switch (rc) {
	case FIDO_ERR_NO_CREDENTIALS:
		return err_set(e, ERR_KEY_UNKNOWN,
		    "this security key is none of this account's");
	case FIDO_ERR_PIN_BLOCKED:
	case FIDO_ERR_PIN_AUTH_BLOCKED:
	case FIDO_ERR_UV_BLOCKED:
		return err_set(e, ERR_KEY_BLOCKED,
		    "the security key takes no PIN any more");
	case FIDO_ERR_PIN_NOT_SET:
	case FIDO_ERR_PIN_REQUIRED:
		return err_set(
		    e, ERR_KEY_NO_PIN, "the security key has no PIN");
	case FIDO_ERR_ACTION_TIMEOUT:
	case FIDO_ERR_USER_ACTION_TIMEOUT:
	case FIDO_ERR_OPERATION_DENIED:
	case FIDO_ERR_KEEPALIVE_CANCEL:
		return err_set(e, ERR_KEY_UNTOUCHED,
		    "the security key was not touched in time");
	case FIDO_ERR_CREDENTIAL_EXCLUDED:
		(void)err_set(e, ERR_CONFLICT,
		    "this security key is the account's already");
		return err_remedy(e, "Use another one.");
	case FIDO_ERR_KEY_STORE_FULL:
		return err_set(
		    e, ERR_IO, "the security key has no room for more");
	case FIDO_ERR_PIN_POLICY_VIOLATION:
		return err_set(e, ERR_KEY_PIN,
		    "the security key wants another PIN: 4 characters at "
		    "least");
	default:
		return err_set(e, ERR_IO, "%s: the security key says: %s", what,
		    fido_strerr(rc));
	}
}

static void
infos_free(fido_dev_info_t **list)
{
	fido_dev_info_free(list, DEVICES);
}

static int
manifest(fido_dev_info_t **list, size_t *n, struct err *e)
{
	fido_init(FIDO_DISABLE_U2F_FALLBACK);
	*list = fido_dev_info_new(DEVICES);
	if (*list == NULL)
		abort();
	int rc = fido_dev_info_manifest(*list, DEVICES, n);
	return rc == FIDO_OK ? 0 : fido_failed(rc, "looking for keys", e);
}

/* The path of the only one. */
static int
only_one(char **path, struct err *e)
{
	OWN(infos_free) fido_dev_info_t *list = NULL;
	size_t n = 0;

	if (manifest(&list, &n, e) < 0)
		return -1;
	if (n == 0)
		return err_set(
		    e, ERR_KEY_MISSING, "no security key is plugged in");
	if (n > 1) {
		(void)err_set(e, ERR_INPUT_MISSING,
		    "%zu security keys are plugged in", n);
		return err_remedy(e,
		    "Unplug the others, or name one: --device %s",
		    fido_dev_info_path(fido_dev_info_ptr(list, 0)));
	}
	*path = mem_text(fido_dev_info_path(fido_dev_info_ptr(list, 0)));
	return 0;
}

void
fido_device_free(fido_dev_t **dev)
{
	if (*dev == NULL)
		return;
	(void)fido_dev_close(*dev);
	fido_dev_free(dev);
}

int
fido_device_open(const char *device, fido_dev_t **out, struct err *e)
{
	OWN(fido_device_free) fido_dev_t *dev = NULL;
	OWN(mem_free) char *found = NULL;

	if (device == NULL && only_one(&found, e) < 0)
		return -1;
	const char *path = device != NULL ? device : found;
	fido_init(FIDO_DISABLE_U2F_FALLBACK);
	dev = fido_dev_new();
	if (dev == NULL)
		abort();
	if (strncmp(path, SOCKET_PREFIX, strlen(SOCKET_PREFIX)) == 0 &&
	    fido_dev_set_io_functions(dev, &line_io) != FIDO_OK)
		abort();
	if (fido_dev_open(dev, path) != FIDO_OK)
		return err_set(e, ERR_KEY_MISSING,
		    "there is no security key at %s, or this user may not use "
		    "it",
		    path);
	(void)fido_dev_set_timeout(dev, TOUCH_MS);
	if (!fido_dev_is_fido2(dev)) {
		(void)err_set(e, ERR_KEY_NO_PIN,
		    "the security key at %s is older than FIDO2: it cannot "
		    "tell its owner from a finder",
		    path);
		return err_remedy(e, "Use a newer one.");
	}
	*out = TAKE(dev);
	return 0;
}

/* ---- its owner ---- */

/* A PIN as libfido2 takes it. */
int
fido_pin_text(const struct secret *typed, struct secret **out, struct err *e)
{
	struct bytes x = secret_bytes(typed);

	if (x.n > PIN_MAX)
		return err_set(e, ERR_KEY_PIN,
		    "a security key's PIN has at most %d bytes", PIN_MAX);
	OWN(secret_free) struct secret *s = secret_new(x.n + 1);
	memcpy(secret_room(s), x.p, x.n);
	*out = TAKE(s);
	return 0;
}

const char *
fido_pin_shown(const struct secret *pin)
{
	return pin != NULL ? (const char *)secret_bytes(pin).p : NULL;
}

int
fido_pin_wrong(fido_dev_t *dev, struct err *e)
{
	int left = 0;

	if (fido_dev_get_retry_count(dev, &left) != FIDO_OK)
		return err_set(
		    e, ERR_KEY_PIN, "the PIN of the security key is wrong");
	return err_set(e, ERR_KEY_PIN,
	    "the PIN of the security key is wrong; %d %s left", left,
	    left == 1 ? "try is" : "tries are");
}

/* ---- its PIN ---- */

int
fido_has_pin(const char *device, bool *has, struct err *e)
{
	OWN(fido_device_free) fido_dev_t *dev = NULL;

	if (fido_device_open(device, &dev, e) < 0)
		return -1;
	*has = fido_dev_has_pin(dev);
	return 0;
}

int
fido_set_pin(const char *device, const struct secret *old,
    const struct secret *fresh, struct err *e)
{
	OWN(fido_device_free) fido_dev_t *dev = NULL;
	OWN(secret_free) struct secret *was = NULL;
	OWN(secret_free) struct secret *is = NULL;

	if ((old != NULL && fido_pin_text(old, &was, e) < 0) ||
	    fido_pin_text(fresh, &is, e) < 0 ||
	    fido_device_open(device, &dev, e) < 0)
		return -1;
	int rc = fido_dev_set_pin(dev, fido_pin_shown(is), fido_pin_shown(was));
	if (rc == FIDO_ERR_PIN_INVALID)
		return fido_pin_wrong(dev, e);
	return rc == FIDO_OK ? 0 : fido_failed(rc, "setting the PIN", e);
}
