/* SPDX-License-Identifier: ISC */
/* self_connect.c: a session, and first the sign-up that was cut off. */
/*
 * Before the server is told, keys and the request stand in the home:
 * "founding" in state.db is
 *
 *   u8 1 | opening[16] | v8 name of the device | v32 body of signup/finish
 *
 * From then on the request is sent, the same one under the same key, by
 * whatever command comes next, until its answer is known. Only when the server
 * has refused it, and does not know the device either, the keys go.
 */
#include "client/self_in.h"

#include "base/now.h"
#include "client/self_devices.h"
#include "client/self_zones.h"

#define TOKEN_SPARE_MS 30000 /* a token this close to its end is not used */
#define FOUNDING "founding"
#define FORMAT 1

struct founding {
	struct id opening;
	struct buf device_name, request;
};

static void
founding_free(struct founding *f)
{
	buf_free(&f->device_name);
	buf_free(&f->request);
}

int
self_founding_keep(struct local *local, const struct id *opening,
    const char *device_name, struct bytes request, struct err *e)
{
	OWN(buf_free) struct buf note = { 0 };

	buf_put_u8(&note, FORMAT);
	id_put(&note, opening);
	buf_put_v8(&note, bytes_str(device_name));
	buf_put_v32(&note, request);
	return local_put(local, FOUNDING, buf_bytes(&note), e);
}

/* request.n 0: there is none. */
static int
load(struct local *local, struct founding *out, struct err *e)
{
	OWN(buf_free) struct buf note = { 0 };

	if (local_get(local, FOUNDING, &note, e) < 0)
		return -1;
	if (note.n == 0)
		return 0;
	struct scan s = scan_of(buf_bytes(&note));
	uint8_t format = scan_u8(&s);
	out->opening = id_take(&s);
	buf_put_bytes(&out->device_name, scan_v8(&s));
	buf_put_bytes(&out->request, scan_v32(&s));
	return scan_done(&s) && format == FORMAT
	    ? 0
	    : err_set(e, ERR_STATE_DAMAGED,
		  "what is kept of the sign-up is not well-formed");
}

bool
self_founding(const char *dir)
{
	OWN(founding_free) struct founding f = { .request = { 0 } };
	OWN(local_free) struct local *local = NULL;
	struct err ignored;

	return home_has_key(dir) && home_open(dir, &local, &ignored) == 0 &&
	    load(local, &f, &ignored) == 0 && f.request.n > 0;
}

static int
refused(struct self *s, struct err *e)
{
	struct err why;

	/* Did an earlier try get through, so long ago that it is forgotten? */
	if (self_session(s, &why) == 0)
		return 0;
	if (why.code == ERR_NOT_A_MEMBER && home_erase(s->dir, &why) < 0)
		*e = why;
	return -1;
}

static int
found(struct self *s, bool *founding, struct err *e)
{
	OWN(founding_free) struct founding f = { .request = { 0 } };
	OWN(jsonio_free) json_t *ask = NULL;
	OWN(jsonio_free) json_t *answer = NULL;

	*founding = false;
	if (load(s->local, &f, e) < 0 || f.request.n == 0)
		return f.request.n == 0 ? 0 : -1;
	*founding = true;
	if (jsonio_parse(buf_bytes(&f.request), &ask, e) < 0)
		return -1;
	if (control_act_bare(
		s->remote, "POST", "/v1/signup/finish", ask, &answer, e) == 0)
		return 0;
	if (err_http(e->code) / 100 == 4)
		return refused(s, e);
	(void)err_remedy(e,
	    "The account may have been made; its keys are kept here. Run the "
	    "command again when the server answers: it goes on.");
	return -1;
}

static int
founded(struct self *s, struct err *e)
{
	OWN(founding_free) struct founding f = { .request = { 0 } };

	if (load(s->local, &f, e) < 0 || self_state(s, e) < 0 ||
	    self_put_name(
		s, &s->dev_id, &f.opening, buf_text(&f.device_name), e) < 0 ||
	    local_put(s->local, FOUNDING, bytes_str(""), e) < 0)
		return -1;
	remote_told(s->remote);
	return 0;
}
#define TOKEN_SPARE_MS 30000 /* a token this close to its end is not used */

static int
go_on(struct self *s, struct err *e)
{
	OWN(buf_free) struct buf kept = { 0 };

	if (local_get(s->local, "token", &kept, e) < 0)
		return -1;
	struct scan t = scan_of(buf_bytes(&kept));
	uint64_t until = scan_u64(&t), now = (uint64_t)now_ms();
	/* One that would live longer than any does tells of a clock that was
	 * put back: a new session compares it with the server's. */
	if (scan_ok(&t) && t.n > 0 && until > now + TOKEN_SPARE_MS &&
	    until <= now + LIMIT_SESSION_S * 1000) {
		remote_set_token(s->remote, (const char *)t.p);
		s->connected = true;
		return self_complete_keyring(s, e);
	}
	return self_session(s, e);
}

int
self_connect(struct self *s, struct err *e)
{
	bool founding;

	if (s->connected)
		return 0;
	if (found(s, &founding, e) < 0)
		return -1;
	if (go_on(s, e) == 0 && (!founding || founded(s, e) == 0))
		return 0;
	if (founding)
		(void)err_remedy(e,
		    "The account is made, and this device has its only keys: "
		    "keep them. The next command goes on.");
	return -1;
}
