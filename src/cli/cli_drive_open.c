/* SPDX-License-Identifier: ISC */
/* cli_drive_open.c: the drive of this home, opened. */
#include "cli/cli_drive.h"

#include "client/self_devices.h"
#include "client/self_zones.h"
#include "link/control.h"
#include "link/homedir.h"
#include "wire/jsonio.h"
#include "base/file.h"
#include "base/stop.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
cli_drive_free(struct cli_drive *d)
{
	drive_free(&d->drive);
	repo_free(&d->repo);
	self_free(&d->self);
	free(d->device);
	d->device = NULL;
	fd_close(&d->lock);
}

int
cli_drive_repo(struct self *s, struct repo **out, struct err *e)
{
	struct id zone;

	if (self_state(s, e) < 0 || self_zone(s, CATEGORY_DRIVE, &zone, e) < 0)
		return -1;
	bool secrets = keyring_names(s->keyring, CATEGORY_KEYCHAIN) != NULL;
	const struct repo_from from = { .self = &s->writer,
		.local = s->local,
		.depot = s->depot,
		.dir = s->dir,
		.zones = { [CATEGORY_DRIVE] = &zone,
		    [CATEGORY_KEYCHAIN] = secrets ? &zone : NULL } };
	return repo_open(&from, out, e);
}

/* As the other devices know it. */
static int
name_device(struct cli_drive *d, struct err *e)
{
	OWN(mem_free) struct self_device *list = NULL;
	size_t n;

	if (self_devices(d->self, &list, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (list[i].self && list[i].name[0] != '\0')
			d->device = mem_text(list[i].name);
	if (d->device == NULL)
		d->device = mem_text("another device");
	return 0;
}

/* What is asked for only to be kind: who stores finds out anyway. */
static uint64_t
account_room(void *ctx)
{
	const struct self *s = ctx;
	OWN(jsonio_free) json_t *answer = NULL;
	uint64_t used, quota;
	struct err ignored;

	if (control_call(
		s->remote, "GET", "/v1/account", NULL, &answer, &ignored) < 0 ||
	    jsonio_u64(answer, "used_bytes", &used, &ignored) < 0 ||
	    jsonio_u64(answer, "quota_bytes", &quota, &ignored) < 0 ||
	    quota == 0)
		return UINT64_MAX;
	return used < quota ? quota - used : 0;
}

int
cli_drive_open(struct cli *cli, struct cli_drive *out, struct err *e)
{
	OWN(cli_drive_free) struct cli_drive d = { .lock = -1 };

	if (cli_self(cli, &d.self, e) < 0 ||
	    homedir_lock(d.self->dir, "drive", &d.lock, e) < 0 ||
	    cli_drive_repo(d.self, &d.repo, e) < 0)
		return -1;
	if (name_device(&d, e) < 0)
		return -1;
	const struct drive_from from = { .repo = d.repo,
		.dir = d.self->dir,
		.uid = d.self->uid,
		.dev_id = d.self->dev_id,
		.device = d.device,
		.stop = stop_order_asked,
		.room = account_room,
		.room_ctx = d.self };
	if (drive_open(&from, &d.drive, e) < 0)
		return -1;
	*out = d;
	d = (struct cli_drive){ .lock = -1 };
	return 0;
}

char *
cli_drive_absolute(const char *path)
{
	char here[PATH_MAX];
	OWN(mem_free) char *real = realpath(path, NULL);

	if (real != NULL)
		return mem_text(real);
	return path[0] == '/' || getcwd(here, sizeof here) == NULL
	    ? mem_text(path)
	    : file_join(here, path);
}
