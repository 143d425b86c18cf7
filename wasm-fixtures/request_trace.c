/*
 * request_trace - the plugin of the guide: every hook of bext, and a span tree for each request that was answered.
 *
 *     GET /products          server, below the host's span where there is one
 *     |- cache.lookup        internal, with an event
 *     `- render              internal
 *        `- db.query         client
 *
 * Compiled to request_trace.wasm by wasm-fixtures/build.py.
 */
#define BEXT_TRACER_IMPLEMENTATION
#include "../guest_sdk/c/bext_tracer.h"
#include "json_fields.h"

#define MAX_TAGS 16
#define MAX_ATTRIBUTES 9

/* What the plugin reads of event_json. A text that is missing is empty. */
typedef struct request {
  json_slice method;
  json_slice path;
  json_slice cache_status;
  json_slice tenant_id;
  json_slice site_id;
  json_slice encoding;
  int64_t status;
  int64_t render_time_us;
  int is_bot;
  int has_status;
  int has_render_time;
  int has_is_bot;
} request;

static request read_request(json_slice event, json_text *texts) {
  request read;
  read.method = json_string(json_field(event, "method"), texts);
  read.path = json_string(json_field(event, "path"), texts);
  read.cache_status = json_string(json_field(event, "cache_status"), texts);
  read.tenant_id = json_string(json_field(event, "tenant_id"), texts);
  read.site_id = json_string(json_field(event, "site_id"), texts);
  read.encoding = json_string(json_field(event, "encoding"), texts);
  read.has_status = json_integer(json_field(event, "status"), &read.status);
  read.has_render_time = json_integer(json_field(event, "render_time_us"), &read.render_time_us);
  read.has_is_bot = json_boolean(json_field(event, "is_bot"), &read.is_bot);
  return read;
}

static void put_text(json_text *out, json_slice text) { json_put_bytes(out, text.bytes, text.length); }

static bext_value value_of(json_slice text) { return bext_str_n(text.bytes, text.length); }

/* Attributes of a span or event, as many as a request has at most. */
typedef struct attribute_list {
  bext_attribute items[MAX_ATTRIBUTES];
  size_t count;
} attribute_list;

static void add(attribute_list *list, const char *key, bext_value value) {
  list->items[list->count++] = bext_attr(key, value);
}

static void add_text(attribute_list *list, const char *key, json_slice text) {
  if (text.length > 0) add(list, key, value_of(text));
}

static void add_request_attributes(attribute_list *list, const request *from) {
  add_text(list, "http.request.method", from->method);
  add_text(list, "url.path", from->path);
  if (from->has_status) add(list, "http.response.status_code", bext_i64(from->status));
  add_text(list, "http.response.encoding", from->encoding);
  add_text(list, "cache.status", from->cache_status);
  add_text(list, "tenant.id", from->tenant_id);
  add_text(list, "site.id", from->site_id);
  if (from->has_is_bot) add(list, "client.is_bot", bext_bool(from->is_bot != 0));
  if (from->has_render_time) add(list, "render.time_ms", bext_f64((double)from->render_time_us / 1000.0));
}

static bext_handle start_request(const request *from) {
  char name_bytes[256];
  json_text name = {name_bytes, sizeof name_bytes, 0};
  attribute_list attributes;
  bext_span_builder span;
  bext_handle current;
  put_text(&name, from->method.length > 0 ? from->method : json_slice_of("HTTP", 4));
  if (from->path.length > 0) put_text(&name, json_slice_of(" ", 1));
  put_text(&name, from->path);
  attributes.count = 0;
  add_request_attributes(&attributes, from);
  bext_span_init_n(&span, name.bytes, name.length, BEXT_SPAN_KIND_SERVER);
  if (bext_current_span(&current)) bext_span_parent(&span, &current);
  bext_span_attributes(&span, attributes.items, attributes.count);
  return bext_span_start(&span);
}

static void trace_cache_lookup(const request *from, const bext_handle *parent) {
  const bext_handle lookup = bext_start("cache.lookup", BEXT_SPAN_KIND_INTERNAL, parent);
  attribute_list attributes;
  attributes.count = 0;
  add_text(&attributes, "cache.status", from->cache_status);
  bext_event_with(&lookup, "cache.result", attributes.items, attributes.count, 0);
  bext_end(&lookup);
}

static void trace_query(const bext_handle *parent) {
  const bext_handle query = bext_start("db.query", BEXT_SPAN_KIND_CLIENT, parent);
  bext_set_str(&query, "db.system.name", "sqlite");
  bext_set_str(&query, "db.operation.name", "SELECT");
  bext_end(&query);
}

static void trace_render(const bext_handle *parent) {
  const bext_handle render = bext_start("render", BEXT_SPAN_KIND_INTERNAL, parent);
  trace_query(&render);
  bext_set_ok(&render);
  bext_end(&render);
}

static void set_request_status(const request *from, const bext_handle *span) {
  if (from->has_status && from->status >= 500) {
    bext_set_error(span, "the server failed to answer the request");
  } else {
    bext_set_ok(span);
  }
}

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *event_json, uint32_t length) {
  char bytes[2048];
  json_text texts = {bytes, sizeof bytes, 0};
  const request from = read_request(json_slice_of(event_json, length), &texts);
  bext_handle span = start_request(&from);
  trace_cache_lookup(&from, &span);
  trace_render(&span);
  set_request_status(&from, &span);
  bext_end(&span);
  return 0;
}

BEXT_EXPORT("on_server_start")
int32_t on_server_start(const char *config_json, uint32_t length) {
  bext_handle span = bext_start_under_current("plugin.start", BEXT_SPAN_KIND_INTERNAL);
  (void)config_json;
  bext_set_i64(&span, "config.bytes", length);
  bext_end(&span);
  return 0;
}

BEXT_EXPORT("on_server_stop")
int32_t on_server_stop(void) {
  const bext_handle span = bext_start_under_current("plugin.stop", BEXT_SPAN_KIND_INTERNAL);
  bext_end(&span);
  return 0;
}

static void set_tags(const bext_handle *span, json_slice tags_json) {
  char bytes[1024];
  json_text texts = {bytes, sizeof bytes, 0};
  bext_value tags[MAX_TAGS];
  size_t count = 0;
  json_slice item = json_next_item(&tags_json);
  while (item.length > 0 && count < MAX_TAGS) {
    tags[count++] = value_of(json_string(item, &texts));
    item = json_next_item(&tags_json);
  }
  bext_set(span, "cache.tags", bext_str_array(tags, count));
}

BEXT_EXPORT("on_cache_write")
int32_t on_cache_write(const char *key, uint32_t key_length, const char *tags_json, uint32_t tags_length) {
  bext_handle span = bext_start_under_current("cache.write", BEXT_SPAN_KIND_INTERNAL);
  bext_set(&span, "cache.key", bext_str_n(key, key_length));
  set_tags(&span, json_slice_of(tags_json, tags_length));
  bext_end(&span);
  return 0;
}

BEXT_EXPORT("on_cache_invalidate")
int32_t on_cache_invalidate(const char *pattern, uint32_t pattern_length, uint32_t count) {
  bext_handle span = bext_start_under_current("cache.invalidate", BEXT_SPAN_KIND_INTERNAL);
  bext_set(&span, "cache.pattern", bext_str_n(pattern, pattern_length));
  bext_set_i64(&span, "cache.invalidated", count);
  bext_end(&span);
  return 0;
}

/* The last two need no span of their own: an event on the host's span says it all. */
static int32_t add_event_to_current(const char *name) {
  bext_handle current;
  if (bext_current_span(&current)) bext_event(&current, name);
  return 0;
}

BEXT_EXPORT("on_reload")
int32_t on_reload(void) { return add_event_to_current("plugin.reload"); }

BEXT_EXPORT("cleanup")
int32_t cleanup(void) { return add_event_to_current("plugin.cleanup"); }
