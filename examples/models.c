/* The models on offer, each with its context in tokens and its prices for a
 * million tokens: models [VENDOR]
 *
 *     cc -I. examples/models.c -o models -lmbedtls -lmbedx509 -lmbedcrypto
 */
#define PUTER_IMPLEMENTATION
#include "puter.h"
#include <stdio.h>
#include <string.h>

static void print_number(puter_value number, double factor, int decimals)
{
    if (puter_json_type(number) == PUTER_NUMBER)
        printf(" %10.*f", decimals, puter_json_number(number) * factor);
    else
        printf(" %10s", "-");
}

/* Prices come in cents for as many tokens as the model says, under the name
 * that it gives for them. */
static void print_price(puter_value model, const char *key_name,
                        const char *usual_key)
{
    puter_value costs = puter_json_get(model, "costs");
    double tokens = puter_json_number(puter_json_get(costs, "tokens"));
    const char *key = puter_json_string(puter_json_get(model, key_name), NULL);
    if (!*key)
        key = usual_key;
    print_number(puter_json_member(costs, key, strlen(key)),
                 1e4 / (tokens > 0 ? tokens : 1e6), 3);
}

/* In the lists of older services a model is its name alone. */
static void print_model(puter_value model)
{
    bool named = puter_json_type(model) == PUTER_STRING;
    puter_value name = named ? model : puter_json_get(model, "id");
    printf("%-32s", puter_json_string(name, NULL));
    print_number(puter_json_get(model, "context"), 1, 0);
    print_price(model, "input_cost_key", "prompt_tokens");
    print_price(model, "output_cost_key", "completion_tokens");
    puts("");
}

static void print_models(const puter_reply *reply)
{
    puter_json *json = puter_json_parse(reply->json, reply->json_length, NULL);
    puter_value models = puter_json_get(puter_json_root(json), "models");
    size_t i;
    printf("%-32s %10s %10s %10s\n", "model", "context", "$/M in", "$/M out");
    for (i = 0; i < puter_json_count(models); i++)
        print_model(puter_json_at(models, i));
    if (i == 0)
        fputs("models: there is none\n", stderr);
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
