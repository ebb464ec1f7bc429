/* Certificate and key of --tls-cert and --tls-key. They may be loaded anew at any time: handshakes
 * from then on have the new ones. */
#include "common/util/clock.h"
#include "stats-exporter/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHAIN_MAX 16
#define FILE_MAX (1 << 20)
#define HANDSHAKE_LONGEST_MS 30000 /* far more than limits.c lets one last */

struct pair {
	struct pair *before;
	int64_t gone_ms; /* since when it is not the one any more */
	gnutls_pcert_st chain[CHAIN_MAX];
	unsigned int n;
	gnutls_privkey_t key;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct pair *now; /* and behind it those that handshakes may still use */

static void pair_free(struct pair *p)
{
	if (p == NULL)
		return;
	for (unsigned int i = 0; i < p->n; i++)
		gnutls_pcert_deinit(&p->chain[i]);
	if (p->key != NULL)
		gnutls_privkey_deinit(p->key);
	free(p);
}

/* Do they belong together? GnuTLS's code. */
static int fit(const gnutls_datum_t *cert, const gnutls_datum_t *key)
{
	gnutls_certificate_credentials_t c;
	int rc = gnutls_certificate_allocate_credentials(&c);

	if (rc != 0)
		return rc;
	rc = gnutls_certificate_set_x509_key_mem(c, cert, key, GNUTLS_X509_FMT_PEM);
	gnutls_certificate_free_credentials(c);
	return rc < 0 ? rc : 0;
}

/* GnuTLS's code. */
static int pair_make(const gnutls_datum_t *cert, const gnutls_datum_t *key, struct pair **to)
{
	struct pair *p = calloc(1, sizeof(*p));
	unsigned int n = CHAIN_MAX;
	int rc = p ? fit(cert, key) : GNUTLS_E_MEMORY_ERROR;

	if (rc == 0)
		rc = gnutls_pcert_list_import_x509_raw(p->chain, &n, cert, GNUTLS_X509_FMT_PEM, 0);
	if (rc == 0) {
		p->n = n;
		rc = gnutls_privkey_init(&p->key);
	}
	if (rc == 0)
		rc = gnutls_privkey_import_x509_raw(p->key, key, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (rc == 0)
		*to = p;
	else
		pair_free(p);
	return rc;
}

/* The one from now on; what no handshake can have any more is freed. */
static void pair_take(struct pair *p)
{
	struct pair **at = &p->before, *old;

	pthread_mutex_lock(&lock);
	if (now != NULL)
		now->gone_ms = mono_ms();
	p->before = now;
	now = p;
	while ((old = *at) != NULL) {
		if (mono_ms() - old->gone_ms < HANDSHAKE_LONGEST_MS) {
			at = &old->before;
			continue;
		}
		*at = old->before;
		pair_free(old);
	}
	pthread_mutex_unlock(&lock);
}

int tls_load(const char *cert, const char *key, char *why)
{
	gnutls_datum_t c = {0}, k = {0};
	struct pair *p;
	size_t len = 0;
	int rc = 0;

	if (cert == NULL)
		return 0;
	c.data = (unsigned char *)access_file("--tls-cert", cert, false, FILE_MAX, &len, why);
	c.size = (unsigned int)len;
	if (c.data != NULL)
		k.data = (unsigned char *)access_file("--tls-key", key, true, FILE_MAX, &len, why);
	k.size = (unsigned int)len;
	if (k.data == NULL) {
		free(c.data);
		return -EINVAL;
	}
	rc = pair_make(&c, &k, &p);
	if (rc == 0)
		pair_take(p);
	else
		snprintf(why, WHY_MAX, "--tls-cert %.80s, --tls-key %.80s: %s", cert, key,
			gnutls_strerror(rc));
	explicit_bzero(k.data, k.size);
	free(k.data);
	free(c.data);
	return rc == 0 ? 0 : -EINVAL;
}

bool tls_loaded(void)
{
	return now != NULL;
}

int tls_certificate(gnutls_session_t session, const gnutls_datum_t *req_ca_rdn, int nreqs,
	const gnutls_pk_algorithm_t *pk_algos, int pk_algos_length, gnutls_pcert_st **pcert,
	unsigned int *pcert_length, gnutls_privkey_t *pkey)
{
	(void)session;
	(void)req_ca_rdn;
	(void)nreqs;
	(void)pk_algos;
	(void)pk_algos_length;
	pthread_mutex_lock(&lock);
	*pcert = now->chain;
	*pcert_length = now->n;
	*pkey = now->key;
	pthread_mutex_unlock(&lock);
	return 0;
}
