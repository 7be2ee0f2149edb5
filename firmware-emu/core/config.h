/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes of the token. A smaller chip sets smaller ones with -D; the token information tells the host. */
#ifndef UKEY_FW_CONFIG_H
#define UKEY_FW_CONFIG_H

#ifndef FW_CONTAINERS
#define FW_CONTAINERS 32
#endif
#ifndef FW_CERTIFICATES
#define FW_CERTIFICATES 32 /* beside the keys' own */
#endif
#ifndef FW_DATA_OBJECTS
#define FW_DATA_OBJECTS 64
#endif
#ifndef FW_OBJECT_MAX
#define FW_OBJECT_MAX 16384 /* one certificate, one data object */
#endif
#ifndef FW_COMMAND_DATA_MAX
#define FW_COMMAND_DATA_MAX 17408 /* an object with its labels */
#endif
#ifndef FW_ANSWER_DATA_MAX
#define FW_ANSWER_DATA_MAX 49152 /* the directory with every container full of RSA-4096 */
#endif
#ifndef FW_CHANNELS
#define FW_CHANNELS 20
#endif
#ifndef FW_PIN_ITERATIONS
#define FW_PIN_ITERATIONS 4096
#endif

/* The flash as the journal sees it (journal.h). */
#ifndef FW_FLASH_UNIT
#define FW_FLASH_UNIT 8 /* bytes that are programmed together */
#endif
#ifndef FW_FLASH_PAGE
#define FW_FLASH_PAGE 256 /* most that one write takes */
#endif
#ifndef FW_FLASH_RESERVE
#define FW_FLASH_RESERVE 4096 /* kept free of objects, so that a full token does not change banks at every PIN */
#endif

/* What a link may hand over; longer data than FW_COMMAND_DATA_MAX is 6700. */
#define FW_COMMAND_MAX (4 + 3 + 65535 + 2)

#endif
