/* SPDX-License-Identifier: ISC */
/* http_conn.c: who may connect, who must go, and what each holds of us. */
#include "http/http_in.h"

#include "base/log.h"
#include "base/now.h"

#include <assert.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>

/* One line in the log for each cause in this time, nanoseconds. */
#define TELL_NS (60 * 1000000000LL)
/* Memory is handed back to the system no more often than this, and only
 * after this many connections have ended. */
#define TRIM_NS (10 * 1000000000LL)
#define TRIM_CONNS 256

static const char *const cause_names[REFUSALS] = {
	[REFUSED_CONNECTIONS] = "connections",
	[REFUSED_ADDRESS] = "connections_per_address",
	[REFUSED_HELD] = "held",
	[REFUSED_SLOW] = "slow",
	[REFUSED_PROXY] = "proxy_protocol",
};

/* ---- what is told of limits ---- */

static void
tell(struct http_server *s, enum refusal why, int64_t now)
{
	struct refused *r = &s->refused[why];

	if (r->untold == 0 || (r->told_ns != 0 && now - r->told_ns < TELL_NS))
		return;
	log_warn("limit_reached", "limit=%s times=%" PRIu64, cause_names[why],
	    r->untold);
	r->untold = 0;
	r->told_ns = now;
}

void
http_refused(struct http_server *s, enum refusal why)
{
	s->refused[why].total++;
	s->refused[why].untold++;
	tell(s, why, now_mono_ns());
}

static void
tell_all(struct http_server *s, int64_t now)
{
	for (enum refusal i = 0; i < REFUSALS; i++)
		tell(s, i, now);
}

void
http_refused_text(struct http_server *s, struct buf *out)
{
	buf_put_str(out,
	    "# HELP aumbry_http_limited_total Connections and bodies that met "
	    "a limit.\n"
	    "# TYPE aumbry_http_limited_total counter\n");
	pthread_mutex_lock(&s->conn_mu);
	for (enum refusal i = 0; i < REFUSALS; i++)
		buf_printf(out,
		    "aumbry_http_limited_total{limit=\"%s\"} %" PRIu64 "\n",
		    cause_names[i], s->refused[i].total);
	pthread_mutex_unlock(&s->conn_mu);
}

/* ---- purses: what an address or an account holds ---- */

static struct purse **
place_of(struct http_server *s, enum purse_kind kind, const struct id *key)
{
	/* FNV-1a: a list that an attacker makes long is short all the same,
	 * for no more purses than connections are open. */
	uint32_t h = 2166136261u ^ (uint32_t)kind;

	for (size_t i = 0; i < ID_BYTES; i++)
		h = (h ^ key->b[i]) * 16777619u;
	struct purse **p = &s->purses[h % PURSES];
	while (*p != NULL && ((*p)->kind != kind || !id_equal(&(*p)->key, key)))
		p = &(*p)->next;
	return p;
}

static struct purse *
purse(struct http_server *s, enum purse_kind kind, const struct id *key)
{
	struct purse **at = place_of(s, kind, key);

	if (*at == NULL) {
		*at = mem_new(sizeof **at);
		(*at)->kind = kind;
		(*at)->key = *key;
	}
	(*at)->users++;
	return *at;
}

static void
purse_drop(struct http_server *s, struct purse *p)
{
	if (p == NULL || --p->users > 0)
		return;
	assert(p->held == 0 && p->connections == 0);
	struct purse **at = place_of(s, p->kind, &p->key);
	*at = p->next;
	free(p);
}

int
http_charge(struct http_call *c, uint64_t bytes, struct err *e)
{
	struct http_server *s = c->server;
	bool account = !id_zero(&c->q.payer);
	int rc = 0;

	pthread_mutex_lock(&s->conn_mu);
	if (c->purse == NULL)
		c->purse = purse(s, account ? PURSE_ACCOUNT : PURSE_ADDRESS,
		    account ? &c->q.payer : &c->net);
	struct purse *p = c->purse;
	uint64_t most =
	    p->kind == PURSE_ACCOUNT ? s->held_account : s->held_address;
	/* Who is alone may hold what one call may hold. */
	if (most > 0 && p->held > c->held && p->held + bytes > most) {
		http_refused(s, REFUSED_HELD);
		rc = err_set(e, ERR_SERVER_BUSY,
		    "%s has too much under way at once",
		    p->kind == PURSE_ACCOUNT ? "the account" : "this address");
		bytes = 0;
	}
	c->held += bytes;
	p->held += bytes;
	pthread_mutex_unlock(&s->conn_mu);
	return rc;
}

int
http_hold(const struct request *q, uint64_t bytes, struct err *e)
{
	return q->shell != NULL ? http_charge(q->shell, bytes, e) : 0;
}

void
http_release_held(struct http_call *c)
{
	if (c->purse == NULL)
		return;
	c->purse->held -= c->held;
	c->held = 0;
	purse_drop(c->server, c->purse);
	c->purse = NULL;
}

/* ---- connections ---- */

/* It counts no more, and neither does it when it is closed. */
static void
uncount(struct http_server *s, struct conn *c)
{
	if (c->from == NULL)
		return;
	c->from->connections--;
	s->n_conns--;
	purse_drop(s, c->from);
	c->from = NULL;
}

static void
cut(struct http_server *s, struct conn *c)
{
	(void)shutdown(c->fd, SHUT_RDWR);
	uncount(s, c);
}

/*
 * The idle connection that goes first: of the address that has most of them
 * the one on which nothing was asked for longest. of: only of that address.
 */
static struct conn *
most_idle(struct http_server *s, const struct purse *of)
{
	struct conn *found = NULL;

	for (struct conn *c = s->conns; c != NULL; c = c->next) {
		if (c->busy || c->from == NULL || (of != NULL && c->from != of))
			continue;
		unsigned n = c->from->connections;
		if (found == NULL || n > found->from->connections ||
		    (n == found->from->connections &&
			c->idle_since_ns < found->idle_since_ns))
			found = c;
	}
	return found;
}

/* Make room for one more; a newcomer takes the place of who asks nothing. */
static bool
make_room(struct http_server *s, enum refusal why, const struct purse *of)
{
	struct conn *c = most_idle(s, of);

	http_refused(s, why);
	if (c != NULL)
		cut(s, c);
	return c != NULL;
}

bool
http_is_proxy(const struct http_server *s, const struct sockaddr *sa)
{
	return s->all_proxies || sa->sa_family == AF_UNIX ||
	    address_nets_have(&s->proxies, sa);
}

struct conn *
http_conn_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

enum MHD_Result
http_accept(void *cls, const struct sockaddr *sa, socklen_t n)
{
	struct http_server *s = ((struct port *)cls)->server;
	struct id net;
	bool ok = true;

	(void)n;
	address_net(sa, &net);
	pthread_mutex_lock(&s->conn_mu);
	const struct purse *p = *place_of(s, PURSE_ADDRESS, &net);
	bool proxy = http_is_proxy(s, sa);
	if (s->per_address > 0 && !proxy && p != NULL &&
	    p->connections >= s->per_address)
		ok = make_room(s, REFUSED_ADDRESS, p);
	if (ok && s->n_conns >= s->connections)
		ok = make_room(s, REFUSED_CONNECTIONS, NULL);
	/* What was cut is closed by its thread, which may be at work. */
	ok = ok && s->n_open < s->connections + s->connections / 4 + 16;
	pthread_mutex_unlock(&s->conn_mu);
	return ok ? MHD_YES : MHD_NO;
}

static void
opened(struct port *port, struct MHD_Connection *mhd, struct conn *c)
{
	struct http_server *s = port->server;
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct id net = { { 0 } };

	c->server = s;
	c->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)
		    ->connect_fd;
	c->idle_since_ns = now_mono_ns();
	c->next = s->conns;
	if (c->next != NULL)
		c->next->prev = c;
	s->conns = c;
	s->n_open++;
	if (port != &s->main)
		return;
	if (info != NULL && info->client_addr != NULL)
		address_net(info->client_addr, &net);
	c->from = purse(s, PURSE_ADDRESS, &net);
	c->from->connections++;
	s->n_conns++;
}

static void
closed(struct http_server *s, struct conn *c)
{
	uncount(s, c);
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		s->conns = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	s->n_open--;
	s->n_ended++;
	free(c);
}

void
http_on_connection(void *cls, struct MHD_Connection *mhd, void **context,
    enum MHD_ConnectionNotificationCode what)
{
	struct port *port = cls;
	struct http_server *s = port->server;
	struct conn *c = *context;

	pthread_mutex_lock(&s->conn_mu);
	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		c = *context = mem_new(sizeof *c);
		opened(port, mhd, c);
	} else if (c != NULL) {
		closed(s, c);
		*context = NULL;
	}
	pthread_mutex_unlock(&s->conn_mu);
}

/* Cut connections on which no request has come for too long: idle ones, those
 * that send a header byte by byte, and those that do not take their answer. */
void
http_cut_idle(struct http_server *s, int64_t now)
{
	int64_t longest = (int64_t)s->idle_s * 1000000000;

	pthread_mutex_lock(&s->conn_mu);
	for (struct conn *c = s->conns; c != NULL; c = c->next) {
		bool slow = c->busy && c->answer_by_ns != 0 &&
		    now > c->answer_by_ns && c->from != NULL;
		if (slow)
			http_refused(s, REFUSED_SLOW);
		if (slow || (!c->busy && now - c->idle_since_ns > longest))
			cut(s, c);
	}
	tell_all(s, now);
	pthread_mutex_unlock(&s->conn_mu);
}

/* The allocator keeps what thousands of connections had, unless told. */
void
http_trim(struct http_server *s, int64_t now)
{
	pthread_mutex_lock(&s->conn_mu);
	bool due = s->n_ended >= TRIM_CONNS && now - s->trimmed_ns > TRIM_NS;
	if (due) {
		s->n_ended = 0;
		s->trimmed_ns = now;
	}
	pthread_mutex_unlock(&s->conn_mu);
	if (due)
		(void)malloc_trim(0);
}
