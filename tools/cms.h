/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UKEY_TOOLS_CMS_H
#define UKEY_TOOLS_CMS_H

#include <openssl/cms.h>

#include "common/bytes.h"

/* A CMS message in DER (nothing behind it), PEM or S/MIME; NULL when it is none. The caller frees. */
CMS_ContentInfo *cms_parse(const uint8_t *data, size_t len);

#endif
