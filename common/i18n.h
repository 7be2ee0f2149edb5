/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages in the user's language (GNU gettext). The domain is named in each call, so that our libraries neither use
 * nor disturb the text domain of the program that loads them.
 *
 *	printf(_("PIN wrong, %u tries left\n"), tries);
 *	static const char *const names[] = {N_("signature"), N_("exchange")};  ... _(names[i])
 */
#ifndef UKEY_COMMON_I18N_H
#define UKEY_COMMON_I18N_H

#include <libintl.h>

#define I18N_DOMAIN "openukey"

#define _(text)                 dgettext(I18N_DOMAIN, text)
#define N_(text)                text
#define ngettext_(one, many, n) dngettext(I18N_DOMAIN, one, many, n)

/* Where the catalogues are. Call once before the first message, from main() or a library's first entry; repeats are
 * harmless. A library leaves the locale alone. */
void i18n_init(void);

/* For main(): setlocale(LC_ALL, "") and i18n_init(), in the user's language even where its locale is not generated. */
void i18n_program(void);

#endif
