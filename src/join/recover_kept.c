/* SPDX-License-Identifier: ISC */
/* recover_kept.c: what a home remembers of a recovery that was begun. */
#include "join/recover_in.h"

#include "base/file.h"
#include "link/act.h"

#include <stdlib.h>
#include <string.h>

#define KEY "recovering"
#define FORMAT 1

void
recover_kept_free(struct recover_kept *r)
{
	free(r->url);
	free(r->name);
	free(r->device_name);
	free(r->host);
	if (r->token != NULL)
		mem_wipe(r->token, strlen(r->token));
	free(r->token);
	devkey_free(&r->key);
	secret_free(&r->code);
	buf_free(&r->begin);
	remote_free(&r->remote);
	*r = (struct recover_kept){ .key = NULL };
}

static char *
text_of(struct bytes x)
{
	OWN(buf_free) struct buf b = { 0 };

	buf_put_bytes(&b, x);
	return mem_text(buf_text(&b));
}

static void
put(const struct recover_kept *r, struct buf *out)
{
	OWN(secret_free) struct secret *raw = devkey_secret(r->key);

	buf_put_u8(out, FORMAT);
	buf_put_v8(out, bytes_str(r->way));
	buf_put_v16(out, bytes_str(r->url));
	buf_put_v8(out, bytes_str(r->name));
	buf_put_v8(out, bytes_str(r->device_name));
	buf_put_v8(out, bytes_str(r->host));
	buf_put_v8(out, bytes_str(r->token != NULL ? r->token : ""));
	id_put(out, &r->id);
	id_put(out, &r->opening);
	buf_put_bytes(out, secret_bytes(raw));
	device_put(out, &r->device);
	buf_put_v8(
	    out, r->code != NULL ? secret_bytes(r->code) : bytes_str(""));
	buf_put_v32(out, buf_bytes(&r->begin));
}

static int
take(struct bytes x, struct recover_kept *r, struct err *e)
{
	struct scan s = scan_of(x);

	uint8_t format = scan_u8(&s);
	struct bytes way = scan_v8(&s);
	r->url = text_of(scan_v16(&s));
	r->name = text_of(scan_v8(&s));
	r->device_name = text_of(scan_v8(&s));
	r->host = text_of(scan_v8(&s));
	r->token = text_of(scan_v8(&s));
	r->id = id_take(&s);
	r->opening = id_take(&s);
	struct bytes raw = scan_take(&s, DEVKEY_BYTES);
	if (!scan_ok(&s) || format != FORMAT || way.n >= sizeof r->way ||
	    device_take(&s, &r->device, e) < 0)
		return -1;
	memcpy(r->way, way.p, way.n);
	r->way[way.n] = '\0';
	r->key = devkey_of(raw);
	struct bytes code = scan_v8(&s);
	if (code.n > 0)
		r->code = secret_of(code);
	buf_put_bytes(&r->begin, scan_v32(&s));
	return scan_done(&s) ? 0 : -1;
}

/* Without the network. */
int
recover_kept_read(const char *dir, struct recover_kept *out, struct err *e)
{
	OWN(mem_free) char *marker = file_join(dir, HOMEDIR_MARKER);
	OWN(local_free) struct local *local = NULL;
	OWN(buf_free) struct buf b = { 0 };

	if (file_exists(marker) &&
	    (home_open(dir, &local, e) < 0 || local_get(local, KEY, &b, e) < 0))
		return -1;
	if (b.n == 0) {
		(void)err_set(
		    e, ERR_NOT_FOUND, "no recovery was begun at %s", dir);
		return err_remedy(
		    e, "Run: aumbry recover URL NAME --key-file F");
	}
	if (take(buf_bytes(&b), out, e) < 0)
		return err_set(e, ERR_STATE_DAMAGED,
		    "what is kept of the recovery is not well-formed");
	if (remote_new(out->url, &out->remote, e) < 0)
		return -1;
	remote_set_token(out->remote, out->token);
	return 0;
}

int
recover_kept_save(const char *dir, const struct recover_kept *r, struct err *e)
{
	OWN(local_free) struct local *local = NULL;
	OWN(buf_free) struct buf b = { 0 };

	put(r, &b);
	return home_open(dir, &local, e) < 0
	    ? -1
	    : local_put(local, KEY, buf_bytes(&b), e);
}

int
recover_kept_forget(const char *dir, struct err *e)
{
	OWN(local_free) struct local *local = NULL;

	return home_open(dir, &local, e) < 0
	    ? -1
	    : local_put(local, KEY, bytes_str(""), e);
}

/* Sent, or sent again: it is begun once. */
int
recover_kept_send(const char *dir, struct recover_kept *r, struct err *e)
{
	OWN(local_free) struct local *local = NULL;
	OWN(jsonio_free) json_t *ask = NULL;
	OWN(jsonio_free) json_t *answer = NULL;
	const char *token = "";
	struct err ignored;

	if (home_open(dir, &local, e) < 0 ||
	    jsonio_parse(buf_bytes(&r->begin), &ask, e) < 0)
		return -1;
	remote_note_in(r->remote, local);
	int rc =
	    control_act_bare(r->remote, "POST", "/v1/recover", ask, &answer, e);
	if (rc < 0 && !act_unknown(e) && recover_kept_forget(dir, &ignored) < 0)
		return -1;
	if (rc < 0 && act_unknown(e))
		(void)err_remedy(e,
		    "It may have begun. Run the command again when the server "
		    "answers: it goes on.");
	if (rc == 0 &&
	    (jsonio_id(answer, "recovery", &r->id, e) < 0 ||
		jsonio_text(answer, "token", &token, e) < 0))
		rc = -1;
	if (rc == 0) {
		buf_free(&r->begin);
		free(r->token);
		r->token = mem_text(token);
		remote_set_token(r->remote, token);
		rc = recover_kept_save(dir, r, e);
	}
	if (rc == 0)
		remote_told(r->remote);
	remote_note_in(r->remote, NULL);
	return rc;
}

int
recover_kept_load(const char *dir, struct recover_kept *out, struct err *e)
{
	if (recover_kept_read(dir, out, e) < 0)
		return -1;
	return out->begin.n > 0 ? recover_kept_send(dir, out, e) : 0;
}
