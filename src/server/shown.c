/* SPDX-License-Identifier: ISC */
/* shown.c: which certificate a proxy shows, by asking it over libcurl. */
#include "server/shown.h"

#include "base/file.h"
#include "http/tlscert.h"

#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#define PATIENCE_MS 2000L /* it is on this machine, or beside it */
#define CERT_MAX_BYTES (256 * 1024)

static void
free_handle(CURL **h)
{
	curl_easy_cleanup(*h);
	*h = NULL;
}

static void
free_list(struct curl_slist **l)
{
	curl_slist_free_all(*l);
	*l = NULL;
}

/* The first of the chain, as libcurl writes it down. */
static int
take_cert(CURL *h, struct digest *out, struct err *e)
{
	struct curl_certinfo *info = NULL;

	if (curl_easy_getinfo(h, CURLINFO_CERTINFO, &info) == CURLE_OK &&
	    info != NULL && info->num_of_certs > 0)
		for (struct curl_slist *l = info->certinfo[0]; l != NULL;
		     l = l->next)
			if (strncmp(l->data, "Cert:", 5) == 0)
				return tlscert_spki(
				    bytes_str(l->data + 5), out, e);
	return err_set(
	    e, ERR_BAD_REQUEST, "what answers there shows no certificate");
}

static int
ask(const char *at, const char *url, struct digest *out, struct err *e)
{
	OWN(free_handle) CURL *h = curl_easy_init();
	OWN(free_list) struct curl_slist *to = NULL;
	OWN(buf_free) struct buf rule = { 0 };

	buf_printf(&rule, "::%s", at);
	to = curl_slist_append(NULL, buf_text(&rule));
	if (h == NULL || to == NULL)
		abort();
	curl_easy_setopt(h, CURLOPT_URL, url);
	curl_easy_setopt(h, CURLOPT_CONNECT_TO, to);
	curl_easy_setopt(h, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(h, CURLOPT_CERTINFO, 1L);
	curl_easy_setopt(h, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, PATIENCE_MS);
	curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "https");
	/* Its address is what makes it the proxy. */
	curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 0L);
	CURLcode rc = curl_easy_perform(h);
	if (rc != CURLE_OK)
		return err_set(e, ERR_SERVER_UNREACHABLE,
		    "no certificate can be had from %s: %s", at,
		    curl_easy_strerror(rc));
	return take_cert(h, out, e);
}

int
shown_key(const char *from, const char *url, struct digest *out, struct err *e)
{
	OWN(buf_free) struct buf pem = { 0 };

	if (from[0] != '/')
		return ask(from, url, out, e);
	return file_read_regular(from, CERT_MAX_BYTES, &pem, e) < 0
	    ? -1
	    : tlscert_spki(buf_bytes(&pem), out, e);
}
