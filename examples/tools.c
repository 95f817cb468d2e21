/* A tool that the model may call: tools "What is the weather in Paris?"
 * The library runs it, tells the model the result, and gives the answer.
 *
 *     cc -I. examples/tools.c -o tools -lmbedtls -lmbedx509 -lmbedcrypto
 */
#define PUTER_IMPLEMENTATION
#include "puter.h"
#include <stdio.h>
#include <string.h>

/* Writes the weather of a city as JSON; non-zero tells the model that it
 * failed. What `user` points to is the program's own. */
static int get_weather(void *user, const puter_tool_call *call,
                       puter_writer *result)
{
    puter_json *arguments =
        puter_json_parse(call->arguments, strlen(call->arguments), NULL);
    puter_value city = puter_json_get(puter_json_root(arguments), "city");
    bool told = puter_json_type(city) == PUTER_STRING;

    if (told) {
        puter_write_begin_object(result);
        puter_write_key(result, "celsius");
        puter_write_number(result, 18.5);
        puter_write_end_object(result);
    } else {
        puter_write_string(result, "say which city");
    }
    puter_json_free(arguments);
    ++*(int *)user;
    return !told;
}

int main(int argc, char **argv)
{
    puter_client *client = puter_open(NULL);
    puter_tool weather = {0};
    puter_request request = {0};
    puter_reply reply;
    puter_result result;
    int calls = 0;
    bool open;

    weather.name = "get_weather";
    weather.description = "The weather in a city, right now.";
    weather.parameters = "{\"type\":\"object\",\"properties\":{\"city\":"
                         "{\"type\":\"string\"}},\"required\":[\"city\"]}";
    weather.call = get_weather;
    weather.user = &calls;
    request.prompt = argc > 1 ? argv[1] : "weather in Paris?";
    request.tools = &weather;
    request.tool_count = 1;
    result = puter_chat(client, &request, &reply);
    open = reply.tool_call_count > 0; /* of another tool, or after all rounds */
    if (result != PUTER_OK)
        fprintf(stderr, "tools: %s\n", puter_last_error(client)->message);
    else if (open)
        fprintf(stderr, "tools: no answer: the model still calls %s\n",
                reply.tool_calls[0].name);
    else
        printf("%s\n(%d calls of get_weather)\n", reply.text, calls);
    puter_reply_free(&reply);
    puter_close(client);
    return result != PUTER_OK || open;
}
