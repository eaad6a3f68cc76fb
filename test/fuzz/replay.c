/* SPDX-License-Identifier: MIT
 *
 * replay - what does a fuzz target do with these files?
 *
 * The main of a target that is built without libFuzzer. Each file is given in
 * a heap block of exactly its size, so that one byte too many is seen.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static int replay(const char *name)
{
	FILE *file = fopen(name, "rb");
	if (!file || fseek(file, 0, SEEK_END) != 0) {
		perror(name);
		return 1;
	}
	long len = ftell(file);
	rewind(file);
	uint8_t *at = malloc(len > 0 ? (size_t)len : 1);
	if (len < 0 || !at || fread(at, 1, (size_t)len, file) != (size_t)len) {
		perror(name);
		return 1;
	}
	fclose(file);
	LLVMFuzzerTestOneInput(at, (size_t)len);
	free(at);
	return 0;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (replay(argv[i]))
			return 1;
	return 0;
}
