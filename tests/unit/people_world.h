/* SPDX-License-Identifier: ISC */
/* people_world.h: accounts with real keys, and what is true of them. */
/*
 * A device is a home folder; what stands in memory of it goes with a crash. Of
 * sign-up, pairing and recovery what proves a person is left out: the password,
 * the code that is shown, the wait. The entries and keys that they end in are
 * made, and taken in by the server, as they always are.
 */
#pragma once

#include "people_remote.h"

#include "client/alerts.h"
#include "client/chain.h"
#include "client/people.h"
#include "client/recovery.h"
#include "client/self_circle.h"
#include "client/self_devices.h"
#include "client/self_remove.h"
#include "client/self_settle.h"
#include "client/self_zones.h"
#include "mail/thread.h"
#include "mail/unread.h"
#include "server/ordered.h"
#include "server/pastname.h"
#include "vault/recseed.h"

#define ACCOUNTS 4
#define DEVICES 8 /* of one account, ever */
#define MINUTE (60 * 1000LL)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

struct account_sim;

struct phone { /* a device */
	struct account_sim *of;
	char dir[96];
	struct id dev_id;
	struct self *self; /* NULL: no program runs there */
	struct mail *mail;
	struct idset told; /* marks of what it has named as new */
	bool looked; /* for what is new */
	bool lost; /* what was new then, as the look failed */
	int64_t skew_ms;
	int64_t away_until_ms; /* it is switched off */
	bool in; /* the circle has it */
	bool knows; /* that it is out */
	bool begins; /* its first program runs */
};

/* What an account holds of another. */
struct tie {
	bool contact;
	bool verified; /* the last that was settled */
	unsigned resets; /* of the other, when it was */
	bool changed; /* it began anew while it was verified */
};

struct account_sim {
	struct id uid;
	char name[LIMIT_NAME_BYTES + 1];
	unsigned names; /* it had */
	struct phone phone[DEVICES];
	unsigned n; /* of them, ever */
	struct secret *seed; /* of its recovery key; NULL: none */
	unsigned resets;
	bool due; /* a device left by itself, and nobody made new keys yet */
	bool claims; /* the name that the server gives it */
	struct tie tie[ACCOUNTS];
};

struct people_sim {
	uint64_t seed, chance; /* that of the history, not of keys */
	struct account_sim a[ACCOUNTS];
	unsigned n;
	unsigned mature_hours;
	bool talk;
	char failed[512];
};

static inline uint64_t
draw(struct people_sim *w, uint64_t below)
{
	return below == 0 ? 0 : net_draw64(&w->chance) % below;
}

static inline void PRINTF(2, 3)
    fail_sim(struct people_sim *w, const char *fmt, ...)
{
	va_list ap;

	if (w->failed[0] != '\0')
		return;
	va_start(ap, fmt);
	(void)vsnprintf(w->failed, sizeof w->failed, fmt, ap);
	va_end(ap);
	if (w->talk)
		(void)fprintf(stderr, "  FAILS: %s\n", w->failed);
}

static inline unsigned
number_of(const struct people_sim *w, const struct account_sim *a)
{
	return (unsigned)(a - w->a);
}

static inline struct account_sim *
account_of(struct people_sim *w, const struct id *uid)
{
	for (unsigned i = 0; i < w->n; i++)
		if (id_equal(&w->a[i].uid, uid))
			return &w->a[i];
	return NULL;
}

/* "b2": which account, and which of its devices. */
struct phone_name {
	char s[8];
};
static inline struct phone_name
phone_name(const struct people_sim *w, const struct phone *p)
{
	struct phone_name n;

	(void)snprintf(n.s, sizeof n.s, "%c%u",
	    (char)('a' + (int)number_of(w, p->of)),
	    (unsigned)(p - p->of->phone));
	return n;
}

/* ---- programs that run ---- */

static inline void
phone_close(struct phone *p)
{
	mail_free(&p->mail);
	self_free(&p->self);
	idset_free(&p->told);
	p->looked = p->lost = false;
}

/* As every command begins. */
static inline int
phone_open(struct phone *p, struct err *e)
{
	OWN(self_free) struct self *s = NULL;

	if (p->self != NULL)
		return 0;
	if (self_open(p->dir, &s, e) < 0 || self_connect(s, e) < 0 ||
	    self_settle(s, e) < 0)
		return -1;
	p->self = TAKE(s);
	return 0;
}

static inline int
phone_mail(struct phone *p, struct err *e)
{
	if (phone_open(p, e) < 0)
		return -1;
	return p->mail != NULL		 ? 0
	    : self_state(p->self, e) < 0 ? -1
					 : mail_open(p->self, &p->mail, e);
}

/* ---- what proves a person ---- */

static inline int
step_up_job(struct tx *tx, void *arg, struct err *e)
{
	const struct phone *p = arg;

	return sql_run(tx, e,
	    "UPDATE session SET step_up_ms = ? WHERE uid = ? AND dev_id = ?",
	    "nii", now_ms(), &p->of->uid, &p->dev_id);
}

/* Password and factor, just now. */
static inline int
step_up(struct phone *p, struct err *e)
{
	if (self_session(p->self, e) < 0)
		return -1;
	net_write(step_up_job, p);
	return 0;
}

/* ---- an account is made ---- */

struct founding {
	struct account_sim *a;
	struct circle circle;
	const struct devkey *key;
	struct id dev_id;
	struct buf genesis, named, bundle;
};

static inline int
found_job(struct tx *tx, void *arg, struct err *e)
{
	struct founding *f = arg;
	struct account a = { .uid = f->a->uid,
		.created_ms = now_ms(),
		.two_factor = TWO_FACTOR_ON };

	memcpy(a.name, f->a->name, sizeof a.name);
	return account_insert(tx, &a, e) < 0 ||
		account_add_entry(tx, &a.uid, 1, buf_bytes(&f->genesis), e) <
		    0 ||
		account_add_entry(tx, &a.uid, 2, buf_bytes(&f->named), e) < 0 ||
		envelopes_take(tx, &f->circle,
		    &f->circle.members[0].device.dev_id, buf_bytes(&f->bundle),
		    ENVELOPES_WHOLE, e) < 0
	    ? -1
	    : usage_set_quota(tx, &a.uid, USAGE_NO_QUOTA, e);
}

static inline struct phone *
next_phone(struct account_sim *a)
{
	struct phone *p = &a->phone[a->n];

	*p = (struct phone){ .of = a };
	(void)snprintf(p->dir, sizeof p->dir, "%s/homes/%c-%u", net.dir.path,
	    a->name[0], a->n);
	a->n++;
	return p;
}

static inline int
save_home(struct phone *p, const struct devkey *key, struct bytes entries,
    struct bytes envelopes, struct err *e)
{
	struct self_account kept = { NET_URL, p->of->name, NET_HOST, entries,
		envelopes };

	return self_save_account(p->dir, &kept, e) < 0 ||
		home_write_key(p->dir, &p->of->uid, &p->dev_id, key, e) < 0
	    ? -1
	    : 0;
}

static inline void
new_device(const char *name, struct devkey **key, struct device *device,
    struct id *opening)
{
	*key = devkey_new(device);
	device->class = CLASS_COMPUTER;
	device->rights = RIGHT_APPROVE;
	id_random(opening);
	device_name_commit(opening, name, &device->name_commit);
}

static inline int
append(struct founding *f, enum circle_type type, const struct buf *body,
    struct buf *out, struct err *e)
{
	struct circle_sig sig = { .kind = 1, .keyref = f->dev_id };

	circle_entry_begin(out, &f->circle, &f->a->uid, (uint64_t)now_ms(),
	    type, buf_bytes(body));
	devkey_sign(f->key, SIG_CIRCLE, buf_bytes(out), sig.sig);
	circle_entry_end(out, &sig, 1);
	return circle_apply(&f->circle, buf_bytes(out), e);
}

static inline int
found(struct people_sim *w, struct account_sim *a, struct err *e)
{
	static const struct recovery_set none;
	OWN(devkey_free) struct devkey *key = NULL;
	OWN(keyring_free) struct keyring *keyring = NULL;
	OWN(buf_free) struct buf body = { 0 };
	OWN(buf_free) struct buf framed = { 0 };
	struct founding f = { .a = a };
	OWN(buf_free) struct buf name = { 0 };
	char address[PERSON_ADDRESS_MAX + 1];
	struct device device;
	struct id opening, state_zone;
	struct key_change kc;

	id_random(&a->uid);
	(void)snprintf(
	    a->name, sizeof a->name, "%c", (char)('a' + (int)number_of(w, a)));
	new_device("first", &key, &device, &opening);
	keyring = keyring_new(&a->uid);
	keyring_next_epoch(keyring, &kc);
	id_random(&state_zone);
	device_put(&body, &device);
	recovery_set_put(&body, &none);
	buf_put_u8(&body, 1);
	buf_put_u16(&body, (uint16_t)w->mature_hours);
	buf_put_u8(&body, PROTECTION_ADVANCED);
	id_put(&body, &state_zone);
	key_change_put(&body, &kc);
	(void)snprintf(address, sizeof address, "%s@%s", a->name, NET_HOST);
	circle_name_put(&name, address);
	f.key = key;
	f.dev_id = device.dev_id;
	int rc = append(&f, CIRCLE_GENESIS, &body, &f.genesis, e);
	if (rc == 0)
		rc = append(&f, CIRCLE_NAME, &name, &f.named, e);
	if (rc == 0) {
		keyring_bundle(
		    keyring, &f.circle, key, &device.dev_id, &f.bundle);
		net_write(found_job, &f);
		struct phone *p = next_phone(a);
		p->dev_id = device.dev_id;
		p->in = true;
		buf_put_v16(&framed, buf_bytes(&f.genesis));
		buf_put_v16(&framed, buf_bytes(&f.named));
		rc = save_home(
		    p, key, buf_bytes(&framed), buf_bytes(&f.bundle), e);
	}
	circle_free(&f.circle);
	buf_free(&f.genesis);
	buf_free(&f.named);
	buf_free(&f.bundle);
	return rc;
}

/* ---- devices come ---- */

struct joining_row {
	const struct account_sim *a;
	const struct device *device;
};

/* A device of the account has allowed it. */
static inline int
joining_job(struct tx *tx, void *arg, struct err *e)
{
	const struct joining_row *j = arg;
	OWN(buf_free) struct buf record = { 0 };
	struct id id, by = { { 0 } };
	struct digest token;

	id_random(&id);
	digest_of(bytes_of(id.b, ID_BYTES), &token);
	device_put(&record, j->device);
	return sql_run(tx, e,
	    "INSERT INTO joining (id, uid, token, created_ms, expires_ms,"
	    " device, nonce, os, address, state, by_device)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?, '', '', 1, ?)",
	    "iidnnbbi", &id, &j->a->uid, &token, now_ms(), now_ms() + HOUR,
	    buf_bytes(&record), bytes_str("n"), &by);
}

/* The end of pairing and of recovering: the new device begins. */
static inline int
begin_there(struct phone *p, const struct devkey *key, struct bytes entries,
    const struct id *opening, struct err *e)
{
	p->begins = true;
	int rc = save_home(p, key, entries, bytes_str(""), e) < 0 ||
		phone_open(p, e) < 0 || self_state(p->self, e) < 0 ||
		self_put_name(p->self, &p->dev_id, opening, "another", e) < 0
	    ? -1
	    : self_settle(p->self, e);
	p->begins = false;
	return rc;
}

static inline int
phone_add(struct phone *by, struct phone **out, struct err *e)
{
	OWN(devkey_free) struct devkey *key = NULL;
	struct device device;
	struct id opening;

	*out = NULL;
	new_device("another", &key, &device, &opening);
	struct joining_row j = { by->of, &device };
	net_write(joining_job, &j);
	if (self_add_key(by->self, &device, key, e) < 0)
		return -1;
	*out = next_phone(by->of);
	(*out)->dev_id = device.dev_id;
	(*out)->in = true;
	return begin_there(
	    *out, key, buf_bytes(&by->self->entries), &opening, e);
}

/* ---- recovering ---- */

struct recovering_row {
	const struct account_sim *a;
	const struct device *device;
	const struct id *keyref; /* NULL: by the operator */
	struct digest token;
};

static inline int
recovering_job(struct tx *tx, void *arg, struct err *e)
{
	const struct recovering_row *r = arg;
	OWN(buf_free) struct buf record = { 0 };
	struct id id, nobody = { { 0 } };

	id_random(&id);
	device_put(&record, r->device);
	return sql_run(tx, e,
	    "INSERT INTO recovering (id, token, uid, known, way, keyref,"
	    " device, nonce, os, address, created_ms, state, ready_ms,"
	    " expires_ms, helper, reference)"
	    " VALUES (?, ?, ?, 1, ?, ?, ?, ?, '', '', ?, ?, ?, ?, ?, '')",
	    "idisibbnunni", &id, &r->token, &r->a->uid,
	    r->keyref != NULL ? "key" : "operator",
	    r->keyref != NULL ? r->keyref : &nobody, buf_bytes(&record),
	    bytes_str("n"), now_ms(), (uint64_t)RECOVER_WAITING, now_ms(),
	    now_ms() + HOUR, &nobody);
}

struct recovering_sim {
	struct remote *remote;
	struct devkey *key, *by; /* by: the recovery key; NULL: a RESET */
	struct id keyref, opening;
	struct device device;
	struct circle circle;
	struct buf entries;
	struct keyring *keyring;
};

static inline void
recovering_sim_free(struct recovering_sim *r)
{
	remote_free(&r->remote);
	devkey_free(&r->key);
	devkey_free(&r->by);
	circle_free(&r->circle);
	buf_free(&r->entries);
	keyring_free(&r->keyring);
}

/* As recover.c and recover_operator.c make them. */
static inline void
recovering_entry(struct recovering_sim *r, const struct id *uid,
    bool keep_devices, struct buf *out)
{
	OWN(buf_free) struct buf body = { 0 };
	OWN(buf_free) struct buf ids = { 0 };
	struct circle_sig sigs[2] = { { 2, r->keyref, { 0 } },
		{ 1, r->device.dev_id, { 0 } } };
	bool reset = r->by == NULL;
	struct key_change kc;
	struct id state_zone;
	uint8_t n = 0;

	for (size_t i = 0; i < r->circle.n_members && !keep_devices; i++)
		if (r->circle.members[i].active) {
			id_put(&ids, &r->circle.members[i].device.dev_id);
			n++;
		}
	keyring_next_epoch(r->keyring, &kc);
	device_put(&body, &r->device);
	if (reset) {
		id_random(&state_zone);
		id_put(&body, &state_zone);
	} else {
		buf_put_u8(&body, n);
		buf_put_bytes(&body, buf_bytes(&ids));
	}
	key_change_put(&body, &kc);
	circle_entry_begin(out, &r->circle, uid, (uint64_t)now_ms(),
	    reset ? CIRCLE_RESET : CIRCLE_RECOVER, buf_bytes(&body));
	if (!reset)
		devkey_sign(r->by, SIG_CIRCLE, buf_bytes(out), sigs[0].sig);
	devkey_sign(r->key, SIG_CIRCLE, buf_bytes(out), sigs[1].sig);
	circle_entry_end(out, reset ? &sigs[1] : sigs, reset ? 1 : 2);
}

static inline int
recovering_keys(struct recovering_sim *r, const struct id *uid, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;
	OWN(buf_free) struct buf envelopes = { 0 };

	r->keyring = keyring_new(uid);
	if (r->by == NULL) {
		keyring_reach(r->keyring, r->circle.key.epoch);
		return 0;
	}
	return control_call(r->remote, "GET", "/v1/recover/keyring", NULL,
		   &answer, e) < 0 ||
		jsonio_list(answer, "envelopes", LIMIT_CARRIED_ENVELOPES,
		    &envelopes, e) < 0
	    ? -1
	    : keyring_open(r->keyring, &r->circle, r->by, &r->keyref,
		  buf_bytes(&envelopes), e);
}

static inline int
recovering_submit(struct recovering_sim *r, struct bytes entry, struct err *e)
{
	OWN(circle_free) struct circle next = { 0 };
	OWN(jsonio_free) json_t *last = json_object();
	OWN(buf_free) struct buf bundle = { 0 };
	uint8_t record[OPAQUE_RECORD];

	circle_copy(&next, &r->circle);
	if (circle_apply(&next, entry, e) < 0)
		return -1;
	keyring_bundle(r->keyring, &next, r->key, &r->device.dev_id, &bundle);
	opsrv_fake_record(keys_fake(net.keys), bytes_str("any"), record);
	jsonio_put_bytes(last, "record", bytes_of(record, sizeof record));
	jsonio_put_bytes(
	    last, "birth_pin", bytes_of(next.head.b, DIGEST_BYTES));
	jsonio_put_bytes(last, "entry", entry);
	jsonio_put_list(last, "envelopes", buf_bytes(&bundle));
	buf_put_v16(&r->entries, entry);
	return control_call(
	    r->remote, "POST", "/v1/recover/finish", last, NULL, e);
}

/* seed NULL: the operator lets the account begin anew. */
static inline int
recover(struct account_sim *a, const struct secret *seed, bool keep_devices,
    struct err *e)
{
	OWN(recovering_sim_free) struct recovering_sim r = { .remote = NULL };
	OWN(buf_free) struct buf entry = { 0 };
	struct digest raw;
	struct id_text token;
	struct id any;

	new_device("another", &r.key, &r.device, &r.opening);
	if (seed != NULL)
		r.by = recseed_key(seed, &r.keyref);
	id_random(&any);
	token = id_text(&any);
	digest_of(bytes_str(token.s), &raw);
	struct recovering_row row = { a, &r.device,
		seed != NULL ? &r.keyref : NULL, raw };
	net_write(recovering_job, &row);
	if (remote_new(NET_URL, &r.remote, e) < 0)
		return -1;
	remote_set_token(r.remote, token.s);
	struct remote_call all = {
		.method = "GET", .path = "/v1/circle?since=0", .limit = 1 << 24
	};
	if (remote_call(r.remote, &all, &r.entries, e) < 0 ||
	    chain_apply(&r.circle, buf_bytes(&r.entries), e) < 0 ||
	    recovering_keys(&r, &a->uid, e) < 0)
		return -1;
	recovering_entry(&r, &a->uid, keep_devices, &entry);
	if (recovering_submit(&r, buf_bytes(&entry), e) < 0)
		return -1;
	for (unsigned i = 0; i < a->n && !(keep_devices && seed != NULL); i++)
		a->phone[i].in = false;
	a->resets += seed == NULL;
	struct phone *p = next_phone(a);
	p->dev_id = r.device.dev_id;
	p->in = true;
	return begin_there(p, r.key, buf_bytes(&r.entries), &r.opening, e);
}

/* ---- the operator ---- */

struct rename_row {
	struct account_sim *a;
	char name[LIMIT_NAME_BYTES + 1];
};

static inline int
rename_job(struct tx *tx, void *arg, struct err *e)
{
	const struct rename_row *r = arg;
	struct account a;
	bool found_it;

	if (account_by_uid(tx, &r->a->uid, &a, &found_it, e) < 0)
		return -1;
	return pastname_rename(tx, &a, r->name, now_ms(), e);
}

static inline void
rename_account(struct account_sim *a)
{
	struct rename_row r = { .a = a };

	(void)snprintf(r.name, sizeof r.name, "%c%u", a->name[0], ++a->names);
	net_write(rename_job, &r);
	memcpy(a->name, r.name, sizeof a->name);
}

/* ---- all of it ---- */

static inline void
people_sim_free(struct people_sim **wp)
{
	struct people_sim *w = *wp;

	if (w == NULL)
		return;
	for (unsigned i = 0; i < w->n; i++) {
		for (unsigned k = 0; k < w->a[i].n; k++)
			phone_close(&w->a[i].phone[k]);
		secret_free(&w->a[i].seed);
	}
	net_end();
	free(w);
	*wp = NULL;
}

/* n: accounts, whose devices may do all; 0: as the seed has it. */
static inline struct people_sim *
people_sim_new(uint64_t seed, unsigned n, bool talk)
{
	struct people_sim *w = mem_new(sizeof *w);
	struct err e;

	net_begin(seed);
	w->seed = seed;
	w->chance = seed * 0x9e3779b97f4a7c15ULL;
	w->talk = talk;
	w->n = n != 0 ? n : 2 + (unsigned)draw(w, ACCOUNTS - 1);
	w->mature_hours = n == 0 && draw(w, 3) == 0 ? 72 : 0;
	for (unsigned i = 0; i < w->n; i++)
		net_ok(found(w, &w->a[i], &e), &e);
	return w;
}
