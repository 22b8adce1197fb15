/* SPDX-License-Identifier: ISC */
/* gateway.c: the queue of codes on their way, and the threads that send. */
#include "server/gateway_in.h"

#include "base/now.h"
#include "http/http.h"
#include "server/template.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SENDERS 2 /* threads for texts, and as many for calls */
#define KEPT_NS 60000000000 /* an end that nobody asks for */

struct job {
	struct job *next;
	struct id ticket;
	bool call;
	struct gateway_message *message; /* NULL once a thread has it */
	enum gateway_state state;
	int64_t ended_ns;
	struct buf answer;
};

struct gateway {
	_Atomic(const struct config *) config;
	struct http_server **http;
	pthread_t thread[2 * SENDERS];
	size_t threads;
	bool texts, calls; /* there are threads for them */
	atomic_bool stop;
	pthread_mutex_t lock; /* jobs */
	pthread_cond_t told;
	struct job *jobs; /* oldest first */
};

/* What a thread does, and for whom. */
struct sender {
	struct gateway *g;
	bool call;
};

static void
job_free(struct job *j)
{
	gateway_message_free(&j->message);
	buf_free(&j->answer);
	free(j);
}

/* ---- the configuration ---- */

int
gateway_check(const struct config *c, struct err *e)
{
	bool post = strcmp(c->text_method, "POST") == 0;

	if (!post && strcmp(c->text_method, "GET") != 0)
		return err_set(
		    e, ERR_USAGE, "[phone] text_method is GET or POST");
	if (!post && c->text_body[0] != '\0')
		return err_set(
		    e, ERR_USAGE, "[phone] text_body needs text_method = POST");
	if (c->text_url[0] != '\0' &&
	    ((!template_has(c->text_url, "number") &&
		 !template_has(c->text_body, "number")) ||
		(!template_has(c->text_url, "message") &&
		    !template_has(c->text_body, "message") &&
		    !template_has(c->text_url, "code") &&
		    !template_has(c->text_body, "code"))))
		return err_set(e, ERR_USAGE,
		    "[phone] text_url or text_body must have {number}, and "
		    "{message} or {code}");
	if (template_has(c->call_command, "code") ||
	    template_has(c->call_command, "message"))
		return err_set(e, ERR_USAGE,
		    "[phone] call_command cannot have {code} or {message}, "
		    "which others would see there: it reads them as JSON from "
		    "its standard input");
	return 0;
}

bool
gateway_can(const struct gateway *g, bool call)
{
	const struct config *c = g != NULL ? atomic_load(&g->config) : NULL;

	return c != NULL && (call ? c->call_command : c->text_url)[0] != '\0';
}

/* ---- the queue ---- */

/* Under lock: the place of a job, or the end. */
static struct job **
place(struct gateway *g, const struct id *ticket)
{
	struct job **j = &g->jobs;

	while (*j != NULL && !id_equal(&(*j)->ticket, ticket))
		j = &(*j)->next;
	return j;
}

static void
drop(struct job **at)
{
	struct job *j = *at;

	*at = j->next;
	job_free(j);
}

int
gateway_submit(struct gateway *g, struct gateway_message **m, struct err *e)
{
	int64_t now = now_mono_ns();
	size_t n = 0;

	(void)pthread_mutex_lock(&g->lock);
	struct job **at = &g->jobs;
	while (*at != NULL) {
		if ((*at)->state >= GATEWAY_SENT &&
		    now - (*at)->ended_ns > KEPT_NS) {
			drop(at);
			continue;
		}
		n += (*at)->state == GATEWAY_SENDING;
		at = &(*at)->next;
	}
	bool room = n < GATEWAY_WAITING && !atomic_load(&g->stop);
	if (room) {
		struct job *j = mem_new(sizeof *j);
		j->ticket = (*m)->ticket;
		j->call = (*m)->call;
		j->state = GATEWAY_SENDING;
		buf_put_bytes(&j->answer, buf_bytes(&(*m)->answer));
		j->message = TAKE(*m);
		*at = j;
		(void)pthread_cond_broadcast(&g->told);
	}
	(void)pthread_mutex_unlock(&g->lock);
	return room
	    ? 0
	    : err_set(e, ERR_SERVER_BUSY, "too many codes are on their way");
}

enum gateway_state
gateway_state(
    struct gateway *g, const struct id *ticket, bool last, struct buf *answer)
{
	enum gateway_state state = GATEWAY_UNKNOWN;

	if (g == NULL)
		return state;
	(void)pthread_mutex_lock(&g->lock);
	struct job **at = place(g, ticket);
	if (*at != NULL) {
		state = (*at)->state;
		if (state == GATEWAY_SENT)
			buf_put_bytes(answer, buf_bytes(&(*at)->answer));
		if (last || state >= GATEWAY_SENT)
			drop(at);
	}
	(void)pthread_mutex_unlock(&g->lock);
	return state;
}

/* ---- the threads ---- */

static void
ended(struct gateway *g, const struct id *ticket, bool sent)
{
	(void)pthread_mutex_lock(&g->lock);
	struct job *j = *place(g, ticket);
	if (j != NULL && j->state == GATEWAY_SENDING) {
		j->state = sent ? GATEWAY_SENT : GATEWAY_FAILED;
		j->ended_ns = now_mono_ns();
	}
	(void)pthread_mutex_unlock(&g->lock);
	http_wake(*g->http, ticket);
}

/* The next of its kind; NULL to stop. */
static struct gateway_message *
next(struct gateway *g, bool call)
{
	struct gateway_message *m = NULL;

	(void)pthread_mutex_lock(&g->lock);
	while (m == NULL && !atomic_load(&g->stop)) {
		struct job *j = g->jobs;
		while (j != NULL && (j->message == NULL || j->call != call))
			j = j->next;
		if (j != NULL)
			m = TAKE(j->message);
		else
			(void)pthread_cond_wait(&g->told, &g->lock);
	}
	(void)pthread_mutex_unlock(&g->lock);
	return m;
}

struct ringing {
	struct gateway *g;
	const struct gateway_message *m;
};

static void
rings(void *ctx)
{
	const struct ringing *r = ctx;

	ended(r->g, &r->m->ticket, true);
}

static void *
loop(void *arg)
{
	struct sender s = *(struct sender *)arg;
	struct gateway *g = s.g;

	free(arg);
	for (;;) {
		OWN(gateway_message_free)
		struct gateway_message *m = next(g, s.call);
		if (m == NULL)
			return NULL;
		struct ringing r = { g, m };
		const struct config *c = atomic_load(&g->config);
		OWN(gateway_words_free)
		char **words = gateway_words(c->call_command);
		bool sent = !s.call ? gateway_text(c, m, &g->stop)
				    : words[0] != NULL &&
			gateway_call(
			    words, m, GATEWAY_CALL_MS, rings, &r, &g->stop);
		ended(g, &m->ticket, sent);
	}
}

static int
add_thread(struct gateway *g, bool call, struct err *e)
{
	struct sender *s = mem_new(sizeof *s);

	*s = (struct sender){ g, call };
	if (pthread_create(&g->thread[g->threads], NULL, loop, s) != 0) {
		free(s);
		return err_set(e, ERR_IO, "no thread for the codes");
	}
	g->threads++;
	return 0;
}

void
gateway_stop(struct gateway *g)
{
	if (g == NULL)
		return;
	(void)pthread_mutex_lock(&g->lock);
	atomic_store(&g->stop, true);
	(void)pthread_cond_broadcast(&g->told);
	(void)pthread_mutex_unlock(&g->lock);
	for (size_t i = 0; i < g->threads; i++)
		(void)pthread_join(g->thread[i], NULL);
	g->threads = 0;
}

void
gateway_free(struct gateway **gp)
{
	struct gateway *g = *gp;

	if (g == NULL)
		return;
	gateway_stop(g);
	while (g->jobs != NULL)
		drop(&g->jobs);
	(void)pthread_mutex_destroy(&g->lock);
	(void)pthread_cond_destroy(&g->told);
	free(g);
	*gp = NULL;
}

int
gateway_renew(struct gateway *g, const struct config *config, struct err *e)
{
	atomic_store(&g->config, config);
	for (int call = 0; call < 2; call++) {
		bool *there = call != 0 ? &g->calls : &g->texts;
		if (*there || !gateway_can(g, call != 0))
			continue;
		*there = true;
		for (size_t i = 0; i < SENDERS; i++)
			if (add_thread(g, call != 0, e) < 0)
				return -1;
	}
	return 0;
}

int
gateway_start(const struct config *config, struct http_server **http,
    struct gateway **out, struct err *e)
{
	OWN(gateway_free) struct gateway *g = mem_new(sizeof *g);

	g->http = http;
	(void)pthread_mutex_init(&g->lock, NULL);
	(void)pthread_cond_init(&g->told, NULL);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		abort();
	if (gateway_renew(g, config, e) < 0)
		return -1;
	*out = TAKE(g);
	return 0;
}
