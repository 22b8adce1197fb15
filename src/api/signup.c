/* SPDX-License-Identifier: ISC */
/* signup.c: what the server says of itself, and making an account. */
#include "api/api.h"

#include "api/entries.h"
#include "api/envelopes.h"
#include "api/protections.h"
#include "base/now.h"
#include "base/version.h"
#include "server/escrowlink.h"
#include "server/invite.h"
#include "server/pastname.h"

#include <string.h>

#define TICKET_MS (10 * 60 * 1000) /* a sign-up takes a person's minutes */
#define HOUR_MS (3600 * 1000LL)

/* Whose help standard protection is; without one it cannot be had. */
static void
put_escrow_key(struct call *c)
{
	uint8_t key[SIG_PK_BYTES];

	if (escrowlink_key(c->s->escrow, key))
		jsonio_put_bytes(c->out, "escrow", bytes_of(key, sizeof key));
	else
		jsonio_put_true(c->out, "escrow", false);
}

int
signup_info(struct tx *tx, struct call *c, struct err *e)
{
	static const char *const invitations[] = {
		[CONFIG_INVITATIONS_REQUIRED] = "required",
		[CONFIG_INVITATIONS_OPEN] = "open",
		[CONFIG_INVITATIONS_CLOSED] = "closed",
	};

	(void)tx;
	(void)e;
	jsonio_put_text(c->out, "product", "aumbry");
	jsonio_put_text(c->out, "version", AUMBRY_VERSION);
	jsonio_put_text(c->out, "host", c->s->config.host);
	server_put_identity(c);
	jsonio_put_text(c->out, "invitations",
	    invitations[server_config(c->s)->invitations]);
	put_escrow_key(c);
	jsonio_put_u64(
	    c->out, "mature_hours", server_config(c->s)->mature_hours);
	jsonio_put_u64(c->out, "time_ms", (uint64_t)c->now_ms);
	jsonio_put_true(c->out, "names", true);
	server_put_ksf(c->out);
	return 0;
}

/* ---- start ---- */

static int
no_invitation(struct err *e)
{
	return err_set(e, ERR_INVITATION_REQUIRED,
	    "this server accepts new accounts by invitation only");
}

static void
ticket_mac(struct call *c, const struct id *uid, uint64_t expires_ms,
    struct digest *out)
{
	OWN(buf_free) struct buf m = { 0 };

	id_put(&m, uid);
	buf_put_u64(&m, expires_ms);
	server_mac(c->s, "signup", buf_bytes(&m), out);
}

/* A key with the escrow costs it room for good, so it is asked for by who may
 * sign up, and dropped when nothing comes of it. */
static int
begin_escrow(struct tx *tx, struct call *c, const struct id *uid,
    int64_t expires_ms, struct err *e)
{
	const char *code = json_string_value(json_object_get(c->in, "invite"));

	if (server_config(c->s)->invitations == CONFIG_INVITATIONS_REQUIRED &&
	    (code == NULL ? no_invitation(e) : invite_good(tx, c, code, e)) < 0)
		return -1;
	return protections_begin(tx, uid, expires_ms, e);
}

int
signup_start(struct tx *tx, struct call *c, struct err *e)
{
	OWN(buf_free) struct buf request = { 0 };
	OWN(buf_free) struct buf key = { 0 };
	OWN(buf_free) struct buf ticket = { 0 };
	uint8_t response[OPAQUE_RESPONSE];
	uint64_t expires = (uint64_t)(c->now_ms + TICKET_MS);
	struct digest mac;
	struct id uid;
	bool ok;

	buf_printf(&key, "signup|%s", server_source(c));
	if (server_drip(tx, c,
		&(struct account_limit){ buf_text(&key),
		    server_config(c->s)->signups_per_hour,
		    HOUR_MS / (int64_t)server_config(c->s)->signups_per_hour },
		&ok, e) < 0 ||
	    !ok)
		return ok ? -1 : 0;
	if (server_config(c->s)->invitations == CONFIG_INVITATIONS_CLOSED)
		return err_set(e, ERR_INVITATION_REQUIRED,
		    "this server takes no new accounts");
	id_random(&uid);
	if (jsonio_bytes(c->in, "request", OPAQUE_REQUEST, &request, e) < 0 ||
	    opsrv_register(&c->s->opaque, bytes_of(uid.b, ID_BYTES), request.p,
		response, e) < 0)
		return -1;
	if (jsonio_true(c->in, "standard") &&
	    begin_escrow(tx, c, &uid, (int64_t)expires, e) < 0)
		return -1;
	ticket_mac(c, &uid, expires, &mac);
	buf_put_u64(&ticket, expires);
	digest_put(&ticket, &mac);
	jsonio_put_id(c->out, "uid", &uid);
	jsonio_put_bytes(c->out, "ticket", buf_bytes(&ticket));
	jsonio_put_bytes(
	    c->out, "response", bytes_of(response, sizeof response));
	server_put_ksf(c->out);
	id_put(&c->ask, &uid);
	return 0;
}

/* A key of the account's own with the escrow, when it is wanted. */
int
signup_start_then(struct call *c, struct err *e)
{
	return jsonio_true(c->in, "standard")
	    ? protections_put_escrow(c, buf_bytes(&c->ask), e)
	    : 0;
}

/* ---- finish ---- */

static int
check_ticket(struct call *c, const struct id *uid, struct err *e)
{
	OWN(buf_free) struct buf ticket = { 0 };
	struct digest mac;

	if (jsonio_bytes(c->in, "ticket", 8 + DIGEST_BYTES, &ticket, e) < 0)
		return -1;
	struct scan s = scan_of(buf_bytes(&ticket));
	uint64_t expires = scan_u64(&s);
	struct digest given = digest_take(&s);
	ticket_mac(c, uid, expires, &mac);
	if (!digest_equal(&mac, &given))
		return err_set(
		    e, ERR_BAD_REQUEST, "the sign-up did not begin here");
	if ((int64_t)expires < c->now_ms)
		return err_set(e, ERR_CODE_EXPIRED,
		    "the sign-up took longer than 10 minutes");
	return 0;
}

static int
check_invite(struct tx *tx, struct call *c, struct err *e)
{
	const char *code = json_string_value(json_object_get(c->in, "invite"));

	if (server_config(c->s)->invitations == CONFIG_INVITATIONS_OPEN)
		return 0;
	if (code == NULL)
		return no_invitation(e);
	return invite_use(tx, c, code, e);
}

static int
check_genesis(struct call *c, const struct id *uid, struct bytes entry,
    struct circle *circle, struct err *e)
{
	if (circle_apply(circle, entry, e) < 0)
		return -1;
	if (!id_equal(&circle->uid, uid) || circle->seq != 1)
		return err_set(e, ERR_CIRCLE_INVALID,
		    "the first entry is not of this account");
	if (protections_check(c, circle, e) < 0)
		return -1;
	if (circle->mature_hours != server_config(c->s)->mature_hours)
		return err_set(e, ERR_BAD_REQUEST,
		    "the first entry sets another age of maturity than this "
		    "server's %llu hours",
		    (unsigned long long)server_config(c->s)->mature_hours);
	return server_clock(c, circle->time_ms, e);
}

/* Its first two entries: that it begins, and what it goes by. */
static int
take_circle(struct tx *tx, struct call *c, const struct id *uid,
    struct circle *circle, struct err *e)
{
	OWN(buf_free) struct buf genesis = { 0 };
	OWN(buf_free) struct buf named = { 0 };
	OWN(buf_free) struct buf envelopes = { 0 };

	if (json_object_get(c->in, "named") == NULL)
		return err_set(e, ERR_UPDATE_NEEDED,
		    "this program is older than the server, where an account "
		    "signs its name");
	if (jsonio_bytes(c->in, "genesis", 0, &genesis, e) < 0 ||
	    jsonio_bytes(c->in, "named", 0, &named, e) < 0 ||
	    jsonio_list(c->in, "envelopes", LIMIT_BUNDLE_ENVELOPES, &envelopes,
		e) < 0 ||
	    check_genesis(c, uid, buf_bytes(&genesis), circle, e) < 0 ||
	    account_add_entry(tx, uid, 1, buf_bytes(&genesis), e) < 0)
		return -1;
	return circle_apply(circle, buf_bytes(&named), e) < 0 ||
		entries_name(tx, circle, false, e) < 0 ||
		account_add_entry(tx, uid, circle->seq, buf_bytes(&named), e) <
		    0
	    ? -1
	    : envelopes_take(tx, circle, &circle->members[0].device.dev_id,
		  buf_bytes(&envelopes), ENVELOPES_WHOLE, e);
}

int
signup_finish(struct tx *tx, struct call *c, struct err *e)
{
	struct account a = { .created_ms = c->now_ms };
	OWN(buf_free) struct buf record = { 0 };
	OWN(buf_free) struct buf pin = { 0 };
	OWN(buf_free) struct buf address = { 0 };
	OWN(circle_free) struct circle circle = { 0 };
	const char *name = "";

	if (jsonio_id(c->in, "uid", &a.uid, e) < 0 ||
	    check_ticket(c, &a.uid, e) < 0 || check_invite(tx, c, e) < 0 ||
	    jsonio_text(c->in, "name", &name, e) < 0)
		return -1;
	if (strlen(name) > LIMIT_NAME_BYTES)
		return err_set(e, ERR_BAD_NAME,
		    "a name has at most %d characters", LIMIT_NAME_BYTES);
	memcpy(a.name, name, strlen(name) + 1);
	if (!account_name_ok(a.name))
		return err_set(e, ERR_BAD_NAME,
		    "a name has 1 to %d of the characters a-z 0-9 . _ -, with "
		    "a letter or digit at both ends and no dot beside another",
		    LIMIT_NAME_BYTES);
	if (jsonio_bytes(c->in, "record", OPAQUE_RECORD, &record, e) < 0 ||
	    opsrv_record_check(record.p, e) < 0 ||
	    jsonio_bytes(c->in, "birth_pin", DIGEST_BYTES, &pin, e) < 0)
		return -1;
	memcpy(a.record, record.p, OPAQUE_RECORD);
	memcpy(a.birth_pin.b, pin.p, DIGEST_BYTES);
	a.two_factor = jsonio_true(c->in, "no_two_factor") ? TWO_FACTOR_OFF
							   : TWO_FACTOR_PENDING;
	if (pastname_check(tx, a.name, &a.uid, e) < 0 ||
	    account_insert(tx, &a, e) < 0 ||
	    take_circle(tx, c, &a.uid, &circle, e) < 0)
		return -1;
	struct server_event made = { &a.uid, "signup",
		&circle.members[0].device.dev_id, "" };
	bool standard = circle.protection == PROTECTION_STANDARD;
	if ((standard && protections_register(tx, c, &a.uid, e) < 0) ||
	    protections_begun(tx, c, &a.uid, standard, e) < 0)
		return -1;
	uint64_t quota = server_config(c->s)->default_quota_bytes;
	if (usage_set_quota(
		tx, &a.uid, quota != 0 ? quota : USAGE_NO_QUOTA, e) < 0 ||
	    server_event(tx, c, &made, e) < 0)
		return -1;
	buf_printf(&address, "%s@%s", a.name, c->s->config.host);
	jsonio_put_text(c->out, "account", buf_text(&address));
	jsonio_put_text(
	    c->out, "two_factor", account_two_factor_name(a.two_factor));
	return 0;
}
