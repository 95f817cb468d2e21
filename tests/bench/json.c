/* json - reading and writing JSON with puter.h, yyjson and cJSON: a caller's
 * work, from the text to the strings that it came for. Rates are bytes.
 *
 *     json LIBRARY-KIND FILE ROUNDS     (KIND is answer, models or image)
 *     json LIBRARY-history - ROUNDS TURNS
 */
#define PUTER_IMPLEMENTATION
#include "puter.h"

#include "bench.h"
#include <cjson/cJSON.h>
#include <yyjson.h>

static char *text;
static size_t length;
static size_t seen; /* characters of strings, the same for everybody */

static void see(const char *string)
{
    if (!string || !*string)
        bench_fail("a string is missing");
    seen += strlen(string);
}

/* ---- puter.h ------------------------------------------------------------ */

static puter_json *puter_read(void)
{
    puter_json *json = puter_json_parse(text, length, NULL);
    bench_units += (double)length;
    return json;
}

static void puter_answer(long rounds)
{
    for (; rounds > 0; rounds--) {
        puter_json *json = puter_read();
        see(puter_json_string(
            puter_json_get(puter_json_root(json), "result.message.content"),
            NULL));
        puter_json_free(json);
    }
}

static void puter_list(long rounds)
{
    for (; rounds > 0; rounds--) {
        puter_json *json = puter_read();
        puter_value list = puter_json_get(puter_json_root(json), "models");
        size_t i;
        for (i = 0; i < puter_json_count(list); i++)
            see(puter_json_string(puter_json_get(puter_json_at(list, i), "id"),
                                  NULL));
        puter_json_free(json);
    }
}

static void puter_picture(long rounds)
{
    for (; rounds > 0; rounds--) {
        puter_json *json = puter_read();
        see(puter_json_string(
            puter_json_get(puter_json_root(json),
                           "result.message.images[0].image_url.url"),
            NULL));
        puter_json_free(json);
    }
}

static void puter_history_text(long rounds)
{
    for (; rounds > 0; rounds--) {
        puter_writer writer = {0};
        long i;
        puter_write_begin_array(&writer);
        for (i = 0; i < bench_size; i++) {
            puter_write_begin_object(&writer);
            puter_write_key(&writer, "role");
            puter_write_string(&writer, i % 2 ? "assistant" : "user");
            puter_write_key(&writer, "content");
            puter_write_string(&writer, BENCH_TURN);
            puter_write_end_object(&writer);
        }
        puter_write_end_array(&writer);
        bench_units += (double)writer.length;
        puter_writer_free(&writer);
    }
}

/* ---- yyjson ------------------------------------------------------------- */

static yyjson_doc *yyjson_text(void)
{
    bench_units += (double)length;
    return yyjson_read(text, length, 0);
}

static void yyjson_answer(long rounds)
{
    for (; rounds > 0; rounds--) {
        yyjson_doc *doc = yyjson_text();
        see(yyjson_get_str(yyjson_doc_ptr_get(doc, "/result/message/content")));
        yyjson_doc_free(doc);
    }
}

static void yyjson_list(long rounds)
{
    for (; rounds > 0; rounds--) {
        yyjson_doc *doc = yyjson_text();
        yyjson_val *list = yyjson_doc_ptr_get(doc, "/models"), *model;
        size_t i, count;
        yyjson_arr_foreach(list, i, count, model)
            see(yyjson_get_str(yyjson_obj_get(model, "id")));
        yyjson_doc_free(doc);
    }
}

static void yyjson_picture(long rounds)
{
    for (; rounds > 0; rounds--) {
        yyjson_doc *doc = yyjson_text();
        see(yyjson_get_str(
            yyjson_doc_ptr_get(doc, "/result/message/images/0/image_url/url")));
        yyjson_doc_free(doc);
    }
}

static void yyjson_history(long rounds)
{
    for (; rounds > 0; rounds--) {
        yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
        yyjson_mut_val *turns = yyjson_mut_arr(doc);
        char *written;
        size_t size;
        long i;
        for (i = 0; i < bench_size; i++) {
            yyjson_mut_val *turn = yyjson_mut_arr_add_obj(doc, turns);
            yyjson_mut_obj_add_str(doc, turn, "role",
                                   i % 2 ? "assistant" : "user");
            yyjson_mut_obj_add_str(doc, turn, "content", BENCH_TURN);
        }
        yyjson_mut_doc_set_root(doc, turns);
        written = yyjson_mut_write(doc, 0, &size);
        bench_units += (double)size;
        free(written);
        yyjson_mut_doc_free(doc);
    }
}

/* ---- cJSON -------------------------------------------------------------- */

static cJSON *cjson_read(void)
{
    bench_units += (double)length;
    return cJSON_ParseWithLength(text, length);
}

static cJSON *member(cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static void cjson_answer(long rounds)
{
    for (; rounds > 0; rounds--) {
        cJSON *root = cjson_read();
        cJSON *message = member(member(root, "result"), "message");
        see(cJSON_GetStringValue(member(message, "content")));
        cJSON_Delete(root);
    }
}

static void cjson_list(long rounds)
{
    for (; rounds > 0; rounds--) {
        cJSON *root = cjson_read(), *model;
        cJSON_ArrayForEach(model, member(root, "models"))
            see(cJSON_GetStringValue(member(model, "id")));
        cJSON_Delete(root);
    }
}

static void cjson_picture(long rounds)
{
    for (; rounds > 0; rounds--) {
        cJSON *root = cjson_read();
        cJSON *message = member(member(root, "result"), "message");
        cJSON *image = cJSON_GetArrayItem(member(message, "images"), 0);
        see(cJSON_GetStringValue(member(member(image, "image_url"), "url")));
        cJSON_Delete(root);
    }
}

/* ------------------------------------------------------------------------- */

static void begin(void)
{
    FILE *file;
    long size = -1;
    if (strcmp(bench_where, "-") == 0)
        return;
    file = fopen(bench_where, "rb");
    if (file && fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    if (size < 0)
        bench_fail("cannot be read");
    rewind(file);
    text = (char *)malloc((size_t)size);
    if (text)
        length = fread(text, 1, (size_t)size, file);
    fclose(file);
}

#define CPU CLOCK_PROCESS_CPUTIME_ID

int main(int argc, char **argv)
{
    static const bench_work works[] = {
        {"ours-answer", puter_answer, CPU},
        {"ours-models", puter_list, CPU},
        {"ours-image", puter_picture, CPU},
        {"ours-history", puter_history_text, CPU},
        {"yyjson-answer", yyjson_answer, CPU},
        {"yyjson-models", yyjson_list, CPU},
        {"yyjson-image", yyjson_picture, CPU},
        {"yyjson-history", yyjson_history, CPU},
        {"cjson-answer", cjson_answer, CPU},
        {"cjson-models", cjson_list, CPU},
        {"cjson-image", cjson_picture, CPU},
        {NULL, NULL, CPU}};
    int status = bench_main(argc, argv, works, begin);
    free(text);
    return status;
}
