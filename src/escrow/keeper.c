/* SPDX-License-Identifier: ISC */
/* keeper.c: making and opening an escrow's folder; nonces; the one server. */
#include "escrow/keeper.h"

#include "base/file.h"
#include "base/text.h"
#include "escrow/gate.h"
#include "escrow/rootkey.h"
#include "vault/seal.h"

#include <stdlib.h>
#include <string.h>

#define FILE_MAX 4096 /* bytes; ours have 250 */

static const char identity_magic[4] = { 'P', 'E', 'I', '1' };
static const char identity_ad[] = "aumbry escrow identity v1"; /* and NUL */

/* ---- identity ---- */

static struct secret *
identity_key(const struct secret *root)
{
	return secret_derive(root, "escrow identity", bytes_str(""));
}

static void
put_identity_ad(const uint8_t sign_pk[static SIG_PK_BYTES], struct buf *out)
{
	buf_put(out, identity_ad, sizeof identity_ad);
	buf_put(out, sign_pk, SIG_PK_BYTES);
}

static int
make_identity(const char *dir, const struct secret *root, struct err *e)
{
	OWN(mem_free) char *path = file_join(dir, "identity");
	OWN(secret_free) struct secret *key = identity_key(root);
	OWN(buf_free) struct buf file = { 0 };
	OWN(buf_free) struct buf ad = { 0 };
	struct device self;
	OWN(devkey_free) struct devkey *pair = devkey_new(&self);
	OWN(secret_free) struct secret *raw = devkey_secret(pair);

	buf_put(&file, identity_magic, sizeof identity_magic);
	buf_put(&file, self.sign_pk, sizeof self.sign_pk);
	put_identity_ad(self.sign_pk, &ad);
	seal_make(key, buf_bytes(&ad), secret_bytes(raw), &file);
	return rootkey_write_file(path, buf_bytes(&file), e);
}

/* The public key, and the box of the private one appended to `box`. */
static int
read_identity(const char *dir, uint8_t sign_pk[static SIG_PK_BYTES],
    struct buf *box, struct err *e)
{
	OWN(mem_free) char *path = file_join(dir, "identity");
	OWN(buf_free) struct buf file = { 0 };

	if (rootkey_read_file(path, FILE_MAX, &file, e) < 0)
		return e->code == ERR_NOT_FOUND
		    ? (err_set(
			   e, ERR_NOT_FOUND, "there is no escrow at %s", dir),
			  err_remedy(
			      e, "Run: aumbry-escrow init --dir %s", dir))
		    : -1;
	struct scan s = scan_of(buf_bytes(&file));
	struct bytes magic = scan_take(&s, sizeof identity_magic);
	scan_copy(&s, sign_pk, SIG_PK_BYTES);
	if (!scan_ok(&s) ||
	    !bytes_equal(
		magic, bytes_of(identity_magic, sizeof identity_magic)))
		return err_set(
		    e, ERR_STATE_DAMAGED, "%s is not what was written", path);
	buf_put_bytes(box, bytes_of(s.p, s.n));
	return 0;
}

static int
open_identity(struct keeper *k, struct err *e)
{
	OWN(secret_free) struct secret *key = identity_key(k->root);
	OWN(secret_free) struct secret *raw = NULL;
	OWN(buf_free) struct buf box = { 0 };
	OWN(buf_free) struct buf ad = { 0 };
	uint8_t is[SIG_PK_BYTES];

	if (read_identity(k->dir, k->sign_pk, &box, e) < 0)
		return -1;
	put_identity_ad(k->sign_pk, &ad);
	if (seal_open_secret(key, buf_bytes(&ad), buf_bytes(&box), &raw, e) <
		0 ||
	    secret_bytes(raw).n != DEVKEY_BYTES)
		return err_set(e, ERR_STATE_DAMAGED,
		    "the root key does not open %s/identity", k->dir);
	k->identity = devkey_of(secret_bytes(raw));
	devkey_sign_pk(k->identity, is);
	return bytes_equal(bytes_of(is, sizeof is),
		   bytes_of(k->sign_pk, sizeof k->sign_pk))
	    ? 0
	    : err_set(e, ERR_STATE_DAMAGED,
		  "%s/identity is not what was written", k->dir);
}

int
keeper_sign_pk(const char *dir, uint8_t out[static SIG_PK_BYTES], struct err *e)
{
	OWN(buf_free) struct buf box = { 0 };

	return read_identity(dir, out, &box, e);
}

void
keeper_fingerprint(const uint8_t sign_pk[static SIG_PK_BYTES], struct buf *out)
{
	struct digest d;

	digest_of(bytes_of(sign_pk, SIG_PK_BYTES), &d);
	text_base64url(out, bytes_of(d.b, DIGEST_BYTES));
}

/* ---- making ---- */

static bool
has(const char *dir, const char *name)
{
	OWN(mem_free) char *path = file_join(dir, name);

	return file_exists(path);
}

bool
keeper_there(const char *dir)
{
	return has(dir, "identity") || has(dir, "journal");
}

/* The identity comes last: without it, a crash left something unfinished. */
int
keeper_make(const char *dir, const struct settings *s, struct err *e)
{
	OWN(mem_free) char *conf = file_join(dir, KEEPER_CONF);
	OWN(secret_free) struct secret *root = NULL;
	OWN(buf_free) struct buf text = { 0 };

	if (keeper_there(dir))
		return err_set(
		    e, ERR_REPO_EXISTS, "there is an escrow at %s", dir);
	settings_text(s, &text);
	if (file_mkdirs(dir, 0700, e) < 0 ||
	    file_write(conf, buf_bytes(&text), 0600, e) < 0 ||
	    rootkey_make(dir, s, &root, e) < 0 || gate_make(dir, root, e) < 0)
		return -1;
	return make_identity(dir, root, e);
}

/* ---- opening ---- */

static int
read_server(struct keeper *k, struct err *e)
{
	OWN(mem_free) char *path = file_join(k->dir, "server.pub");
	OWN(buf_free) struct buf file = { 0 };
	OWN(buf_free) struct buf pk = { 0 };

	if (file_read(path, FILE_MAX, &file, e) < 0)
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	size_t n = strcspn(buf_text(&file), "\n");
	if (text_unbase64(&pk, bytes_of(file.p, n)) < 0 || pk.n != SIG_PK_BYTES)
		return err_set(e, ERR_STATE_DAMAGED,
		    "%s does not hold a server's key", path);
	memcpy(k->server_pk, pk.p, SIG_PK_BYTES);
	k->pinned = true;
	return 0;
}

static int
lock(struct keeper *k, struct err *e)
{
	OWN(mem_free) char *path = file_join(k->dir, "serve.lock");

	if (file_lock(path, &k->lock, e) == 0)
		return 0;
	return e->code == ERR_HOME_BUSY
	    ? err_set(
		  e, ERR_HOME_BUSY, "another aumbry-escrow serves %s", k->dir)
	    : -1;
}

static int
open_journal(struct keeper *k, enum keeper_mode mode, struct err *e)
{
	OWN(mem_free) char *path = file_join(k->dir, "journal");

	/* Before the first line there may be no file to look at. */
	const char *from =
	    mode == KEEPER_LOOK && !file_exists(path) ? "/dev/null" : path;
	return journal_open(from, k->sign_pk,
	    mode == KEEPER_SERVE ? JOURNAL_SERVE : JOURNAL_LOOK, &k->journal,
	    &k->torn, e);
}

int
keeper_open(
    const char *dir, enum keeper_mode mode, struct keeper **out, struct err *e)
{
	OWN(keeper_free) struct keeper *k = mem_new(sizeof *k);
	OWN(mem_free) char *conf = file_join(dir, KEEPER_CONF);
	uint8_t pk[SIG_PK_BYTES];

	k->dir = mem_text(dir);
	k->lock = -1;
	k->nonces = mem_array(KEEPER_NONCES, sizeof *k->nonces);
	if (keeper_sign_pk(dir, pk, e) < 0 ||
	    settings_load(conf, &k->settings, e) < 0 ||
	    (mode == KEEPER_SERVE && lock(k, e) < 0) ||
	    rootkey_open(dir, &k->settings, &k->root, e) < 0 ||
	    open_identity(k, e) < 0 || read_server(k, e) < 0 ||
	    open_journal(k, mode, e) < 0 ||
	    wards_open(dir, k->root, &k->wards, e) < 0 ||
	    (mode == KEEPER_SERVE && wards_sweep(k->wards, e) < 0))
		return -1;
	*out = TAKE(k);
	return 0;
}

void
keeper_free(struct keeper **kp)
{
	struct keeper *k = *kp;

	if (k == NULL)
		return;
	journal_free(&k->journal);
	wards_free(&k->wards);
	devkey_free(&k->identity);
	secret_free(&k->root);
	settings_free(&k->settings);
	fd_close(&k->lock);
	free(k->nonces);
	free(k->dir);
	free(k);
	*kp = NULL;
}

/* ---- the server ---- */

int
keeper_pin(struct keeper *k, const uint8_t server_pk[static SIG_PK_BYTES],
    struct err *e)
{
	OWN(mem_free) char *path = file_join(k->dir, "server.pub");
	OWN(buf_free) struct buf text = { 0 };
	struct bytes pk = bytes_of(server_pk, SIG_PK_BYTES);

	if (k->pinned)
		return bytes_equal(pk, bytes_of(k->server_pk, SIG_PK_BYTES))
		    ? 0
		    : err_set(e, ERR_PERMISSION,
			  "this escrow serves another server");
	text_base64url(&text, pk);
	buf_put_str(&text, "\n");
	if (file_write(path, buf_bytes(&text), 0600, e) < 0)
		return -1;
	memcpy(k->server_pk, server_pk, SIG_PK_BYTES);
	k->pinned = true;
	return 0;
}

/* ---- nonces ---- */

/* Not good before it was made either: then a clock went back. */
static bool
is_good(const struct keeper_nonce *x, uint64_t now_ms)
{
	return now_ms >= x->made_ms && now_ms - x->made_ms < ESCROW_NONCE_MS;
}

static void
forget(struct keeper *k, size_t i)
{
	k->n_nonces--;
	memmove(&k->nonces[i], &k->nonces[i + 1],
	    (k->n_nonces - i) * sizeof *k->nonces);
}

void
keeper_draw(struct keeper *k, const struct id *uid, uint64_t now_ms,
    uint8_t out[static ESCROW_NONCE])
{
	OWN(secret_free) struct secret *drawn = secret_random(ESCROW_NONCE);

	while (k->n_nonces > 0 &&
	    (k->n_nonces == KEEPER_NONCES || !is_good(&k->nonces[0], now_ms)))
		forget(k, 0);
	struct keeper_nonce *x = &k->nonces[k->n_nonces++];
	x->uid = *uid;
	x->made_ms = now_ms;
	memcpy(x->nonce, secret_bytes(drawn).p, ESCROW_NONCE);
	memcpy(out, x->nonce, ESCROW_NONCE);
}

bool
keeper_spend(struct keeper *k, const struct id *uid,
    const uint8_t nonce[static ESCROW_NONCE], uint64_t now_ms)
{
	for (size_t i = 0; i < k->n_nonces; i++) {
		const struct keeper_nonce *x = &k->nonces[i];
		if (!bytes_equal(bytes_of(x->nonce, ESCROW_NONCE),
			bytes_of(nonce, ESCROW_NONCE)))
			continue;
		bool good = id_equal(&x->uid, uid) && is_good(x, now_ms);
		forget(k, i);
		return good;
	}
	return false;
}
