/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands. The common options (--token, --json, --quiet, --help) are not repeated in the rows. */
#include "config.h"

#include "tools/tool.h"

#define USER_PIN     OPT_PIN_FILE, OPT_PIN_FD
#define NEW_USER_PIN OPT_NEW_PIN_FILE, OPT_NEW_PIN_FD
#define SO_PIN       OPT_SO_PIN_FILE, OPT_SO_PIN_FD
#define NEW_SO_PIN   OPT_NEW_SO_PIN_FILE, OPT_NEW_SO_PIN_FD
#define MANAGER      OPT_MANAGEMENT_KEY_FILE, OPT_MANAGEMENT_KEY_FD
#define CODE         OPT_CODE_FILE, OPT_CODE_FD
#define ANSWER       OPT_ANSWER_FILE, OPT_ANSWER_FD

/* clang-format off */
const struct command tool_commands[] = {
	{"list", NULL, "", N_("show the tokens and readers that are plugged in"), 0, 0, cmd_list, {OPT_COUNT}},
	{"info", NULL, "", N_("show all about one token"), 0, 0, cmd_info, {OPT_COUNT}},
	{"init", NULL, "", N_("erase a token and set its label and PINs"), 0, 0, cmd_init,
		{OPT_LABEL, SO_PIN, NEW_SO_PIN, NEW_USER_PIN, OPT_NO_USER_PIN, OPT_PIN_MIN, OPT_PIN_MAX, OPT_PIN_CLASSES,
		OPT_PIN_HISTORY, OPT_MUST_CHANGE, OPT_ALLOW_CLEAR_PIN, OPT_TRIES, OPT_WITH_PIV,
		OPT_PIV_YUBICO, OPT_YES, OPT_COUNT}},
	{"pin", "change", "", N_("change the user PIN"), 0, 0, cmd_pin_change,
		{USER_PIN, NEW_USER_PIN, OPT_YES, OPT_COUNT}},
	{"pin", "unlock", "", N_("set a new user PIN: with the SO PIN, or --remote with the helpdesk on the phone"), 0, 0,
		cmd_pin_unlock, {OPT_REMOTE, OPT_CONFIRM, ANSWER, OPT_QR, OPT_NO_QR, SO_PIN, NEW_USER_PIN, OPT_COUNT}},
	{"pin", "verify", "", N_("try the user PIN"), 0, 0, cmd_pin_verify, {USER_PIN, OPT_COUNT}},
	{"so-pin", "change", "", N_("change the SO PIN"), 0, 0, cmd_so_pin_change, {SO_PIN, NEW_SO_PIN, OPT_COUNT}},
	{"reset", NULL, "", N_("erase a token and make it blank"), 0, 0, cmd_reset, {SO_PIN, OPT_YES, OPT_COUNT}},
	{"key", "generate", "", N_("make a key pair on the token"), 0, 0, cmd_key_generate,
		{OPT_KEY, OPT_PAIR, OPT_CONTAINER, OPT_SLOT, OPT_REPLACE, OPT_NAME, OPT_LABEL, OPT_ID, OPT_USAGE, OPT_ALWAYS,
		OPT_TOUCH, USER_PIN, MANAGER, OPT_YES, OPT_COUNT}},
	{"key", "import", N_("FILE"), N_("bring an exchange pair that was made elsewhere: PEM, DER or PKCS#12, with its certificate"), 1, 1,
		cmd_key_import,
		{OPT_PAIR, OPT_CONTAINER, OPT_NAME, OPT_LABEL, OPT_ID, OPT_ALWAYS, OPT_TOUCH, OPT_PASSWORD_FILE, OPT_PASSWORD_FD,
		USER_PIN, OPT_COUNT}},
	{"key", "list", "", N_("show the keys"), 0, 0, cmd_key_list, {OPT_COUNT}},
	{"key", "delete", "", N_("delete a key and its certificate"), 0, 0, cmd_key_delete,
		{OPT_KEY_REF, USER_PIN, OPT_YES, OPT_COUNT}},
	{"key", "attest", N_("[KEY]"), N_("write the token's statement about a key, or check one"), 0, 1, cmd_key_attest,
		{OPT_KEY_REF, OPT_NONCE, OPT_NONCE_FILE, OPT_OUTPUT, OPT_VERIFY, OPT_ROOTS, OPT_CSR, OPT_CERT,
		OPT_KEY_FILE, OPT_COUNT}},
	{"cert", "import", N_("FILE"), N_("write a certificate to its key, or a CA certificate"), 1, 1, cmd_cert_import,
		{OPT_KEY_REF, OPT_LABEL, OPT_AUTHORITY, OPT_FORCE, USER_PIN, MANAGER, OPT_COUNT}},
	{"cert", "export", "", N_("read a certificate"), 0, 0, cmd_cert_export,
		{OPT_KEY_REF, OPT_OTHER, OPT_OUTPUT, OPT_DER, OPT_COUNT}},
	{"cert", "list", "", N_("show the certificates"), 0, 0, cmd_cert_list, {OPT_COUNT}},
	{"cert", "delete", "", N_("delete a certificate; its key stays"), 0, 0, cmd_cert_delete,
		{OPT_KEY_REF, OPT_OTHER, USER_PIN, MANAGER, OPT_YES, OPT_COUNT}},
	{"request", NULL, "", N_("make a certification request (PKCS#10), signed by the token"), 0, 0, cmd_request,
		{OPT_KEY_REF, OPT_SUBJECT, OPT_HASH, OPT_OUTPUT, OPT_DER, USER_PIN, OPT_COUNT}},
	{"enroll", NULL, "", N_("get a certificate from a CA over EST: key, request, certificate, check"), 0, 0, cmd_enroll,
		{OPT_URL, OPT_LABEL, OPT_CA, OPT_CA_FINGERPRINT, CODE, OPT_KEY, OPT_PAIR, OPT_KEY_REF, OPT_SUBJECT,
		OPT_RENEW, OPT_SAME_KEY, OPT_WAIT, USER_PIN, OPT_COUNT}},
	{"sign", NULL, N_("FILE"), N_("sign a file (CMS, detached)"), 1, 1, cmd_sign,
		{OPT_KEY_REF, OPT_HASH, OPT_PSS, OPT_ATTACHED, OPT_OUTPUT, OPT_PEM, USER_PIN, OPT_COUNT}},
	{"verify", NULL, N_("FILE"), N_("verify a CMS signature; needs no token"), 1, 1, cmd_verify,
		{OPT_SIGNATURE, OPT_ATTACHED, OPT_CA, OPT_OUTPUT, OPT_COUNT}},
	{"decrypt", NULL, N_("FILE"), N_("decrypt a CMS message with the token"), 1, 1, cmd_decrypt,
		{OPT_KEY_REF, OPT_OUTPUT, USER_PIN, OPT_COUNT}},
	{"encrypt", NULL, N_("FILE"), N_("encrypt a file for a certificate (CMS); needs no token"), 1, 1, cmd_encrypt,
		{OPT_TO, OPT_OUTPUT, OPT_PEM, OPT_COUNT}},
	{"setup", NULL, N_("[PROGRAM]"), N_("give firefox, chromium, ssh, java or p11-kit the PKCS#11 module, or libccid our tokens; alone: show which have it"), 0, 1,
		cmd_setup, {OPT_REMOVE, OPT_DRY_RUN, OPT_MODULE, OPT_LIST, OPT_COUNT}},
	{"doctor", NULL, "", N_("find what is wrong with this machine and the tokens, and how to mend it"), 0, 0, cmd_doctor,
		{OPT_COUNT}},
};
/* clang-format on */

const size_t tool_command_count = sizeof(tool_commands) / sizeof(tool_commands[0]);
