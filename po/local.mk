# SPDX-License-Identifier: Apache-2.0
# Translations, with our own few rules: po/LANGUAGE.po is made into locale/LANGUAGE/LC_MESSAGES/openukey.mo, in the build
# folder as it is installed, so that a build can speak too (./configure --localedir=BUILD/locale).
PO_LANGUAGES = zh_CN
PO_FILES = $(srcdir)/po/zh_CN.po
PO_CATALOGUES = locale/zh_CN/LC_MESSAGES/openukey.mo

EXTRA_DIST += po/extract po/openukey.pot po/zh_CN.po

if HAVE_MSGFMT
all-local: $(PO_CATALOGUES)
CLEANFILES += $(PO_CATALOGUES)

locale/zh_CN/LC_MESSAGES/openukey.mo: po/zh_CN.po
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(MSGFMT) --check -o $@ $(srcdir)/po/zh_CN.po

# A build that speaks without being installed has its catalogue in place already.
install-data-local: $(PO_CATALOGUES)
	for language in $(PO_LANGUAGES); do \
		[ ! "locale/$$language/LC_MESSAGES/openukey.mo" -ef "$(DESTDIR)$(localedir)/$$language/LC_MESSAGES/openukey.mo" ] || continue; \
		$(MKDIR_P) "$(DESTDIR)$(localedir)/$$language/LC_MESSAGES" && \
		$(INSTALL_DATA) "locale/$$language/LC_MESSAGES/openukey.mo" "$(DESTDIR)$(localedir)/$$language/LC_MESSAGES/openukey.mo" || exit 1; \
	done

uninstall-local:
	for language in $(PO_LANGUAGES); do rm -f "$(DESTDIR)$(localedir)/$$language/LC_MESSAGES/openukey.mo"; done
endif

# The strings of the sources, and the catalogues brought up to them.
update-po:
	$(srcdir)/po/extract $(srcdir)/po/openukey.pot
	for file in $(PO_FILES); do \
		$(MSGMERGE) --quiet --update --backup=none --no-fuzzy-matching --no-location --sort-output $$file \
			$(srcdir)/po/openukey.pot || exit 1; \
	done
.PHONY: update-po
