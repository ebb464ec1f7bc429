/* Every limit that more than one program knows. */
#pragma once

#define PORTS_MAX 64
#define WORKERS_MAX 127          /* lcores but the one that manages: the EAL knows 128 */
#define TCS_MAX 16               /* test cases a port: test-case-id 0..15 */
#define L3_INTFS_MAX 256         /* interfaces a port */
#define ARP_MAX 1024             /* neighbours a port that are shown */
#define ARP_NEIGHBOURS_MAX 49152 /* on-link addresses a port can talk to */
#define OPERATORS_MAX 32         /* attached CLIs, scripts, exporters */
#define CMD_REQ_MAX 384          /* bytes of one request's arguments */
#define REPLY_TEXT_MAX 400
#define RING_CELLS 16            /* commands under way of one operator, a power of two */
#define SESSIONS_MAX 2147483647u /* of a client test case: ids of endpoints have 31 bits */
#define HTTP_FIELDS_MAX 512      /* bytes of user-set header fields of a test case */
#define HTTP_NAME_MAX 128        /* host or object name with its end */
#define MTU_MIN 68               /* of IP, RFC 791 */
#define MTU_MAX 9198
#define TCP_MSS_MIN 28           /* of the least MTU, RFC 791; less is taken for it */
#define TCP_WIN_MAX 1073725440u  /* bytes: 65535 << 14, RFC 7323 */
#define SECONDS_MAX 2000000      /* of a setting: the engine's deadlines are ms that wrap at 2^31 */
#define APP_SIZE_MAX 2000000000u /* bytes of one message's body */
#define IMIX_APPS_MAX 32         /* app-index 0..31 */
#define IMIX_GROUPS_MAX 16       /* imix-id 0..15 */
#define IMIX_GROUP_APPS 16       /* applications of a group */
#define IMIX_WEIGHT_MAX 100      /* of a group's applications together */
#define TIMES_MAX 32             /* test cases of an engine that measure response times */
#define LATENCY_RECENT_MAX 1000  /* newest latencies of a worker that can be shown apart */
#define JOURNAL_MAX 512          /* events, and commands, that are kept; a power of two */
#define NAME_MAX_LEN 32
