/* SPDX-License-Identifier: ISC */
/* daemon_open.c: the parts of a server, from its data folder. */
#include "aumbryd/daemon.h"

#include "aumbryd/daemon_user.h"
#include "base/file.h"
#include "base/text.h"
#include "http/tlscert.h"
#include "server/escrowlink.h"
#include "server/postman.h"
#include "server/ready.h"
#include "server/renew.h"
#include "store/blob_dir.h"
#include "store/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void
daemon_free(struct server *s)
{
	gateway_stop(s->gateway);
	http_free(&s->http);
	escrowlink_stop(&s->escrow);
	gateway_free(&s->gateway);
	geoip_free(&s->geoip);
	postman_stop(&s->postman);
	blob_store_free(&s->blobs);
	db_free(&s->db);
	room_free(&s->room);
	certs_free(&s->certs);
	ready_free(&s->ready);
	keys_free(&s->keys);
	opsrv_keys_wipe(&s->opaque);
	server_renew_free(s);
	config_free(&s->config);
	fd_close(&s->data_fd);
}

static char *
in_data(const char *data, const char *path)
{
	return path[0] == '/' ? mem_text(path) : file_join(data, path);
}

static bool
is_plain(const struct config *c)
{
	return strncmp(c->url, "http://", 7) == 0;
}

/* A part of a server that was there: nothing new takes its place. */
static int
from_a_copy(struct err *e)
{
	return err_remedy(
	    e, "Put it back from a copy, or mount the disk that it is on.");
}

int
daemon_load_config(const char *data, struct server *s, struct err *e)
{
	OWN(mem_free) char *conf = file_join(data, DAEMON_CONFIG);
	OWN(mem_free) char *keys = file_join(data, "keys");

	if (config_load(conf, &s->config, e) == 0)
		return 0;
	if (e->code != ERR_NOT_FOUND)
		return -1;
	if (file_exists(keys)) {
		(void)err_set(e, ERR_NOT_FOUND, "%s is not there", conf);
		return from_a_copy(e);
	}
	(void)err_set(
	    e, ERR_NOT_FOUND, "there is no server's data at %s", data);
	return err_remedy(e, "Run: aumbryd init --data %s", data);
}

char *
daemon_database(const char *data, const struct server *s)
{
	const char *name = s->config.database;

	return in_data(
	    data, strncmp(name, "sqlite:", 7) == 0 ? name + 7 : name);
}

char *
daemon_blobs(const char *data, const struct server *s)
{
	const char *name = s->config.blobs;

	return in_data(data, strncmp(name, "dir:", 4) == 0 ? name + 4 : name);
}

/* The reserve lies where the database grows. */
void
daemon_open_room(const char *data, struct server *s)
{
	OWN(mem_free) char *dir = daemon_database(data, s);
	char *slash = strrchr(dir, '/');

	if (slash != NULL)
		slash[slash == dir] = '\0';
	s->room = room_new(slash != NULL ? dir : ".", s->config.reserve_bytes);
	(void)room_use(s->room); /* now, for the database is opened next */
}

int
daemon_load_keys(const char *data, struct server *s, struct err *e)
{
	OWN(mem_free) char *keys = file_join(data, "keys");

	if (keys_load(keys, &s->keys, e) == 0)
		return certs_new(s->keys, &s->config, &s->certs, e);
	return e->code == ERR_NOT_FOUND || e->code == ERR_STATE_DAMAGED
	    ? from_a_copy(e)
	    : -1;
}

/*
 * The database is made by init alone. Where one was, an empty one would tell
 * every device that its account is gone.
 */
int
daemon_is_there(const char *data, const struct server *s, struct err *e)
{
	OWN(mem_free) char *db = daemon_database(data, s);
	struct stat st = { 0 };

	if (stat(db, &st) < 0 && errno != ENOENT && errno != ENOTDIR)
		return err_sys(e, "%s", db);
	if (st.st_size > 0)
		return 0;
	(void)err_set(e, ERR_NOT_FOUND,
	    "%s, the database of this server, is not there or empty", db);
	return from_a_copy(e);
}

static int
count_blobs(struct tx *tx, void *arg, struct err *e)
{
	return sql_count(tx, e, arg, "SELECT COUNT(*) FROM blob", "");
}

/* Nor is a folder begun for blobs that the database knows to lie in another. */
static int
open_blobs(const char *dir, struct server *s, struct err *e)
{
	OWN(mem_free) char *mark = file_join(dir, "tmp");
	uint64_t n = 0;

	if (!file_exists(mark) && db_read(s->db, count_blobs, &n, e) < 0)
		return -1;
	if (n == 0)
		return blob_dir_open(dir, ERR_SERVER_FULL, &s->blobs, e);
	(void)err_set(e, ERR_NOT_FOUND,
	    "%s is no folder of blobs, and the database knows of %llu", dir,
	    (unsigned long long)n);
	return from_a_copy(e);
}

int
daemon_open_parts(
    const char *data, enum db_use use, struct server *s, struct err *e)
{
	OWN(mem_free) char *db = daemon_database(data, s);
	OWN(mem_free) char *dir = daemon_blobs(data, s);
	if ((s->keys == NULL && daemon_load_keys(data, s, e) < 0) ||
	    db_open(db, use, &s->db, e) < 0 || zone_open(s->db, e) < 0 ||
	    account_open(s->db, e) < 0 || open_blobs(dir, s, e) < 0)
		return -1;
	opsrv_keys_load(keys_opaque(s->keys), &s->opaque);
	s->store = (struct zone_store){ s->db, s->blobs };
	s->plain = is_plain(&s->config);
	s->data_fd = open(data, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	return s->data_fd < 0 ? err_sys(e, "%s", data) : 0;
}

int
daemon_open(const char *data, bool elsewhere, struct server *s, struct err *e)
{
	struct daemon_user user;

	if (daemon_load_config(data, s, e) < 0 ||
	    daemon_user_find(data, &s->config, &user, e) < 0 ||
	    daemon_load_keys(data, s, e) < 0 ||
	    (!elsewhere && daemon_user_become(&user, e) < 0))
		return -1;
	return daemon_is_there(data, s, e) < 0 ||
		daemon_open_parts(data, DB_BESIDE, s, e) < 0
	    ? -1
	    : 0;
}

/* The fingerprint of the escrow's key, once it was met. */
static void
put_escrow(const struct server *s, struct buf *out)
{
	uint8_t key[SIG_PK_BYTES];
	struct digest d;

	if (!escrowlink_key(s->escrow, key))
		return;
	digest_of(bytes_of(key, sizeof key), &d);
	buf_put_str(out, "&escrow=");
	text_base64url(out, bytes_of(d.b, DIGEST_BYTES));
}

void
daemon_put_url(const struct server *s, uint16_t port, struct buf *out)
{
	const struct config *c = &s->config;

	if (c->url[0] != '\0' &&
	    (port == 0 || address_unix(c->listen) != NULL)) {
		buf_put_str(out, c->url);
	} else {
		const char *colon = strrchr(c->listen, ':');
		size_t n = (size_t)(colon - c->listen);
		bool any = strncmp(c->listen, "0.0.0.0", n) == 0 ||
		    strncmp(c->listen, "[::]", n) == 0;
		buf_put_str(out, s->plain ? "http://" : "https://");
		if (any)
			buf_put_str(out, c->host);
		else
			buf_put(out, c->listen, n);
		if (port != 0)
			buf_printf(out, ":%u", (unsigned)port);
		else
			buf_put_str(out, colon);
	}
	if (s->plain)
		return;
	buf_put_str(out, "/#pin=");
	tlscert_pin(keys_spki(s->keys), out);
	put_escrow(s, out);
}
