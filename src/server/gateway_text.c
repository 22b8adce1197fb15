/* SPDX-License-Identifier: ISC */
/* gateway_text.c: one text message, by an HTTP request. */
#include "server/gateway_in.h"

#include "base/log.h"
#include "server/template.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

/* What the gateway says is not looked at; what it is paid for is. */
static size_t
on_body(char *p, size_t size, size_t n, void *ctx)
{
	(void)p;
	(void)ctx;
	return size * n;
}

static int
on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t x, curl_off_t y)
{
	const atomic_bool *stop = ctx;

	(void)a;
	(void)b;
	(void)x;
	(void)y;
	return atomic_load(stop) ? 1 : 0;
}

static CURLcode
request(CURL *h, const struct config *c, const char *url, const char *body,
    const atomic_bool *stop, long *status)
{
	struct curl_slist *headers = NULL;

	curl_easy_setopt(h, CURLOPT_URL, url);
	curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(h, CURLOPT_PROXY, "");
	curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)GATEWAY_TEXT_MS);
	curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(h, CURLOPT_XFERINFODATA, (void *)(uintptr_t)stop);
	if (strcmp(c->text_method, "POST") == 0) {
		headers = curl_slist_append(NULL,
		    body[0] == '{'
			? "Content-Type: application/json"
			: "Content-Type: application/x-www-form-urlencoded");
		if (headers == NULL)
			abort();
		curl_easy_setopt(h, CURLOPT_POSTFIELDS, body);
		curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
	}
	CURLcode rc = curl_easy_perform(h);
	curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, status);
	curl_slist_free_all(headers);
	return rc;
}

bool
gateway_text(const struct config *c, const struct gateway_message *m,
    const atomic_bool *stop)
{
	OWN(buf_free) struct buf url = { 0 };
	OWN(buf_free) struct buf body = { 0 };
	struct template_values v = { m->number, m->code, m->message };
	long status = 0;
	CURL *h = curl_easy_init();

	if (h == NULL)
		abort();
	template_fill(&url, c->text_url, TEMPLATE_PERCENT, &v);
	template_fill(&body, c->text_body,
	    c->text_body[0] == '{' ? TEMPLATE_JSON : TEMPLATE_PERCENT, &v);
	CURLcode rc =
	    request(h, c, buf_text(&url), buf_text(&body), stop, &status);
	curl_easy_cleanup(h);
	if (rc == CURLE_OK && status >= 200 && status < 300)
		return true;
	log_warn("text_failed", "number=..%s curl=%d status=%ld",
	    gateway_tail(m), (int)rc, status);
	return false;
}
