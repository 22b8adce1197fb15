/* SPDX-License-Identifier: ISC */
/* cli_account.c: signup, signout, status, step-up, password, log. */
#include "cmd/cli.h"

#include "apps/snapshot.h"
#include "base/file.h"
#include "base/now.h"
#include "base/text.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *
home_of(const struct cli *cli)
{
	return cli->home != NULL ? mem_text(cli->home) : home_default();
}

static void
default_device_name(char out[static LIMIT_NAME_BYTES + 1])
{
	if (gethostname(out, LIMIT_NAME_BYTES) < 0 || out[0] == '\0')
		(void)snprintf(out, LIMIT_NAME_BYTES, "computer");
	out[LIMIT_NAME_BYTES] = '\0';
}

int
cli_check_name(const char *name, struct err *e)
{
	if (name[0] != '\0' && strlen(name) <= LIMIT_NAME_BYTES &&
	    text_is_utf8(bytes_str(name)))
		return 0;
	return err_set(e, ERR_BAD_NAME,
	    "a device's name has 1 to %d bytes of UTF-8", LIMIT_NAME_BYTES);
}

int
cli_signup(struct cli *cli, struct err *e)
{
	OWN(mem_free) char *dir = home_of(cli);
	OWN(secret_free) struct secret *password = NULL;
	char name[LIMIT_NAME_BYTES + 1];
	const char *protection = "advanced";
	struct self_signup a = { .dir = dir, .device_name = name };
	const struct cli_option options[] = { { "invite", CLI_TEXT, &a.invite },
		{ "device-name", CLI_TEXT, &a.device_name },
		{ "no-two-factor", CLI_FLAG, &a.no_two_factor },
		{ "protection", CLI_TEXT, &protection } };

	default_device_name(name);
	if (cli_parse(cli, options, ARRAY_SIZE(options), 2, 2, e) < 0 ||
	    cli_check_name(a.device_name, e) < 0)
		return -1;
	if (strcmp(protection, "standard") == 0)
		return err_set(e, ERR_PROTECTION_BLOCKED,
		    "standard protection needs an escrow, and this server has "
		    "none");
	if (strcmp(protection, "advanced") != 0)
		return err_set(e, ERR_USAGE,
		    "--protection is standard or advanced, not %s", protection);
	if (home_has_key(dir))
		return err_set(e, ERR_ALREADY_SIGNED_IN,
		    "an account is signed in at %s", dir);
	if (cli_password(cli, "New password", true, &password, e) < 0)
		return -1;
	a.url = cli->args[0];
	a.name = cli->args[1];
	a.password = secret_bytes(password);
	if (self_signup(&a, e) < 0)
		return -1;
	cli_say(
	    cli, "%s has an account, and this device is its first.", a.name);
	if (!a.no_two_factor)
		cli_say(cli,
		    "Two-factor is not on yet. "
		    "Next: aumbry authenticator add");
	return 0;
}

int
cli_signout(struct cli *cli, struct err *e)
{
	OWN(mem_free) char *dir = home_of(cli);
	bool erase = false;
	const struct cli_option options[] = { { "erase", CLI_FLAG, &erase } };

	if (cli_parse(cli, options, ARRAY_SIZE(options), 0, 0, e) < 0)
		return -1;
	if (!home_has_key(dir))
		return err_set(
		    e, ERR_NOT_SIGNED_IN, "no account is signed in at %s", dir);
	if (!erase && !cli->yes) {
		(void)err_set(e, ERR_INPUT_MISSING,
		    "signing out forgets this device's keys: to come back it "
		    "must be let in again");
		return err_remedy(e,
		    "Add --erase (or --yes) if that is "
		    "meant. If this is the only device, "
		    "nobody can read the data any more.");
	}
	return home_erase(dir, e);
}

/* ---- status ---- */

static void
put_last_backup(json_t *j, struct self *s)
{
	OWN(snapshot_list_free) struct snapshot_list list = { 0 };
	OWN(repo_free) struct repo *repo = NULL;
	struct err ignored;

	if (id_zero(&s->zones[CATEGORY_BACKUP]) ||
	    id_zero(&s->zones[CATEGORY_KEYCHAIN]) ||
	    repo_open(&s->writer, s->local, s->depot,
		&s->zones[CATEGORY_BACKUP], &s->zones[CATEGORY_KEYCHAIN],
		s->dir, &repo, &ignored) < 0 ||
	    snapshot_load(repo, &list, &ignored) < 0 || list.n == 0) {
		(void)json_object_set_new(j, "last_backup", json_null());
		return;
	}
	jsonio_put_u64(j, "last_backup", list.list[list.n - 1].time_ms);
}

static const char *
own_name(struct self *s, const struct self_device *d, size_t n)
{
	(void)s;
	for (size_t i = 0; i < n; i++)
		if (d[i].self)
			return d[i].name;
	return "";
}

int
cli_status(struct cli *cli, struct err *e)
{
	OWN(self_free) struct self *s = NULL;
	OWN(jsonio_free) json_t *account = NULL;
	OWN(jsonio_free) json_t *j = json_object();
	OWN(mem_free) struct self_device *devices = NULL;
	OWN(buf_free) struct buf address = { 0 };
	const char *two_factor = "";
	uint64_t used, quota;
	size_t n;

	if (cli_parse(cli, NULL, 0, 0, 0, e) < 0 || cli_self(cli, &s, e) < 0 ||
	    self_state(s, e) < 0 ||
	    api_call(s->remote, "GET", "/v1/account", NULL, false, &account,
		e) < 0 ||
	    jsonio_text(account, "two_factor", &two_factor, e) < 0 ||
	    jsonio_u64(account, "used_bytes", &used, e) < 0 ||
	    jsonio_u64(account, "quota_bytes", &quota, e) < 0 ||
	    self_devices(s, &devices, &n, e) < 0)
		return -1;
	const char *protection = s->circle.protection == PROTECTION_ADVANCED
	    ? "advanced"
	    : "standard";
	buf_printf(&address, "%s@%s", s->name, s->host);
	put_last_backup(j, s);
	if (cli->json) {
		jsonio_put_text(j, "account", buf_text(&address));
		jsonio_put_text(j, "server", remote_url(s->remote));
		jsonio_put_text(j, "device", own_name(s, devices, n));
		jsonio_put_text(j, "two_factor", two_factor);
		jsonio_put_text(j, "protection", protection);
		jsonio_put_u64(j, "storage_bytes", used);
		jsonio_put_u64(j, "quota_bytes", quota);
		(void)json_object_set_new(j, "alerts", json_array());
		(void)json_dumpf(j, stdout, JSON_COMPACT);
		(void)putchar('\n');
		return 0;
	}
	OWN(mem_free) char *used_text = cli_size(used);
	OWN(mem_free) char *quota_text = cli_size(quota);
	const json_t *last = json_object_get(j, "last_backup");
	OWN(mem_free)
	char *when = json_is_integer(last)
	    ? cli_time((uint64_t)json_integer_value(last))
	    : mem_text("never");
	(void)printf("account      %s\nserver       %s\ndevice       %s\n"
		     "devices      %zu\ntwo-factor   %s\nprotection   %s\n"
		     "storage      %s of %s\nlast backup  %s\n",
	    buf_text(&address), remote_url(s->remote), own_name(s, devices, n),
	    circle_active_count(&s->circle), two_factor, protection, used_text,
	    quota != 0 ? quota_text : "no limit", when);
	if (strcmp(two_factor, "on") != 0)
		(void)printf("\nTwo-factor is %s, so Backup refuses. "
			     "Run: aumbry authenticator add\n",
		    two_factor);
	return 0;
}

/* ---- step-up, password ---- */

int
cli_step_up(struct cli *cli, struct err *e)
{
	OWN(self_free) struct self *s = NULL;
	OWN(secret_free) struct secret *password = NULL;
	const char *code = NULL;
	const struct cli_option options[] = { { "code", CLI_TEXT, &code } };

	if (cli_parse(cli, options, ARRAY_SIZE(options), 0, 0, e) < 0 ||
	    cli_self(cli, &s, e) < 0 ||
	    cli_password(cli, "Password", false, &password, e) < 0)
		return -1;
	return self_step_up(s, secret_bytes(password), code, e);
}

int
cli_password_change(struct cli *cli, struct err *e)
{
	OWN(self_free) struct self *s = NULL;
	OWN(secret_free) struct secret *old = NULL;
	OWN(secret_free) struct secret *fresh = NULL;
	const char *code = NULL, *file = NULL;
	const struct cli_option options[] = { { "code", CLI_TEXT, &code },
		{ "new-password-file", CLI_TEXT, &file } };

	if (cli_parse(cli, options, ARRAY_SIZE(options), 1, 1, e) < 0)
		return -1;
	if (strcmp(cli->args[0], "change") != 0)
		return err_set(e, ERR_USAGE, "aumbry password change");
	struct cli second = *cli;
	if (file != NULL)
		second.password_file = file;
	else if (cli->password_file != NULL) {
		(void)err_set(
		    e, ERR_INPUT_MISSING, "the new password is needed");
		return err_remedy(e, "Add: --new-password-file FILE");
	}
	if (cli_self(cli, &s, e) < 0 ||
	    cli_password(cli, "Old password", false, &old, e) < 0 ||
	    cli_password(&second, "New password", true, &fresh, e) < 0 ||
	    self_change_password(
		s, secret_bytes(old), secret_bytes(fresh), code, e) < 0)
		return -1;
	cli_say(cli, "The password is changed.");
	return 0;
}

/* ---- log ---- */

int
cli_log(struct cli *cli, struct err *e)
{
	OWN(self_free) struct self *s = NULL;
	OWN(jsonio_free) json_t *answer = NULL;
	OWN(buf_free) struct buf path = { 0 };
	const char *since = NULL;
	const struct cli_option options[] = { { "since", CLI_TEXT, &since } };
	int64_t span = 0;

	if (cli_parse(cli, options, ARRAY_SIZE(options), 0, 0, e) < 0)
		return -1;
	if (since != NULL && text_parse_span(since, &span) < 0)
		return err_set(
		    e, ERR_USAGE, "--since is a span as 7d, not %s", since);
	buf_printf(&path, "/v1/log?since=%lld",
	    (long long)(since != NULL ? now_ms() - span * 1000 : 0));
	if (cli_self(cli, &s, e) < 0 ||
	    api_call(
		s->remote, "GET", buf_text(&path), NULL, false, &answer, e) < 0)
		return -1;
	const json_t *list = json_object_get(answer, "events");
	for (size_t i = json_array_size(list); i-- > 0;) {
		const json_t *v = json_array_get(list, i);
		const char *event = "", *address = "", *detail = "";
		uint64_t at;
		if (jsonio_u64(v, "time_ms", &at, e) < 0 ||
		    jsonio_text(v, "event", &event, e) < 0 ||
		    jsonio_text(v, "address", &address, e) < 0 ||
		    jsonio_text(v, "detail", &detail, e) < 0)
			return -1;
		if (cli->json) {
			(void)json_dumpf(v, stdout, JSON_COMPACT);
			(void)putchar('\n');
			continue;
		}
		OWN(mem_free) char *when = cli_time(at);
		OWN(mem_free) char *what = cli_shown(bytes_str(event));
		OWN(mem_free) char *from = cli_shown(bytes_str(address));
		OWN(mem_free) char *more = cli_shown(bytes_str(detail));
		(void)printf("%s  %-18s  %-15s  %s\n", when, what, from, more);
	}
	return 0;
}
