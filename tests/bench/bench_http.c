/* SPDX-License-Identifier: ISC */
/* bench_http.c: TLS calls of ten clients, served with poll and with epoll. */
#include "base/now.h"
#include "http/tlscert.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <microhttpd.h>

#define CLIENTS 10
#define CALLS 60 /* of each, each on a connection of its own */
#define ROUNDS 3

static enum MHD_Result
on_access(void *cls, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *data, size_t *n,
    void **context)
{
	static int seen;

	(void)cls;
	(void)url;
	(void)method;
	(void)version;
	(void)data;
	*n = 0;
	if (*context == NULL) {
		*context = &seen;
		return MHD_YES;
	}
	struct MHD_Response *r = MHD_create_response_from_buffer(
	    11, (void *)(uintptr_t) "{\"ok\":true}", MHD_RESPMEM_PERSISTENT);
	enum MHD_Result rc = MHD_queue_response(c, 200, r);
	MHD_destroy_response(r);
	return rc;
}

static size_t
drop(char *p, size_t size, size_t n, void *to)
{
	(void)p;
	(void)to;
	return size * n;
}

static void *
client(void *arg)
{
	CURL *c = curl_easy_init();

	curl_easy_setopt(c, CURLOPT_URL, arg);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, drop);
	for (int i = 0; i < CALLS; i++)
		if (curl_easy_perform(c) != CURLE_OK) {
			(void)fputs("bench_http: a call failed\n", stderr);
			exit(1);
		}
	curl_easy_cleanup(c);
	return NULL;
}

/* Calls a second. */
static double
measure(unsigned how, const char *cert, const char *key)
{
	struct MHD_Daemon *d =
	    MHD_start_daemon(how | MHD_USE_TLS, 0, NULL, NULL, on_access, NULL,
		MHD_OPTION_THREAD_POOL_SIZE, CLIENTS, MHD_OPTION_HTTPS_MEM_CERT,
		cert, MHD_OPTION_HTTPS_MEM_KEY, key, MHD_OPTION_END);
	const union MHD_DaemonInfo *info = d != NULL
	    ? MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT)
	    : NULL;
	pthread_t t[CLIENTS];
	char url[64];

	if (info == NULL)
		exit(1);
	(void)snprintf(
	    url, sizeof url, "https://127.0.0.1:%u/", (unsigned)info->port);
	int64_t from = now_mono_ns();
	for (int i = 0; i < CLIENTS; i++)
		(void)pthread_create(&t[i], NULL, client, url);
	for (int i = 0; i < CLIENTS; i++)
		(void)pthread_join(t[i], NULL);
	double s = (double)(now_mono_ns() - from) / 1e9;
	MHD_stop_daemon(d);
	return CLIENTS * CALLS / s;
}

int
main(void)
{
	static const char *const names[] = { "localhost" };
	OWN(buf_free) struct buf cert = { 0 };
	OWN(buf_free) struct buf key = { 0 };
	double poll = 0, epoll = 0;
	struct err e = { 0 };

	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (tlscert_make(names, 1, &cert, &key, &e) < 0) {
		(void)fprintf(stderr, "%s\n", e.msg);
		return 1;
	}
	for (int i = 0; i < ROUNDS; i++) {
		epoll += measure(MHD_USE_EPOLL_INTERNAL_THREAD, buf_text(&cert),
		    buf_text(&key));
		poll += measure(MHD_USE_POLL_INTERNAL_THREAD, buf_text(&cert),
		    buf_text(&key));
	}
	(void)printf("TLS calls, 10 clients  %8.0f /s with poll, %.2f times "
		     "what epoll does\n",
	    poll / ROUNDS, poll / epoll);
	curl_global_cleanup();
	return 0;
}
