/* SPDX-License-Identifier: Apache-2.0 */
/* The table of all functions, and how each shape of function is called. */
#include "config.h"

#include "tests/fuzz/p11_program.h"

#include <stdlib.h>
#include <string.h>

#define H CK_SESSION_HANDLE
#define B CK_BYTE_PTR
#define U CK_ULONG
#define V CK_VOID_PTR
#define M CK_MECHANISM_PTR
#define O CK_OBJECT_HANDLE
#define A CK_ATTRIBUTE_PTR

/* Functions of one shape are called through one type. */
typedef CK_RV (*session_fn)(H);
typedef CK_RV (*init_fn)(H, M, O);
typedef CK_RV (*digest_init_fn)(H, M);
typedef CK_RV (*in_out_fn)(H, B, U, B, U *);
typedef CK_RV (*out_fn)(H, B, U *);
typedef CK_RV (*in_fn)(H, B, U);
typedef CK_RV (*in_in_fn)(H, B, U, B, U);
typedef CK_RV (*message_fn)(H, V, U, B, U, B, U, B, U *);
typedef CK_RV (*message_begin_fn)(H, V, U, B, U);
typedef CK_RV (*message_next_fn)(H, V, U, B, U, B, U *, CK_FLAGS);
typedef CK_RV (*message_sign_fn)(H, V, U, B, U, B, U *);
typedef CK_RV (*message_sign_begin_fn)(H, V, U);
typedef CK_RV (*message_verify_fn)(H, V, U, B, U, B, U);

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

/* One that fills no buffer. */
#define PLAIN(name, value)                                                                                             \
	static CK_RV run_##name(struct program *p, const struct call *c, CK_BYTE *out, CK_ULONG *len)                  \
	{                                                                                                              \
		(void)p;                                                                                               \
		(void)out;                                                                                             \
		(void)len;                                                                                             \
		return value;                                                                                          \
	}

PLAIN(session, ((session_fn)c->fn)(c->session))

PLAIN(init, ((init_fn)c->fn)(c->session, c->mechanism, c->object))

PLAIN(digest_init, ((digest_init_fn)c->fn)(c->session, c->mechanism))

static CK_RV run_in_out(struct program *p, const struct call *c, CK_BYTE *out, CK_ULONG *len)
{
	(void)p;
	return ((in_out_fn)c->fn)(c->session, (B)c->in.data, c->in.len, out, len);
}

static CK_RV run_out(struct program *p, const struct call *c, CK_BYTE *out, CK_ULONG *len)
{
	(void)p;
	return ((out_fn)c->fn)(c->session, out, len);
}

PLAIN(in, ((in_fn)c->fn)(c->session, (B)c->in.data, c->in.len))

PLAIN(in_in, ((in_in_fn)c->fn)(c->session, (B)c->in.data, c->in.len, (B)c->more.data, c->more.len))

static CK_RV run_random(struct program *p, const struct call *c, CK_BYTE *out, CK_ULONG *len)
{
	static CK_BYTE here[256];

	(void)p;
	(void)out;
	(void)len;
	return ((in_fn)c->fn)(c->session, here, c->step->length);
}

static CK_RV run_message(struct program *p, const struct call *c, CK_BYTE *out, CK_ULONG *len)
{
	(void)p;
	return ((message_fn)c->fn)(c->session, c->parameter, c->parameter_len, (B)c->more.data, c->more.len,
		(B)c->in.data, c->in.len, out, len);
}

PLAIN(message_begin,
	((message_begin_fn)c->fn)(c->session, c->parameter, c->parameter_len, (B)c->more.data, c->more.len))

static CK_RV run_message_next(struct program *p, const struct call *c, CK_BYTE *out, CK_ULONG *len)
{
	(void)p;
	return ((message_next_fn)c->fn)(c->session, c->parameter, c->parameter_len, (B)c->in.data, c->in.len, out, len,
		c->step->variant & 1 ? CKF_END_OF_MESSAGE : 0);
}

static CK_RV run_message_sign(struct program *p, const struct call *c, CK_BYTE *out, CK_ULONG *len)
{
	(void)p;
	return ((message_sign_fn)c->fn)(c->session, c->parameter, c->parameter_len, (B)c->in.data, c->in.len, out, len);
}

PLAIN(message_sign_begin, ((message_sign_begin_fn)c->fn)(c->session, c->parameter, c->parameter_len))

PLAIN(message_verify, ((message_verify_fn)c->fn)(c->session, c->parameter, c->parameter_len, (B)c->in.data, c->in.len,
			      (B)c->more.data, c->more.len))

/* ---- functions of their own shape -------------------------------------------------------------------------------- */

/* The one of a name: its shape is not shared. */
#define OWN(name) static CK_RV run_##name(struct program *p, const struct call *c, CK_BYTE *out, CK_ULONG *len)

OWN(info)
{
	CK_INFO info;

	(void)c;
	(void)out;
	(void)len;
	return p->f->C_GetInfo(&info);
}

OWN(function_list)
{
	CK_FUNCTION_LIST_PTR list;

	(void)out;
	(void)len;
	return p->f->C_GetFunctionList(c->step->variant % 8 == 7 ? NULL : &list);
}

OWN(interface_list)
{
	CK_INTERFACE all[16];
	CK_ULONG n = c->step->variant % 8;

	(void)out;
	(void)len;
	return p->f->C_GetInterfaceList(c->step->variant & 8 ? all : NULL, c->step->variant % 64 == 63 ? NULL : &n);
}

OWN(interface)
{
	CK_INTERFACE_PTR one;
	CK_VERSION version = {c->step->variant % 4, c->step->parameter % 41};

	(void)out;
	(void)len;
	return p->f->C_GetInterface(c->step->variant & 8 ? (CK_UTF8CHAR *)"PKCS 11" : NULL,
		c->step->variant & 16 ? &version : NULL, c->step->variant % 64 == 63 ? NULL : &one,
		c->step->length & 1);
}

PLAIN(set_state, p->f->C_SetOperationState(c->session, (B)c->in.data, c->in.len, c->object, c->other))

PLAIN(create, p->f->C_CreateObject(c->session, c->list, c->count, c->made))

PLAIN(copy, p->f->C_CopyObject(c->session, c->object, c->list, c->count, c->made))

PLAIN(destroy, p->f->C_DestroyObject(c->session, c->object))

OWN(size)
{
	CK_ULONG size;

	(void)out;
	(void)len;
	return p->f->C_GetObjectSize(c->session, c->object, c->step->variant % 16 == 15 ? NULL : &size);
}

PLAIN(set, p->f->C_SetAttributeValue(c->session, c->object, c->list, c->count))

PLAIN(find_init, p->f->C_FindObjectsInit(c->session, c->list, c->count))

PLAIN(generate, p->f->C_GenerateKey(c->session, c->mechanism, c->list, c->count, c->made))

PLAIN(derive, p->f->C_DeriveKey(c->session, c->mechanism, c->object, c->list, c->count, c->made))

PLAIN(pair, p->f->C_GenerateKeyPair(c->session, c->mechanism, c->list, c->count, c->list2, c->count2, c->made,
		    c->made ? c->made + 1 : NULL))

OWN(wrap)
{
	return p->f->C_WrapKey(c->session, c->mechanism, c->object, c->other, out, len);
}

PLAIN(unwrap,
	p->f->C_UnwrapKey(c->session, c->mechanism, c->object, (B)c->in.data, c->in.len, c->list, c->count, c->made))

OWN(wrap_authenticated)
{
	return p->f->C_WrapKeyAuthenticated(
		c->session, c->mechanism, c->object, c->other, (B)c->more.data, c->more.len, out, len);
}

PLAIN(unwrap_authenticated, p->f->C_UnwrapKeyAuthenticated(c->session, c->mechanism, c->object, (B)c->in.data,
				    c->in.len, c->list, c->count, (B)c->more.data, c->more.len, c->made))

OWN(encapsulate)
{
	return p->f->C_EncapsulateKey(c->session, c->mechanism, c->object, c->list, c->count, out, len, c->made);
}

PLAIN(decapsulate, p->f->C_DecapsulateKey(
			   c->session, c->mechanism, c->object, c->list, c->count, (B)c->in.data, c->in.len, c->made))

PLAIN(digest_key, p->f->C_DigestKey(c->session, c->object))

PLAIN(cancel, p->f->C_SessionCancel(c->session, c->flags))

PLAIN(signature_init, p->f->C_VerifySignatureInit(c->session, c->mechanism, c->object, (B)c->in.data, c->in.len))

OWN(validation)
{
	CK_FLAGS flags;

	(void)out;
	(void)len;
	return p->f->C_GetSessionValidationFlags(
		c->session, c->step->parameter % 4, c->step->variant % 16 == 15 ? NULL : &flags);
}

OWN(async_complete)
{
	CK_ASYNC_DATA data = {0};

	(void)out;
	(void)len;
	return p->f->C_AsyncComplete(c->session, (CK_UTF8CHAR *)"C_Sign", &data);
}

OWN(async_id)
{
	CK_ULONG id;

	(void)out;
	(void)len;
	return p->f->C_AsyncGetID(c->session, (CK_UTF8CHAR *)"C_Sign", &id);
}

OWN(async_join)
{
	CK_BYTE data[16];

	(void)out;
	(void)len;
	return p->f->C_AsyncJoin(c->session, (CK_UTF8CHAR *)"C_Sign", 1, data, sizeof data);
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

/* What a call is given. */
enum {
	KEY = 1,         /* an object that fits the mechanism */
	OTHER = 2,       /* a second one, of any kind */
	MECHANISM = 4,   /* with its parameter */
	IN = 8,          /* data */
	MORE = 16,       /* other data: the last output, or associated data */
	OUT = 32,        /* a buffer for what comes out */
	TEMPLATE = 64,   /* of an object */
	TEMPLATES = 128, /* of two */
	MADE = 256,      /* a place for its handle */
	PARAMETER = 512, /* of a message */
	OBJECT = 1024,   /* any object */
};

struct function {
	const char *name;
	size_t at;      /* in the table of 3.2 */
	unsigned often; /* in programs of chance */
	call_fn run;    /* NULL: `session` */
	unsigned given;
	int session; /* enum session_call */
};

#define AT(name) #name, offsetof(CK_FUNCTION_LIST_3_2, name)
#define F(name, often, ...)                                                                                            \
	{                                                                                                              \
		AT(name), often, __VA_ARGS__, 0                                                                        \
	}
#define S(name, often, which)                                                                                          \
	{                                                                                                              \
		AT(name), often, NULL, 0, which                                                                        \
	}

/* clang-format off */
static const struct function functions[] = {
	S(C_Initialize, 1, S_INITIALIZE), S(C_Finalize, 1, S_FINALIZE),
	S(C_GetSlotList, 2, S_SLOT_LIST), S(C_GetSlotInfo, 1, S_SLOT_INFO), S(C_GetTokenInfo, 1, S_TOKEN_INFO),
	S(C_GetMechanismList, 1, S_MECHANISM_LIST), S(C_GetMechanismInfo, 1, S_MECHANISM_INFO),
	S(C_InitToken, 1, S_INIT_TOKEN), S(C_InitPIN, 1, S_INIT_PIN), S(C_SetPIN, 2, S_SET_PIN),
	S(C_OpenSession, 6, S_OPEN), S(C_CloseSession, 2, S_CLOSE), S(C_CloseAllSessions, 1, S_CLOSE_ALL),
	S(C_GetSessionInfo, 4, S_INFO), S(C_Login, 8, S_LOGIN), S(C_LoginUser, 1, S_LOGIN_USER),
	S(C_Logout, 2, S_LOGOUT), S(C_WaitForSlotEvent, 1, S_WAIT),
	F(C_GetInfo, 1, run_info, 0), F(C_GetFunctionList, 1, run_function_list, 0),
	F(C_GetInterfaceList, 1, run_interface_list, 0), F(C_GetInterface, 1, run_interface, 0),
	F(C_GetOperationState, 2, run_out, OUT), F(C_SetOperationState, 1, run_set_state, IN | KEY | OTHER),
	F(C_CreateObject, 8, run_create, TEMPLATE | MADE), F(C_CopyObject, 3, run_copy, OBJECT | TEMPLATE | MADE),
	F(C_DestroyObject, 2, run_destroy, OBJECT), F(C_GetObjectSize, 1, run_size, OBJECT),
	F(C_GetAttributeValue, 8, NULL, OBJECT), F(C_SetAttributeValue, 3, run_set, OBJECT | TEMPLATE),
	F(C_FindObjectsInit, 5, run_find_init, TEMPLATE), F(C_FindObjects, 5, NULL, 0),
	F(C_FindObjectsFinal, 3, run_session, 0),
	F(C_EncryptInit, 6, run_init, MECHANISM | KEY), F(C_Encrypt, 4, run_in_out, IN | OUT),
	F(C_EncryptUpdate, 4, run_in_out, IN | OUT), F(C_EncryptFinal, 3, run_out, OUT),
	F(C_DecryptInit, 6, run_init, MECHANISM | KEY), F(C_Decrypt, 4, run_in_out, IN | OUT),
	F(C_DecryptUpdate, 4, run_in_out, IN | OUT), F(C_DecryptFinal, 3, run_out, OUT),
	F(C_DigestInit, 4, run_digest_init, MECHANISM), F(C_Digest, 2, run_in_out, IN | OUT),
	F(C_DigestUpdate, 2, run_in, IN), F(C_DigestKey, 1, run_digest_key, OBJECT), F(C_DigestFinal, 2, run_out, OUT),
	F(C_SignInit, 8, run_init, MECHANISM | KEY), F(C_Sign, 5, run_in_out, IN | OUT), F(C_SignUpdate, 3, run_in, IN),
	F(C_SignFinal, 3, run_out, OUT), F(C_SignRecoverInit, 1, run_init, MECHANISM | KEY),
	F(C_SignRecover, 1, run_in_out, IN | OUT),
	F(C_VerifyInit, 6, run_init, MECHANISM | KEY), F(C_Verify, 4, run_in_in, IN | MORE),
	F(C_VerifyUpdate, 3, run_in, IN), F(C_VerifyFinal, 3, run_in, IN),
	F(C_VerifyRecoverInit, 1, run_init, MECHANISM | KEY), F(C_VerifyRecover, 1, run_in_out, IN | OUT),
	F(C_DigestEncryptUpdate, 1, run_in_out, IN | OUT), F(C_DecryptDigestUpdate, 1, run_in_out, IN | OUT),
	F(C_SignEncryptUpdate, 1, run_in_out, IN | OUT), F(C_DecryptVerifyUpdate, 1, run_in_out, IN | OUT),
	F(C_GenerateKey, 3, run_generate, MECHANISM | TEMPLATE | MADE),
	F(C_GenerateKeyPair, 2, run_pair, MECHANISM | TEMPLATES | MADE),
	F(C_WrapKey, 4, run_wrap, MECHANISM | KEY | OTHER | OUT),
	F(C_UnwrapKey, 4, run_unwrap, MECHANISM | KEY | IN | TEMPLATE | MADE),
	F(C_DeriveKey, 4, run_derive, MECHANISM | KEY | TEMPLATE | MADE),
	F(C_SeedRandom, 1, run_in, IN), F(C_GenerateRandom, 1, run_random, 0),
	F(C_GetFunctionStatus, 1, run_session, 0), F(C_CancelFunction, 1, run_session, 0),
	F(C_SessionCancel, 2, run_cancel, 0),
	F(C_MessageEncryptInit, 3, run_init, MECHANISM | KEY),
	F(C_EncryptMessage, 2, run_message, PARAMETER | IN | MORE | OUT),
	F(C_EncryptMessageBegin, 2, run_message_begin, PARAMETER | MORE),
	F(C_EncryptMessageNext, 2, run_message_next, PARAMETER | IN | OUT), F(C_MessageEncryptFinal, 1, run_session, 0),
	F(C_MessageDecryptInit, 3, run_init, MECHANISM | KEY),
	F(C_DecryptMessage, 2, run_message, PARAMETER | IN | MORE | OUT),
	F(C_DecryptMessageBegin, 2, run_message_begin, PARAMETER | MORE),
	F(C_DecryptMessageNext, 2, run_message_next, PARAMETER | IN | OUT), F(C_MessageDecryptFinal, 1, run_session, 0),
	F(C_MessageSignInit, 2, run_init, MECHANISM | KEY),
	F(C_SignMessage, 1, run_message_sign, PARAMETER | IN | OUT),
	F(C_SignMessageBegin, 1, run_message_sign_begin, PARAMETER),
	F(C_SignMessageNext, 1, run_message_sign, PARAMETER | IN | OUT), F(C_MessageSignFinal, 1, run_session, 0),
	F(C_MessageVerifyInit, 2, run_init, MECHANISM | KEY),
	F(C_VerifyMessage, 1, run_message_verify, PARAMETER | IN | MORE),
	F(C_VerifyMessageBegin, 1, run_message_sign_begin, PARAMETER),
	F(C_VerifyMessageNext, 1, run_message_verify, PARAMETER | IN | MORE), F(C_MessageVerifyFinal, 1, run_session, 0),
	F(C_EncapsulateKey, 1, run_encapsulate, MECHANISM | KEY | TEMPLATE | OUT | MADE),
	F(C_DecapsulateKey, 1, run_decapsulate, MECHANISM | KEY | TEMPLATE | IN | MADE),
	F(C_VerifySignatureInit, 2, run_signature_init, MECHANISM | KEY | IN), F(C_VerifySignature, 1, run_in, IN),
	F(C_VerifySignatureUpdate, 1, run_in, IN), F(C_VerifySignatureFinal, 1, run_session, 0),
	F(C_GetSessionValidationFlags, 1, run_validation, 0), F(C_AsyncComplete, 1, run_async_complete, 0),
	F(C_AsyncGetID, 1, run_async_id, 0), F(C_AsyncJoin, 1, run_async_join, 0),
	F(C_WrapKeyAuthenticated, 2, run_wrap_authenticated, MECHANISM | KEY | OTHER | MORE | OUT),
	F(C_UnwrapKeyAuthenticated, 2, run_unwrap_authenticated, MECHANISM | KEY | IN | MORE | TEMPLATE | MADE),
};
/* clang-format on */

#define FUNCTIONS (sizeof functions / sizeof *functions)

/* One for each function of the three tables. */
#define ONE(name, args) +1
_Static_assert(FUNCTIONS == 0 CK_FUNCTIONS_2_40(ONE, ONE) CK_FUNCTIONS_3_0(ONE) CK_FUNCTIONS_3_2(ONE),
	"a function is missing, or stands here twice");

/* NULL: something beside calls. */
static const struct function *function_of(const struct step *s)
{
	unsigned at = s->function;

	for (size_t i = 0; i < FUNCTIONS; i++) {
		if (at < functions[i].often)
			return &functions[i];
		at -= functions[i].often;
	}
	return NULL;
}

uint8_t program_function(const char *name)
{
	unsigned at = 0;

	for (size_t i = 0; i < FUNCTIONS && strcmp(functions[i].name, name) != 0; i++)
		at += functions[i].often;
	return (uint8_t)at;
}

const char *program_function_name(uint8_t byte)
{
	const struct step s = {.function = byte};
	const struct function *f = function_of(&s);

	return f ? f->name : "beside calls";
}

/* ---- handles ----------------------------------------------------------------------------------------------------- */

static CK_SESSION_HANDLE choose_session(const struct program *p, const struct step *s)
{
	if (p->session_count && (p->tame || s->session < 0xF4))
		return p->sessions[s->session % p->session_count].handle;
	return s->session & 1 ? p->closed : s->session & 2 ? 0 : s->session & 4 ? ~0UL : 77777;
}

static CK_OBJECT_HANDLE choose_object(const struct program *p, uint8_t n)
{
	if (p->object_count && (p->tame || n < 0xE8))
		return p->objects[n % p->object_count].handle;
	if (p->dead_count && n & 1)
		return p->dead[n % p->dead_count];
	return n & 2 ? 0 : n & 4 ? ~0UL : 99999;
}

static bool asks_for_private(const char *function)
{
	return strstr(function, "Sign") || strstr(function, "Decrypt") || strstr(function, "Derive") ||
	       strstr(function, "nwrap") || strstr(function, "Decaps");
}

/* One that fits the mechanism, mostly. */
static CK_OBJECT_HANDLE choose_key(const struct program *p, const struct step *s, const char *f, CK_MECHANISM_TYPE m)
{
	const CK_KEY_TYPE type = mechanism_key_type(m);
	const bool secret = type == CKK_AES || type == CKK_GENERIC_SECRET;
	const CK_OBJECT_CLASS class = secret ? CKO_SECRET_KEY : asks_for_private(f) ? CKO_PRIVATE_KEY : CKO_PUBLIC_KEY;
	unsigned fitting = 0, nth;

	for (size_t i = 0; i < p->object_count; i++)
		fitting += p->objects[i].class == class && p->objects[i].key_type == type;
	if (!fitting || (!p->tame && s->object >= 0xD0))
		return p->tame && !fitting ? CK_INVALID_HANDLE : choose_object(p, s->object);
	nth = s->object % fitting;
	for (size_t i = 0; i < p->object_count; i++)
		if (p->objects[i].class == class && p->objects[i].key_type == type && nth-- == 0)
			return p->objects[i].handle;
	return CK_INVALID_HANDLE;
}

/* The mechanism of the operation that a function goes on with. */
static CK_MECHANISM_TYPE *operation_of(struct program *p, const struct call *c)
{
	static const struct {
		const char *part;
		size_t at;
	} parts[] = {
		{"Verify",  offsetof(struct met_session, verify) },
		{"Sign",    offsetof(struct met_session, sign)   },
		{"Encrypt", offsetof(struct met_session, encrypt)},
		{"Decrypt", offsetof(struct met_session, decrypt)},
		{"Digest",  offsetof(struct met_session, digest) },
	};
	struct met_session *s = met_session(p, c->session);

	for (size_t i = 0; s && i < sizeof parts / sizeof *parts; i++)
		if (strstr(c->function, parts[i].part))
			return (CK_MECHANISM_TYPE *)(void *)((char *)s + parts[i].at);
	return NULL;
}

/* ---- finding and asking ------------------------------------------------------------------------------------------ */

/* What a search found may be destroyed before it is asked for: it was there when the search began. */
static bool died_since(struct program *p, const struct call *c, CK_OBJECT_HANDLE handle)
{
	const struct met_session *s = met_session(p, c->session);

	for (size_t i = s ? s->dead_before : p->dead_count; i < p->dead_count; i++)
		if (p->dead[i] == handle)
			return true;
	return false;
}

static void find(struct program *p, struct call *c)
{
	CK_OBJECT_HANDLE found[OBJECTS_MAX + 1];
	CK_ULONG room = p->tame ? OBJECTS_MAX : c->step->variant % (OBJECTS_MAX + 1), n = 0;

	found[room] = 0x5A5A;
	CK_RV rv = p->f->C_FindObjects(c->session, found, room, &n);
	const struct seen seen = {
		.function = c->function, .rv = rv, .out = BYTES((uint8_t *)&n, rv == CKR_OK ? sizeof n : 0)};
	if (found[room] != 0x5A5A || (rv == CKR_OK && n > room))
		wrong(p, "it wrote behind the length it was given", c, rv);
	session_outcome(p, c, rv);
	call_seen(p, c->step, &seen);
	for (CK_ULONG i = 0; rv == CKR_OK && i < n && !p->tame; i++)
		if (!died_since(p, c, found[i]))
			object_met(p, c, found[i], false);
}

/* What a token must keep came out: only of a key whose owner wanted it so. */
static void check_secret(struct program *p, struct call *c, const CK_ATTRIBUTE *a)
{
	CK_OBJECT_CLASS class = 0;
	CK_BBOOL sensitive = CK_TRUE, extractable = CK_FALSE;
	CK_ATTRIBUTE key[] = {
		{CKA_CLASS,       &class,       sizeof class},
                {CKA_SENSITIVE,   &sensitive,   1           },
                {CKA_EXTRACTABLE, &extractable, 1           }
        };

	if (!attribute_is_secret(a->type) || a->ulValueLen == CK_UNAVAILABLE_INFORMATION || !a->pValue)
		return;
	if (p->f->C_GetAttributeValue(c->session, c->object, key, 1) != CKR_OK)
		return;
	if (class == CKO_PRIVATE_KEY)
		wrong(p, "a part of a private key came out", c, a->type);
	if (class != CKO_SECRET_KEY)
		return;
	if (p->f->C_GetAttributeValue(c->session, c->object, key + 1, 2) != CKR_OK || sensitive || !extractable)
		wrong(p, "the value of a key that keeps it came out", c, a->type);
}

static size_t put_attribute(uint8_t *to, const CK_ATTRIBUTE *a, CK_RV rv, size_t room)
{
	const bool has = a->ulValueLen != CK_UNAVAILABLE_INFORMATION && a->pValue && rv != CKR_BUFFER_TOO_SMALL;
	const size_t n = has && a->ulValueLen <= room ? a->ulValueLen : 0;

	memcpy(to, &a->type, sizeof a->type);
	memcpy(to + sizeof a->type, &a->ulValueLen, sizeof a->ulValueLen);
	if (n)
		memcpy(to + 2 * sizeof(CK_ULONG), a->pValue, n);
	return 2 * sizeof(CK_ULONG) + n;
}

static void get_attributes(struct program *p, struct call *c)
{
	static uint8_t out[24 * 1024];
	struct arguments a;
	CK_ULONG rooms[8];
	size_t n = 0;

	choose_attributes(c->step, &a);
	for (CK_ULONG i = 0; i < a.count; i++)
		rooms[i] = a.list[i].ulValueLen;
	CK_RV rv = p->f->C_GetAttributeValue(c->session, c->object, a.list, a.count);
	const bool answered = rv == CKR_OK || rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ATTRIBUTE_TYPE_INVALID ||
			      rv == CKR_BUFFER_TOO_SMALL;
	for (CK_ULONG i = 0; answered && i < a.count; i++) {
		const CK_ATTRIBUTE *one = &a.list[i];
		if (one->pValue && one->ulValueLen != CK_UNAVAILABLE_INFORMATION && one->ulValueLen > rooms[i])
			wrong(p, "more than there was room for", c, rv);
		check_secret(p, c, one);
		n += put_attribute(out + n, one, rv, rooms[i]);
	}
	if (answered && object_is_dead(p, c->object))
		wrong(p, "an object that was destroyed answers", c, rv);
	const struct seen seen = {.function = c->function, .rv = rv, .out = BYTES(out, n)};
	session_outcome(p, c, rv);
	call_seen(p, c->step, &seen);
	choose_template_free(&a);
}

/* ---- one step ---------------------------------------------------------------------------------------------------- */

/* The parameter of a message: CK_GCM_MESSAGE_PARAMS (3.0, 2.13.3), kept so that what was encrypted can be decrypted. */
static struct {
	CK_BYTE *iv;
	CK_ULONG iv_len, fixed_bits, generator;
	CK_BYTE *tag;
	CK_ULONG tag_bits;
} message;
static CK_BYTE message_iv[16], message_tag[16];

static void message_parameter(const struct program *p, const struct step *s, struct call *c)
{
	message.iv = message_iv;
	message.iv_len = 12;
	message.fixed_bits = 0;
	message.generator = p->tame ? 0 : s->parameter % 5;
	message.tag = message_tag;
	message.tag_bits = !p->tame && s->parameter >= 0xE0 ? s->variant : 128;
	c->parameter = &message;
	c->parameter_len = sizeof message;
	if (!p->tame && s->parameter >= 0xF0) {
		c->parameter = s->parameter & 1 ? NULL : c->parameter;
		c->parameter_len = s->parameter & 2 ? 0 : sizeof message;
	}
}

/* Everything that the call may be given; `made` has room for two handles. */
struct given {
	struct parameter parameter;
	struct arguments list, list2;
	CK_OBJECT_HANDLE made[2];
};

static void give(struct program *p, const struct function *f, struct call *c, struct given *g)
{
	const struct step *s = c->step;

	if (f->given & MECHANISM) {
		c->mechanism = choose_mechanism(p, s, f->name, &g->parameter);
		c->of = g->parameter.mechanism.mechanism;
	}
	if (f->given & KEY)
		c->object = choose_key(p, s, f->name, c->of);
	if (f->given & OBJECT)
		c->object = choose_object(p, s->object);
	if (f->given & OTHER)
		c->other = choose_object(p, s->other);
	if (f->given & IN)
		c->in = choose_data(p, s);
	if (f->given & MORE)
		c->more = BYTES(p->last, s->template % 16 == 15 && !p->tame ? s->variant : p->last_len);
	if (f->given & TEMPLATE)
		choose_template(p, s, f->name, 0, &g->list);
	if (f->given & TEMPLATES) {
		struct step twin = *s;
		twin.mechanism = mechanism_key_type(c->of) == CKK_EC;
		choose_template(p, &twin, f->name, 0, &g->list);
		choose_template(p, &twin, f->name, 1, &g->list2);
	}
	c->list = g->list.list;
	c->count = g->list.count;
	c->list2 = g->list2.list;
	c->count2 = g->list2.count;
	if (f->given & MADE)
		c->made = !p->tame && s->session >= 0xE0 && s->session % 8 == 0 ? NULL : g->made;
	if (f->given & PARAMETER)
		message_parameter(p, s, c);
	c->flags = s->variant % 4 ? 1ul << s->parameter % 20 : ~0ul;
}

static void take_back(const struct function *f, struct call *c, struct given *g)
{
	if (f->given & MECHANISM)
		choose_mechanism_free(&g->parameter);
	if (f->given & IN)
		choose_data_free(c->in);
	choose_template_free(&g->list);
	choose_template_free(&g->list2);
}

/* What a call that went well leads to. */
static void went_well(struct program *p, const struct function *f, const struct call *c)
{
	CK_MECHANISM_TYPE *const operation = strstr(f->name, "Init") ? operation_of(p, c) : NULL;

	if (operation && (f->given & MECHANISM))
		*operation = c->of;
	if (f->run == run_destroy)
		object_dead(p, c->object);
	if (f->run == run_find_init && met_session(p, c->session))
		met_session(p, c->session)->dead_before = p->dead_count;
	if ((f->given & MADE) && c->made) {
		object_met(p, c, c->made[0], true);
		if (f->run == run_pair)
			object_met(p, c, c->made[1], true);
	}
}

static void call(struct program *p, const struct function *f, struct call *c)
{
	struct given g = {0};

	give(p, f, c, &g);
	if (!(f->given & MECHANISM) && operation_of(p, c))
		c->of = *operation_of(p, c);
	CK_RV rv = f->given & OUT ? call_out(p, c) : call_plain(p, c);
	if (rv == CKR_OK && object_is_dead(p, c->object) && (f->given & (OBJECT | KEY)))
		wrong(p, "an object that was destroyed was used", c, rv);
	if (rv == CKR_OK)
		went_well(p, f, c);
	take_back(f, c, &g);
}

void program_step(struct program *p, const uint8_t bytes[STEP_SIZE])
{
	const struct step s = {
		bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7], bytes[8], bytes[9]};
	const struct function *f = function_of(&s);
	struct call c = {.step = &s, .of = CK_UNAVAILABLE_INFORMATION};

	if (!f) {
		if (p->world)
			p->world(p->arg, p, s.variant % WORLD_EVENTS);
		return;
	}
	memcpy(&c.fn, (const char *)p->f + f->at, sizeof c.fn);
	if (!c.fn)
		return;
	c.function = f->name;
	c.session = choose_session(p, &s);
	c.run = f->run;
	if (!f->run && strcmp(f->name, "C_FindObjects") == 0)
		find(p, &c);
	else if (!f->run && strcmp(f->name, "C_GetAttributeValue") == 0) {
		c.object = choose_object(p, s.object);
		get_attributes(p, &c);
	} else if (!f->run)
		session_call(p, &c, (enum session_call)f->session);
	else
		call(p, f, &c);
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

void program_start(struct program *p, const CK_FUNCTION_LIST_3_2 *f, void *arg)
{
	static const char *const pins[] = {"user-PIN-1", "SO-PIN-2-SO", "other-PIN-3", "fourth-PIN-4"};

	*p = (struct program){.f = f, .arg = arg, .user_tries = 6, .so_tries = 10};
	memcpy(p->pins, pins, sizeof pins);
	memset(message_iv, 1, sizeof message_iv);
	memset(message_tag, 2, sizeof message_tag);
}

void program_look(struct program *p)
{
	CK_MECHANISM_TYPE list[sizeof p->mechanisms / sizeof *p->mechanisms];
	CK_ULONG n = sizeof p->slots / sizeof *p->slots;
	CK_MECHANISM_INFO info;

	p->slot_count = p->f->C_GetSlotList(CK_FALSE, p->slots, &n) == CKR_OK ? n : 0;
	for (size_t i = 0; i < p->slot_count; i++)
		p->state[i] = (struct met_slot){.roles = ROLE_NOBODY, .user_pin = p->pins[0], .so_pin = p->pins[1]};
	n = sizeof list / sizeof *list;
	if (!p->slot_count || p->f->C_GetMechanismList(p->slots[0], list, &n) != CKR_OK)
		return;
	for (CK_ULONG i = 0; i < n; i++)
		if (p->f->C_GetMechanismInfo(p->slots[0], list[i], &info) == CKR_OK) {
			p->mechanisms[p->mechanism_count].type = list[i];
			p->mechanisms[p->mechanism_count++].flags = info.flags;
		}
}
