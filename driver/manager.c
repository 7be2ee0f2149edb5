/* SPDX-License-Identifier: Apache-2.0 */
/* Who may change the keys and certificates of a card: the one place that knows. */
#include "driver/token.h"

static enum ukey_status may_write(struct ukey_token *t, bool so_too)
{
	if (!t->card->authorize)
		return so_too ? token_require_any(t) : token_require(t, UKEY_USER);
	if (token_require(t, UKEY_SO) == UKEY_OK)
		return UKEY_OK;
	return token_require(t, UKEY_USER) == UKEY_OK ? t->card->authorize(&t->port) : UKEY_MANAGEMENT_KEY_NEEDED;
}

enum ukey_status token_begin_writing(struct ukey_token *t, bool so_too)
{
	enum ukey_status status = token_begin(t);

	if (status != UKEY_OK)
		return status;
	if (t->card->authorize) {
		status = token_hold(t);
		if (status != UKEY_OK)
			return token_finish(t, status);
	}
	status = may_write(t, so_too);
	return status == UKEY_OK ? UKEY_OK : token_finish_writing(t, status);
}

enum ukey_status token_finish_writing(struct ukey_token *t, enum ukey_status s)
{
	const bool managed = t->card->authorize != NULL;

	if (managed)
		token_let_go(t);
	s = token_finish(t, s);
	/* What the card was shown is forgotten: it was reset, or another application was selected. */
	return managed && s == UKEY_NOT_LOGGED_IN ? UKEY_MANAGEMENT_KEY_NEEDED : s;
}
