/* SPDX-License-Identifier: ISC */
/* people_net.h: a server and its clients in one process, without a network. */
/*
 * What clients ask by link/remote.h goes straight to the handlers of src/api,
 * with everything between them as it is: routes, sessions, once. The definitions
 * here stand in the place of remote.o and now.o. Chance comes from the seed, so a
 * seed is the same history each time; the disk is one that never loses power.
 */
/* After <cmocka.h>. */
#pragma once

#include "scratch_dir.h"

#include "api/api.h"
#include "api/envelopes.h"
#include "base/file.h"
#include "base/now.h"
#include "http/route.h"
#include "link/remote.h"
#include "store/blob_dir.h"
#include "store/inbox.h"
#include "wire/errjson.h"

#include <dlfcn.h>
#include <sodium.h>

#define NET_URL "http://127.0.0.1:1"
#define NET_HOST "sim.example"
#define NET_QUERIES 4
#define NET_START_MS 1800000000000LL

/* What happens to one call of an operation. */
enum net_fault {
	NET_FINE,
	NET_LOST_ONCE, /* done, the answer is lost; it is asked again */
	NET_LOST, /* done, and no answer ever comes */
	NET_CUT, /* it never arrives */
	NET_REFUSED /* server-busy */
};

typedef int (*net_answer_fn)(void *ctx, struct remote *r,
    const struct remote_call *c, const struct id *key, struct buf *out,
    struct err *e);

struct net {
	uint64_t chance; /* what all that is random comes from */
	int64_t now_ms; /* the server's */
	int64_t skew_ms; /* of who runs now; the server's is 0 */
	struct scratch dir;
	struct keys *keys;
	struct server server;
	struct server past; /* as it was, or could have been; db NULL: none */
	struct buf empty; /* a database without a row */
	/* Of the operation that runs. */
	unsigned calls;
	unsigned fault_at; /* the call that it happens to; from then on, when
			      `stays` */
	enum net_fault fault;
	bool stays;
	bool faulted; /* it did */
	unsigned meddle_at; /* before which another device does something */
	void (*meddle)(void *ctx);
	void *meddle_ctx;
	/* A server that lies answers by this. */
	net_answer_fn lie;
	void *lie_ctx;
	char broken[256]; /* what no server says */
};

static struct net net;

/* ---- chance and clocks ---- */

static inline uint64_t
net_draw64(uint64_t *state)
{
	/* splitmix64; Steele, Lea, Flood 2014 */
	uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static inline const char *
net_chance_name(void)
{
	return "seeded";
}

static inline uint32_t
net_chance_32(void)
{
	return (uint32_t)net_draw64(&net.chance);
}

static inline void
net_chance_bytes(void *const out, const size_t n)
{
	uint8_t *p = out;

	for (size_t i = 0; i < n; i += 8) {
		uint64_t x = net_draw64(&net.chance);
		memcpy(p + i, &x, n - i < 8 ? n - i : 8);
	}
}

static inline void
net_chance_begin(void)
{
	static struct randombytes_implementation seeded = {
		.implementation_name = net_chance_name,
		.random = net_chance_32,
		.buf = net_chance_bytes
	};

	(void)randombytes_set_implementation(&seeded);
	if (sodium_init() < 0)
		abort();
}

int64_t
now_ms(void)
{
	return net.now_ms + net.skew_ms;
}

int64_t
now_mono_ns(void)
{
	return net.now_ms * 1000000;
}

struct timespec
now_mono_after(int64_t ms)
{
	int64_t at = net.now_ms + ms;

	return (struct timespec){ .tv_sec = (time_t)(at / 1000),
		.tv_nsec = (long)(at % 1000) * 1000000 };
}

int
fsync(int fd)
{
	(void)fd;
	return 0;
}

int
fdatasync(int fd)
{
	(void)fd;
	return 0;
}

/* Pages that are locked and guarded cost more than all that is done here. */
void *
sodium_malloc(const size_t n)
{
	return malloc(n);
}

void
sodium_free(void *p)
{
	free(p);
}

/*
 * A signature that was found valid is so for good: each history has few, and
 * they are looked at hundreds of times.
 */
#define NET_VALID 4096

int
crypto_sign_verify_detached(const unsigned char *sig, const unsigned char *m,
    unsigned long long n, const unsigned char *pk)
{
	static uint8_t valid[NET_VALID][crypto_hash_sha256_BYTES];
	static int (*verify)(const unsigned char *, const unsigned char *,
	    unsigned long long, const unsigned char *);
	uint8_t hash[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state s;

	if (verify == NULL)
		*(void **)&verify =
		    dlsym(RTLD_NEXT, "crypto_sign_verify_detached");
	(void)crypto_hash_sha256_init(&s);
	(void)crypto_hash_sha256_update(&s, pk, crypto_sign_PUBLICKEYBYTES);
	(void)crypto_hash_sha256_update(&s, sig, crypto_sign_BYTES);
	(void)crypto_hash_sha256_update(&s, m, n);
	(void)crypto_hash_sha256_final(&s, hash);
	uint8_t *kept = valid[(hash[0] | hash[1] << 8) % NET_VALID];
	if (memcmp(kept, hash, sizeof hash) == 0)
		return 0;
	int rc = verify(sig, m, n, pk);
	if (rc == 0)
		memcpy(kept, hash, sizeof hash);
	return rc;
}

/* ---- the server ---- */

static inline void
net_ok(int rc, const struct err *e)
{
	if (rc < 0)
		fail_msg("%s: %s", err_name(e->code), e->msg);
}

static inline char *
net_path(const char *name)
{
	return file_join(net.dir.path, name);
}

static inline void
net_open_db(const char *name, struct server *s)
{
	OWN(mem_free) char *path = net_path(name);
	struct err e;

	net_ok(db_open(path, DB_SERVER, &s->db, &e), &e);
	net_ok(account_open(s->db, &e), &e);
	net_ok(zone_open(s->db, &e), &e);
	s->store = (struct zone_store){ s->db, s->blobs };
}

/* In memory, where there is such a folder: databases come and go. */
static inline struct scratch
net_scratch(void)
{
	struct scratch s = { "/dev/shm/aumbry-sim-XXXXXX", -1 };

	if (mkdtemp(s.path) == NULL)
		return scratch_new();
	s.fd = open(s.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s.fd < 0)
		abort();
	return s;
}

/* Once for all histories: what costs time, and is the same for all. */
static inline void
net_new(void)
{
	OWN(mem_free) char *keys = NULL;
	OWN(mem_free) char *blobs = NULL;
	OWN(mem_free) char *db = NULL;
	const char *name = NET_HOST;
	uint8_t opaque[OPSRV_KEYS];
	struct server *s = &net.server;
	struct err e;

	net_chance_begin();
	net.now_ms = NET_START_MS;
	net.dir = net_scratch();
	keys = net_path("keys");
	blobs = net_path("blobs");
	db = net_path("empty.db");
	opsrv_keys_make(opaque);
	net_ok(keys_make(keys, opaque, &name, 1, &e), &e);
	net_ok(keys_load(keys, &net.keys, &e), &e);
	net_ok(blob_dir_open(blobs, ERR_SERVER_FULL, &s->blobs, &e), &e);
	config_defaults(&s->config);
	net_ok(config_set(&s->config, "server", "host", NET_HOST, &e), &e);
	s->keys = net.keys;
	opsrv_keys_load(keys_opaque(s->keys), &s->opaque);
	s->plain = true;
	s->data_fd = net.dir.fd;
	net_open_db("empty.db", s);
	db_free(&s->db);
	net_ok(file_read(db, 1 << 22, &net.empty, &e), &e);
}

static inline void
net_free(void)
{
	keys_free(&net.keys);
	blob_store_free(&net.server.blobs);
	config_free(&net.server.config);
	buf_free(&net.empty);
	scratch_free(&net.dir);
}

/* A server that nobody is at yet. */
static inline void
net_begin(uint64_t seed)
{
	OWN(mem_free) char *db = net_path("server.db");
	struct err e;

	net.chance = seed * 0x2545f4914f6cdd1dULL + 1;
	net.now_ms = NET_START_MS;
	net.skew_ms = 0;
	net.broken[0] = '\0';
	net.lie = NULL;
	net_ok(file_write(db, buf_bytes(&net.empty), 0600, &e), &e);
	net_open_db("server.db", &net.server);
}

static inline void
net_forget(const char *name)
{
	static const char *const ends[] = { "", "-wal", "-shm" };

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		OWN(buf_free) struct buf path = { 0 };
		buf_printf(&path, "%s/%s%s", net.dir.path, name, ends[i]);
		(void)unlink(buf_text(&path));
	}
}

static inline void
net_end(void)
{
	OWN(mem_free) char *homes = net_path("homes");
	int fd = open(homes, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	db_free(&net.server.db);
	db_free(&net.past.db);
	net_forget("server.db");
	net_forget("past.db");
	if (fd >= 0)
		scratch_empty(fd);
}

/* Keep it as it is now. */
static inline void
net_keep(void)
{
	OWN(mem_free) char *path = net_path("past.db");
	struct err e;

	net.past = net.server;
	net.past.db = NULL;
	net_ok(db_backup(net.server.db, path, &e), &e);
	net_open_db("past.db", &net.past);
}

/* Something that no call does: of the operator, or what other tests are for. */
static inline void
net_write(db_job_fn *fn, void *arg)
{
	int64_t skew = net.skew_ms;
	struct err e;

	net.skew_ms = 0;
	net_ok(db_write(net.server.db, fn, arg, &e), &e);
	net.skew_ms = skew;
}

/* ---- a request ---- */

struct net_request {
	struct request q;
	char *path;
	struct http_pair query[NET_QUERIES], headers[3];
};

static inline void
net_cut_query(struct net_request *x)
{
	char *at = strchr(x->path, '?');

	x->q.query = x->query;
	if (at != NULL)
		*at++ = '\0';
	while (at != NULL && x->q.queries < NET_QUERIES) {
		struct http_pair *p = &x->query[x->q.queries++];
		char *next = strchr(at, '&'), *is;
		if (next != NULL)
			*next++ = '\0';
		is = strchr(at, '=');
		assert_non_null(is);
		*is++ = '\0';
		*p = (struct http_pair){ at, is };
		at = next;
	}
}

static inline const struct http_route *
net_route(struct net_request *x)
{
	for (size_t i = 0; i < api_n_routes; i++) {
		const struct http_route *r = &api_routes[i];
		if (strcmp(r->method, x->q.method) == 0 &&
		    route_match(
			r->pattern, x->path, x->q.capture, &x->q.captures)) {
			x->q.pattern = r->pattern;
			x->q.call = r->call;
			return r;
		}
	}
	return NULL;
}

/* Whoever has a session has it also where something old is shown. */
static inline int
session_job(struct tx *tx, void *arg, struct err *e)
{
	const struct caller *me = arg;
	struct account_session s;
	struct id nonce;
	bool found;

	id_random(&nonce);
	if (account_session(tx, &me->token, 0, &s, &found, e) < 0)
		return -1;
	s = (struct account_session){ .uid = me->uid,
		.dev_id = me->dev_id,
		.class = CLASS_COMPUTER,
		.opened_ms = now_ms(),
		.expires_ms = now_ms() + LIMIT_SESSION_S * 1000LL,
		.os = "",
		.address = "" };
	id_random(&s.id);
	return found ? 0
		     : account_add_session(
			   tx, &me->token, &s, bytes_of(nonce.b, ID_BYTES), e);
}

/* The answer of that server. */
static inline int
net_handle(struct server *s, struct net_request *x, struct buf *out,
    struct buf *detail, struct err *e)
{
	const struct http_route *route = net_route(x);
	OWN(response_free) struct response r;

	response_init(&r);
	if (route == NULL || route->handle == NULL)
		return err_set(e, ERR_NOT_FOUND, "there is no such address");
	if (x->q.body.n > route->max_body)
		return err_set(e, ERR_TOO_LARGE, "the body is too large");
	if (server_authorize(&net.server, route, &x->q, e) < 0)
		return -1;
	if (s != &net.server &&
	    db_write(s->db, session_job, x->q.user, e) < 0) {
		server_release(s, x->q.user);
		return -1;
	}
	int rc = route->handle(s, &x->q, &r, e);
	server_release(s, x->q.user);
	buf_put_bytes(detail, buf_bytes(&r.detail));
	if (rc != 0)
		return -1;
	if (r.fd >= 0)
		return file_read_rest(r.fd, "an answer", 1 << 26, out, e);
	buf_put_bytes(out, buf_bytes(&r.body));
	return 0;
}
