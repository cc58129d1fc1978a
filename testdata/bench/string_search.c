// Words looked up in a text of random words: by skipping (Horspool), by prefix function (Knuth, Morris, Pratt), by
// memchr and memcmp, and a pattern with ? and * matched at every word.
#include "kernel.h"

static uint32_t make_text(char* text, uint32_t size, Random* random) {
  static const char* const kSyllables[] = {"ka", "ri",  "ton", "me",   "sul", "va",
                                           "ne", "pro", "li",  "gost", "a",   "under"};
  uint32_t length = 0;
  while (length + 40 < size) {
    for (uint32_t left = 1 + random_below(random, 4); left > 0; left--) {
      const char* syllable = kSyllables[random_below(random, sizeof kSyllables / sizeof *kSyllables)];
      while (*syllable)
        text[length++] = *syllable++;
    }
    text[length++] = ' ';
  }
  text[length] = 0;
  return length;
}

static uint32_t count_by_skipping(const char* text, uint32_t size, const char* word, uint32_t length) {
  uint32_t skip[256], count = 0;
  for (int i = 0; i < 256; i++)
    skip[i] = length;
  for (uint32_t i = 0; i + 1 < length; i++)
    skip[(uint8_t)word[i]] = length - 1 - i;
  for (uint32_t at = 0; at + length <= size; at += skip[(uint8_t)text[at + length - 1]]) {
    uint32_t left = length;
    while (left > 0 && text[at + left - 1] == word[left - 1])
      left--;
    count += left == 0;
  }
  return count;
}

static uint32_t count_by_prefixes(const char* text, uint32_t size, const char* word, uint32_t length) {
  uint32_t border[64] = {0}, count = 0;
  for (uint32_t i = 1, k = 0; i < length; i++) {
    while (k > 0 && word[i] != word[k])
      k = border[k - 1];
    k += word[i] == word[k];
    border[i] = k;
  }
  for (uint32_t i = 0, k = 0; i < size; i++) {
    while (k > 0 && text[i] != word[k])
      k = border[k - 1];
    k += text[i] == word[k];
    if (k == length) {
      count++;
      k = border[k - 1];
    }
  }
  return count;
}

static uint32_t count_by_library(const char* text, uint32_t size, const char* word, uint32_t length) {
  uint32_t count = 0;
  const char* const end = text + size;
  for (const char* at = text; (at = memchr(at, word[0], (size_t)(end - at))) != NULL; at++) {
    if ((uint32_t)(end - at) < length)
      break;
    count += memcmp(at, word, length) == 0;
  }
  return count;
}

// Whether the word up to the next space matches: ? is any character, * any number of them.
static int matches(const char* pattern, const char* word) {
  for (; *pattern; pattern++, word++) {
    if (*pattern == '*') {
      for (;; word++) {
        if (matches(pattern + 1, word))
          return 1;
        if (*word == ' ' || *word == 0)
          return 0;
      }
    }
    if (*word == ' ' || *word == 0 || (*pattern != '?' && *pattern != *word))
      return 0;
  }
  return *word == ' ' || *word == 0;
}

static uint32_t count_matches(const char* text, uint32_t size, const char* pattern) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < size; i++)
    if (i == 0 || text[i - 1] == ' ')
      count += (uint32_t)matches(pattern, text + i);
  return count;
}

int main(int argc, char** argv) {
  static const char* const kPatterns[] = {"*ka*li*ne", "un?er*", "a*a*a*a*b", "*gost?o?"};
  const uint32_t rounds = size_argument(argc, argv, 160), size = 1 << 20;
  char* text = allocate(size, 1);
  Random random = random_from(11);
  const uint32_t length = make_text(text, size, &random);
  uint64_t sum = mix(0, length);
  for (uint32_t i = 0; i < rounds; i++) {
    char word[32];
    const uint32_t word_length = 3 + random_below(&random, 14);
    memcpy(word, text + random_below(&random, length - 32), word_length);
    const uint32_t count = count_by_skipping(text, length, word, word_length);
    if (count != count_by_prefixes(text, length, word, word_length) ||
        count != count_by_library(text, length, word, word_length))
      return 1;
    sum = mix(mix(sum, count), count_matches(text, length, kPatterns[i % 4]));
  }
  return print_checksum(sum);
}
