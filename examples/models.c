/* The models on offer, and what a million tokens cost: models [VENDOR]
 *
 *     cc models.c -o models -lmbedtls -lmbedx509 -lmbedcrypto
 */
#define PUTER_IMPLEMENTATION
#include "puter.h"
#include <stdio.h>

/* Prices come in cents; older services tell none. */
static void print_price(puter_value cents)
{
    if (puter_json_type(cents) == PUTER_NUMBER)
        printf(" %10.3f", puter_json_number(cents) / 100);
    else
        printf(" %10s", "-");
}

/* Where there are no prices, a model is its name alone. */
static void print_model(puter_value model)
{
    bool named = puter_json_type(model) == PUTER_STRING;
    puter_value name = named ? model : puter_json_get(model, "id");
    printf("%-32s", puter_json_string(name, NULL));
    print_price(puter_json_get(model, "costs.prompt_tokens"));
    print_price(puter_json_get(model, "costs.completion_tokens"));
    puts("");
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
