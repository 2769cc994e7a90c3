/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Preloaded into a program under test: names in the domain .test are resolved by the file that
 * NAMES_FILE names, so that no test depends on the name server of the machine. The file has an
 * address, or "fail" (the name server refuses), or "hang" (it does not answer until that changes).
 */
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void names_read(char text[64])
{
    FILE *file = fopen(getenv("NAMES_FILE"), "re");

    if (!file || !fgets(text, 64, file))
        strcpy(text, "hang"); /* it is being written */
    text[strcspn(text, "\n")] = '\0';
    if (file)
        fclose(file);
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **result)
{
    int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    char text[64] = "hang";

    *(void **)&next = dlsym(RTLD_NEXT, "getaddrinfo");
    if (!name || strlen(name) < 5 || strcmp(name + strlen(name) - 5, ".test") != 0)
        return next(name, service, hints, result);
    for (names_read(text); strcmp(text, "hang") == 0; names_read(text))
        usleep(10000);
    return strcmp(text, "fail") == 0 ? EAI_AGAIN : next(text, service, hints, result);
}
