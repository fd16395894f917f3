"""Input filters of other modules: what they hand on need not be in memory yet, nor in one piece."""

import hashlib
import random
import subprocess

import pytest
from support import httpd

# Hands each piece of a body on in another kind of bucket.
FILTER = r"""
#include <httpd.h>
#include <http_config.h>
#include <util_filter.h>
#include <apr_buckets.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>

struct later { apr_file_t *pipe; const char *data; apr_size_t length; };

static void * APR_THREAD_FUNC fill(apr_thread_t *thread, void *given)
{
    struct later *l = given;
    apr_sleep(20000);
    apr_file_write_full(l->pipe, l->data, l->length, NULL);
    apr_file_close(l->pipe);
    return NULL;
}

/* A pipe that has nothing for a while. */
static apr_bucket *in_a_pipe(const char *data, apr_size_t length, apr_pool_t *p, apr_bucket_alloc_t *a)
{
    struct later *l = apr_pcalloc(p, sizeof *l);
    apr_file_t *end;
    apr_thread_t *thread;
    apr_pool_t *own;
    apr_pool_create_unmanaged_ex(&own, NULL, NULL);
    apr_file_pipe_create_pools(&end, &l->pipe, APR_FULL_BLOCK, p, own);
    l->data = data; l->length = length;
    apr_thread_create(&thread, NULL, fill, l, own);
    return apr_bucket_pipe_create(end, a);
}

static apr_bucket *in_a_file(const char *data, apr_size_t length, apr_pool_t *p, apr_bucket_alloc_t *a)
{
    apr_file_t *file;
    char *name = apr_pstrdup(p, "/var/tmp/mod_wsgi-test-filter-XXXXXX");
    apr_file_mktemp(&file, name, APR_FOPEN_CREATE | APR_FOPEN_READ | APR_FOPEN_WRITE | APR_FOPEN_EXCL | APR_FOPEN_DELONCLOSE, p);
    apr_file_write_full(file, data, length, NULL);
    return apr_bucket_file_create(file, 0, length, p, a);
}

static apr_status_t odd(ap_filter_t *f, apr_bucket_brigade *out, ap_input_mode_t mode, apr_read_type_e block, apr_off_t wanted)
{
    int *count = f->ctx ? f->ctx : (f->ctx = apr_pcalloc(f->r->pool, sizeof(int)));
    apr_bucket_alloc_t *a = f->c->bucket_alloc;
    apr_pool_t *p = f->r->pool;
    apr_bucket_brigade *in = apr_brigade_create(p, a);
    apr_status_t status = ap_get_brigade(f->next, in, mode, block, wanted);
    while (status == APR_SUCCESS && !APR_BRIGADE_EMPTY(in)) {
        apr_bucket *bucket = APR_BRIGADE_FIRST(in), *made = NULL;
        const char *data;
        apr_size_t length;
        if (!APR_BUCKET_IS_METADATA(bucket)) {
            if ((status = apr_bucket_read(bucket, &data, &length, APR_BLOCK_READ)) != APR_SUCCESS) return status;
            data = apr_pmemdup(p, data, length);
            switch (++*count % 5) {
            case 0: made = in_a_pipe(data, length, p, a); break;
            case 1: made = in_a_file(data, length, p, a); break;
            case 2: made = apr_bucket_transient_create(data, length, a); break;
            case 3: made = apr_bucket_pool_create(data, length, p, a); break;
            }
        }
        if (made) {
            APR_BRIGADE_INSERT_TAIL(out, apr_bucket_immortal_create("", 0, a));
            APR_BRIGADE_INSERT_TAIL(out, made);
            APR_BRIGADE_INSERT_TAIL(out, apr_bucket_flush_create(a));
            apr_bucket_delete(bucket);
        } else {
            APR_BUCKET_REMOVE(bucket);
            APR_BRIGADE_INSERT_TAIL(out, bucket);
        }
    }
    return status;
}

static void hooks(apr_pool_t *p) { ap_register_input_filter("ODD", odd, NULL, AP_FTYPE_RESOURCE); }
AP_DECLARE_MODULE(odd) = { STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, hooks };
"""


@pytest.fixture(scope="session")
def odd(tmp_path_factory):
    """The filter's module."""
    place = tmp_path_factory.mktemp("filter") / "mod_odd.so"
    folders = [f"-I{httpd.query(name)}" for name in ("INCLUDEDIR", "APR_INCLUDEDIR", "APU_INCLUDEDIR")]
    subprocess.run(["cc", "-x", "c", "-", "-Wall", "-Werror", "-shared", "-fPIC", "-o", place, *folders, *httpd.query("EXTRA_CPPFLAGS").split()],
                   input=FILTER.encode(), check=True)
    return place


@pytest.mark.parametrize("options", [None, "threads=2", "threads=2 request-buffering=on"])
def test_buckets_of_all_kinds(serve, odd, options):
    server = serve(f"LoadModule odd_module {odd}\nSetInputFilter ODD\nWSGIChunkedRequest On\nWSGIScriptAlias / ${{APPS}}/digest.py\n",
                   "daemon" if options else "embedded", options)
    for size in (1, 100, 5000, 65_537, 300_000, 1_000_000):
        body = random.Random(size).randbytes(size)
        for chunked in (False, True):
            response = server.request("POST", "/", (), body, chunked=chunked)
            told = f"{size} {hashlib.sha256(body).hexdigest()} {'none' if chunked else size}"
            assert (response.status, response.text) == (200, told), (size, chunked)
