/* standin_json.h - JSON in and out, and the forms in which both eras of the
 * service say yes and no. */
#ifndef STANDIN_JSON_H
#define STANDIN_JSON_H

#include "standin_http.h"

#define JSON_TYPE "application/json; charset=utf-8"

/* ---- reading ------------------------------------------------------------ */

static puter_value member(puter_value value, const char *key)
{
    return puter_json_member(value, key, strlen(key));
}

static bool is_a(puter_value value, puter_type type)
{
    return puter_json_type(value) == type;
}

static const char *string_of(puter_value value)
{
    return puter_json_string(value, NULL);
}

/* ---- writing ------------------------------------------------------------ */

static void add_scalar(bytes *out, puter_value value)
{
    puter_writer w = {0};
    size_t length;
    const char *text = puter_json_string(value, &length);
    switch (puter_json_type(value)) {
    case PUTER_STRING:
        puter_write_chars(&w, text, length);
        break;
    case PUTER_NUMBER:
        puter_write_number(&w, puter_json_number(value));
        break;
    case PUTER_BOOL:
        puter_write_bool(&w, puter_json_bool(value));
        break;
    default:
        puter_write_null(&w);
    }
    bytes_take(out, &w);
}

/* A value that was read, without white space. */
static void add_value(bytes *out, puter_value value)
{
    bool object = is_a(value, PUTER_OBJECT);
    size_t i;
    if (!object && !is_a(value, PUTER_ARRAY)) {
        add_scalar(out, value);
        return;
    }
    bytes_text(out, object ? "{" : "[");
    for (i = 0; i < puter_json_count(value); i++) {
        bytes_text(out, i ? "," : "");
        if (object) {
            add_scalar(out, puter_json_key(value, i));
            bytes_text(out, ":");
        }
        add_value(out, puter_json_at(value, i));
    }
    bytes_text(out, object ? "}" : "]");
}

/* Adds JSON after a pattern, in which ' stands for a quote, and
 *     %s  a string as JSON (NULL: null)     %n  a number (double)
 *     %t  bytes as a JSON string            %d  an int
 *     %j  JSON as it is                     %v  a value that was read */
static void add_json(bytes *out, const char *pattern, ...)
{
    va_list values;
    va_start(values, pattern);
    for (; *pattern; pattern++) {
        puter_writer w = {0};
        const bytes *text;
        if (*pattern != '%') {
            bytes_add(out, *pattern == '\'' ? "\"" : pattern, 1);
            continue;
        }
        switch (*++pattern) {
        case 's':
            puter_write_string(&w, va_arg(values, const char *));
            break;
        case 't':
            text = va_arg(values, const bytes *);
            puter_write_chars(&w, text->length ? text->data : "",
                              text->length);
            break;
        case 'n':
            puter_write_number(&w, va_arg(values, double));
            break;
        case 'd':
            puter_write_integer(&w, va_arg(values, int));
            break;
        case 'v':
            add_value(out, va_arg(values, puter_value));
            continue;
        default:
            bytes_text(out, va_arg(values, const char *));
            continue;
        }
        bytes_take(out, &w);
    }
    va_end(values);
}

/* ---- answers ------------------------------------------------------------ */

static void set_status(answer *a, int status)
{
    a->status = status;
    a->type = JSON_TYPE;
}

/* Says yes. `metadata` is the rest of the reply: "" or ",\"metadata\":...".
 * The result is taken. */
static void succeed(answer *a, const char *service, bytes *result,
                    const char *metadata)
{
    bytes *out = &a->body;
    if (settings.era == ERA_2025)
        add_json(out, "{'success':true,'service':{'name':%s},'result':",
                 service);
    else
        add_json(out, "{'success':true,'result':");
    bytes_add(out, result->data, result->length);
    if (settings.era == ERA_2026)
        add_json(out, ",'service':{'name':%s}", service);
    add_json(out, "%j}", metadata);
    bytes_free(result);
    set_status(a, 200);
}

/* An error of the service's gate: a status of its own in both eras. `more`
 * is "" or further members of 2026's. */
static void refuse_with(answer *a, int status, const char *code,
                        const char *message, const char *more)
{
    if (settings.era == ERA_2026)
        add_json(&a->body, "{'error':%s,'message':%s,'code':%s%j}", message,
                 message, code, more);
    else
        add_json(&a->body, "{'message':%s,'code':%s}", message, code);
    set_status(a, status);
}

static void refuse(answer *a, int status, const char *code,
                   const char *message)
{
    refuse_with(a, status, code, message, "");
}

/* 2025: 200, and an error without a code. */
static void fail_text(answer *a, const char *message)
{
    add_json(&a->body, "{'success':false,'error':%s}", message);
    set_status(a, 200);
}

/* 2025: 200, and the error is an object. `first` is "" or members of it. */
static void fail_object(answer *a, const char *first, const char *code,
                        const char *message, int status)
{
    add_json(&a->body, "{'success':false,'error':{%j'code':%s,"
             "'$':'heyputer:api/APIError','message':%s,'status':%d}}",
             first, code, message, status);
    set_status(a, 200);
}

/* An error of a driver. */
static void fail(answer *a, int status, const char *code, const char *message)
{
    if (settings.era == ERA_2026)
        refuse(a, status, code, message);
    else
        fail_object(a, "", code, message, status);
}

/* What a driver says of arguments that are no good. */
static void fail_request(answer *a, const char *message)
{
    if (settings.era == ERA_2026)
        refuse(a, 400, "bad_request", message);
    else
        fail_text(a, message);
}

#endif
