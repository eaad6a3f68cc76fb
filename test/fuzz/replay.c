/* SPDX-License-Identifier: MIT
 *
 * replay - what does a fuzz target do with these files?
 *
 * The main of a target that is built without libFuzzer. Each file, and each one
 * in the folders named, is given in a heap block of exactly its size, so that
 * one byte too many is seen. No file at all is a failure: it would prove nothing.
 */
#define _XOPEN_SOURCE 700
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static unsigned count;

static void fail(const char *name)
{
	perror(name);
	exit(1);
}

static void replay_file(const char *name, size_t len)
{
	FILE *file = fopen(name, "rb");
	uint8_t *at = malloc(len ? len : 1);

	if (!file || !at || fread(at, 1, len, file) != len)
		fail(name);
	fclose(file);
	LLVMFuzzerTestOneInput(at, len);
	free(at);
	count++;
}

static void replay(const char *name)
{
	char inside[4096];
	struct dirent *entry;
	struct stat about;
	DIR *folder;

	if (stat(name, &about) != 0)
		fail(name);
	if (!S_ISDIR(about.st_mode)) {
		replay_file(name, (size_t)about.st_size);
		return;
	}
	folder = opendir(name);
	if (!folder)
		fail(name);
	while ((entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(inside, sizeof inside, "%s/%s", name, entry->d_name);
		replay(inside);
	}
	closedir(folder);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	printf("%u replayed\n", count);
	return count == 0;
}
