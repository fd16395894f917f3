/* What bindgen reads: httpd's and APR's headers, and the macros that Rust cannot call, as functions. */

#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_connection.h>
#include <http_log.h>
#include <http_main.h>
#include <http_protocol.h>
#include <http_request.h>
#include <http_vhost.h>
#include <mod_auth.h>
#include <mod_status.h>
#include <util_filter.h>
#include <util_script.h>
#include <ap_expr.h>
#include <ap_listen.h>
#include <ap_mpm.h>
#include <ap_regex.h>
#include <ap_release.h>
#include <mpm_common.h>
#include <scoreboard.h>
#include <unixd.h>
#include <apr_buckets.h>
#include <apr_file_io.h>
#include <apr_network_io.h>
#include <apr_optional.h>
#include <apr_optional_hooks.h>
#include <apr_portable.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include <apr_thread_proc.h>

static inline void wsgi_brigade_insert_tail(apr_bucket_brigade *bb, apr_bucket *b) { APR_BRIGADE_INSERT_TAIL(bb, b); }
static inline int wsgi_brigade_empty(const apr_bucket_brigade *bb) { return APR_BRIGADE_EMPTY(bb); }
static inline apr_bucket *wsgi_brigade_first(apr_bucket_brigade *bb) { return APR_BRIGADE_FIRST(bb); }
static inline apr_bucket *wsgi_brigade_sentinel(apr_bucket_brigade *bb) { return APR_BRIGADE_SENTINEL(bb); }
static inline apr_bucket *wsgi_bucket_next(apr_bucket *b) { return APR_BUCKET_NEXT(b); }
static inline void wsgi_bucket_remove(apr_bucket *b) { APR_BUCKET_REMOVE(b); }
static inline apr_status_t wsgi_bucket_setaside(apr_bucket *b, apr_pool_t *p) { return apr_bucket_setaside(b, p); }
static inline int wsgi_bucket_is_eos(const apr_bucket *b) { return APR_BUCKET_IS_EOS(b); }
static inline int wsgi_bucket_is_metadata(const apr_bucket *b) { return APR_BUCKET_IS_METADATA(b); }
static inline void wsgi_bucket_delete(apr_bucket *b) { apr_bucket_delete(b); }
static inline apr_status_t wsgi_bucket_read(apr_bucket *b, const char **data, apr_size_t *length, apr_read_type_e block)
{
    return apr_bucket_read(b, data, length, block);
}
static inline apr_bucket *wsgi_bucket_create(const apr_bucket_type_t *type, void *data, apr_bucket_alloc_t *list)
{
    apr_bucket *b = apr_bucket_alloc(sizeof(*b), list);
    APR_BUCKET_INIT(b);
    b->type = type;
    b->data = data;
    b->start = 0;
    b->length = 0;
    b->free = apr_bucket_free;
    b->list = list;
    return b;
}
static inline int wsgi_status_is_eagain(apr_status_t status) { return APR_STATUS_IS_EAGAIN(status); }
static inline int wsgi_connection_is_aborted(const conn_rec *c) { return c->aborted != 0; }
static inline void wsgi_connection_abort(conn_rec *c) { c->aborted = 1; c->keepalive = AP_CONN_CLOSE; }
static inline int wsgi_passes_authorization(const core_dir_config *d) { return d->cgi_pass_auth == AP_CGI_PASS_AUTH_ON; }
static inline int wsgi_enables_sendfile(const core_dir_config *d) { return d->enable_sendfile == ENABLE_SENDFILE_ON; }
static inline int wsgi_qualifies_redirect_url(const core_dir_config *d) { return d->qualify_redirect_url == AP_CORE_CONFIG_ON; }
/* The path of <Directory> and <Location>; null where it is a pattern. */
static inline const char *wsgi_section_path(const core_dir_config *d) { return d->r || d->d_is_fnmatch ? NULL : d->d; }
