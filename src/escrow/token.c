/* SPDX-License-Identifier: ISC */
/* token.c: PKCS#11 by a library that is loaded at run time. */
#include "escrow/token.h"

#include "base/file.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/stat.h>

#include <p11-kit/pkcs11.h>

#define KEY_LABEL "aumbry-escrow root"
#define PIN_MAX 256 /* bytes */
#define SLOTS_MAX 64

static const char bound[] = "aumbry escrow root v1"; /* associated data */

struct token {
	void *library;
	CK_FUNCTION_LIST *f;
	bool initialized;
	CK_SESSION_HANDLE session; /* 0: none */
};

static void
let_go(struct token *t)
{
	if (t->session != 0)
		(void)t->f->C_CloseSession(t->session);
	if (t->initialized)
		(void)t->f->C_Finalize(NULL);
	if (t->library != NULL)
		(void)dlclose(t->library);
	*t = (struct token){ 0 };
}

static int
failed(struct err *e, const char *call, CK_RV rv)
{
	switch (rv) {
	case CKR_PIN_INCORRECT:
	case CKR_PIN_INVALID:
	case CKR_PIN_LEN_RANGE:
		return err_set(e, ERR_WRONG_CODE,
		    "the token does not accept the PIN of pkcs11_pin_file");
	case CKR_PIN_LOCKED:
		return err_set(e, ERR_WRONG_CODE,
		    "the token has locked its PIN after wrong ones");
	case CKR_MECHANISM_INVALID:
		return err_set(e, ERR_IO,
		    "the token cannot do AES-256 with GCM (%s)", call);
	default:
		return err_set(e, ERR_IO, "the token answers %s with 0x%lx",
		    call, (unsigned long)rv);
	}
}

/* ---- finding ---- */

static int
load(const struct token_place *place, struct token *t, struct err *e)
{
	CK_C_GetFunctionList get = NULL;

	t->library = dlopen(place->module, RTLD_NOW | RTLD_LOCAL);
	if (t->library == NULL)
		return err_set(e, ERR_NOT_FOUND,
		    "the PKCS#11 library cannot be loaded: %s", dlerror());
	/* ISO C has no way from an object's pointer to a function's. */
	void *symbol = dlsym(t->library, "C_GetFunctionList");
	memcpy(&get, &symbol, sizeof get);
	if (get == NULL || get(&t->f) != CKR_OK || t->f == NULL)
		return err_set(e, ERR_NOT_FOUND, "%s is no PKCS#11 library",
		    place->module);
	CK_RV rv = t->f->C_Initialize(NULL);
	if (rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED)
		return failed(e, "C_Initialize", rv);
	t->initialized = rv == CKR_OK;
	return 0;
}

/* Labels are filled up with spaces. */
static bool
label_is(const CK_TOKEN_INFO *info, const char *label)
{
	size_t n = sizeof info->label;

	while (n > 0 && info->label[n - 1] == ' ')
		n--;
	return n > 0 && bytes_equal(bytes_of(info->label, n), bytes_str(label));
}

static int
find_slot(const struct token_place *place, const struct token *t,
    CK_SLOT_ID *slot, struct err *e)
{
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG n = SLOTS_MAX;

	CK_RV rv = t->f->C_GetSlotList(CK_TRUE, slots, &n);
	if (rv != CKR_OK)
		return failed(e, "C_GetSlotList", rv);
	for (CK_ULONG i = 0; i < n; i++) {
		CK_TOKEN_INFO info;
		if (t->f->C_GetTokenInfo(slots[i], &info) == CKR_OK &&
		    label_is(&info, place->label)) {
			*slot = slots[i];
			return 0;
		}
	}
	return err_set(e, ERR_NOT_FOUND,
	    "no token with the label \"%s\" is plugged in", place->label);
}

static int
read_pin(const char *path, struct secret **out, struct err *e)
{
	OWN(buf_free) struct buf file = { 0 };
	struct stat st;

	if (stat(path, &st) < 0)
		return err_sys(e, "%s", path);
	if ((st.st_mode & (S_IROTH | S_IWOTH)) != 0) {
		(void)err_set(
		    e, ERR_PERMISSION, "everybody may read or write %s", path);
		return err_remedy(e, "Run: chmod 600 %s", path);
	}
	if (file_read(path, PIN_MAX, &file, e) < 0)
		return -1;
	size_t n = strcspn(buf_text(&file), "\r\n");
	if (n == 0)
		return err_set(e, ERR_INPUT_MISSING, "%s is empty", path);
	*out = secret_of(bytes_of(file.p, n));
	return 0;
}

static int
log_in(const struct token_place *place, struct token *t, struct err *e)
{
	OWN(secret_free) struct secret *pin = NULL;
	CK_SLOT_ID slot;

	if (read_pin(place->pin_file, &pin, e) < 0 || load(place, t, e) < 0 ||
	    find_slot(place, t, &slot, e) < 0)
		return -1;
	CK_RV rv = t->f->C_OpenSession(
	    slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &t->session);
	if (rv != CKR_OK) {
		t->session = 0;
		return failed(e, "C_OpenSession", rv);
	}
	rv = t->f->C_Login(t->session, CKU_USER, secret_room(pin),
	    (CK_ULONG)secret_bytes(pin).n);
	if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN)
		return failed(e, "C_Login", rv);
	return 0;
}

/* ---- wrapping ---- */

static CK_GCM_PARAMS
gcm_of(struct token_wrapped *w)
{
	return (CK_GCM_PARAMS){ .iv_ptr = w->iv,
		.iv_len = sizeof w->iv,
		.iv_bits = 8 * sizeof w->iv,
		.aad_ptr = (unsigned char *)(uintptr_t)bound,
		.aad_len = sizeof bound - 1,
		.tag_bits = 8 * TOKEN_TAG };
}

static int
make_key(
    const struct token *t, struct id *id, CK_OBJECT_HANDLE *key, struct err *e)
{
	CK_MECHANISM mechanism = { CKM_AES_KEY_GEN, NULL, 0 };
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ULONG bytes = SECRET_KEY;
	char label[] = KEY_LABEL;
	CK_ATTRIBUTE all[] = {
		{ CKA_TOKEN, &yes, sizeof yes },
		{ CKA_PRIVATE, &yes, sizeof yes },
		{ CKA_SENSITIVE, &yes, sizeof yes },
		{ CKA_EXTRACTABLE, &no, sizeof no },
		{ CKA_ENCRYPT, &yes, sizeof yes },
		{ CKA_DECRYPT, &yes, sizeof yes },
		{ CKA_VALUE_LEN, &bytes, sizeof bytes },
		{ CKA_LABEL, label, sizeof label - 1 },
		{ CKA_ID, id->b, sizeof id->b },
	};

	id_random(id);
	CK_RV rv = t->f->C_GenerateKey(
	    t->session, &mechanism, all, ARRAY_SIZE(all), key);
	return rv == CKR_OK ? 0 : failed(e, "C_GenerateKey", rv);
}

int
token_make(const struct token_place *place, const struct secret *root,
    struct token_wrapped *out, struct err *e)
{
	OWN(let_go) struct token t = { 0 };
	OWN(secret_free) struct secret *iv = secret_random(TOKEN_IV);
	OWN(secret_free) struct secret *copy = secret_copy(root);
	struct token_wrapped w = { 0 };
	CK_OBJECT_HANDLE key;
	CK_ULONG n = sizeof w.ct;

	memcpy(w.iv, secret_bytes(iv).p, sizeof w.iv);
	CK_GCM_PARAMS gcm = gcm_of(&w);
	CK_MECHANISM mechanism = { CKM_AES_GCM, &gcm, sizeof gcm };
	if (log_in(place, &t, e) < 0 || make_key(&t, &w.key, &key, e) < 0)
		return -1;
	CK_RV rv = t.f->C_EncryptInit(t.session, &mechanism, key);
	if (rv != CKR_OK)
		return failed(e, "C_EncryptInit", rv);
	rv = t.f->C_Encrypt(t.session, secret_room(copy), SECRET_KEY, w.ct, &n);
	if (rv != CKR_OK || n != sizeof w.ct)
		return failed(e, "C_Encrypt", rv);
	*out = w;
	return 0;
}

static int
find_key(const struct token *t, const struct id *id, CK_OBJECT_HANDLE *key,
    struct err *e)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	struct id copy = *id;
	CK_ATTRIBUTE like[] = {
		{ CKA_CLASS, &class, sizeof class },
		{ CKA_ID, copy.b, sizeof copy.b },
	};
	CK_ULONG n = 0;

	CK_RV rv = t->f->C_FindObjectsInit(t->session, like, ARRAY_SIZE(like));
	if (rv == CKR_OK)
		rv = t->f->C_FindObjects(t->session, key, 1, &n);
	if (rv != CKR_OK)
		return failed(e, "C_FindObjects", rv);
	(void)t->f->C_FindObjectsFinal(t->session);
	return n == 1
	    ? 0
	    : err_set(e, ERR_NOT_FOUND,
		  "the token does not hold the key over the root key");
}

int
token_open(const struct token_place *place, const struct token_wrapped *w,
    struct secret **out, struct err *e)
{
	OWN(let_go) struct token t = { 0 };
	OWN(secret_free)
	struct secret *room = secret_new(SECRET_KEY + TOKEN_TAG);
	struct token_wrapped copy = *w;
	CK_GCM_PARAMS gcm = gcm_of(&copy);
	CK_MECHANISM mechanism = { CKM_AES_GCM, &gcm, sizeof gcm };
	CK_OBJECT_HANDLE key;
	CK_ULONG n = SECRET_KEY + TOKEN_TAG;

	if (log_in(place, &t, e) < 0 || find_key(&t, &w->key, &key, e) < 0)
		return -1;
	CK_RV rv = t.f->C_DecryptInit(t.session, &mechanism, key);
	if (rv != CKR_OK)
		return failed(e, "C_DecryptInit", rv);
	rv = t.f->C_Decrypt(
	    t.session, copy.ct, sizeof copy.ct, secret_room(room), &n);
	if (rv != CKR_OK || n != SECRET_KEY)
		return err_set(e, ERR_STATE_DAMAGED,
		    "the token does not open the root key (0x%lx)",
		    (unsigned long)rv);
	*out = secret_of(bytes_of(secret_bytes(room).p, SECRET_KEY));
	return 0;
}
