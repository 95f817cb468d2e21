/* The models on offer, and what a million tokens cost: models [VENDOR]
 *
 *     cc models.c -o models -lmbedtls -lmbedx509 -lmbedcrypto
 */
#define PUTER_IMPLEMENTATION
#include "puter.h"
#include <stdio.h>

/* Prices come in cents. Older services tell names alone; what is missing
 * reads as 0. */
static void print_model(puter_value model)
{
    const char *name = puter_json_string(puter_json_type(model) == PUTER_STRING
                                             ? model
                                             : puter_json_get(model, "id"),
                                         NULL);
    double in = puter_json_number(puter_json_get(model, "costs.prompt_tokens"));
    double out =
        puter_json_number(puter_json_get(model, "costs.completion_tokens"));
    printf("%-32s %10.3f %10.3f\n", name, in / 100, out / 100);
}

static void print_models(const puter_reply *reply)
{
    puter_json *json = puter_json_parse(reply->json, reply->json_length, NULL);
    puter_value models = puter_json_get(puter_json_root(json), "models");
    size_t i;
    printf("%-32s %10s %10s\n", "model", "$/M in", "$/M out");
    for (i = 0; i < puter_json_count(models); i++)
        print_model(puter_json_at(models, i));
    puter_json_free(json);
}

int main(int argc, char **argv)
{
    puter_client *client = puter_open(NULL);
    puter_reply reply;
    puter_result result =
        puter_models(client, argc > 1 ? argv[1] : NULL, &reply);
    if (result == PUTER_OK)
        print_models(&reply);
    else
        fprintf(stderr, "models: %s\n", puter_last_error(client)->message);
    puter_reply_free(&reply);
    puter_close(client);
    return result != PUTER_OK;
}
