// A map from strings to counts and one from numbers to numbers, with insertions, look-ups and removals. Collisions go
// to the next free slot; a removal moves those behind it back.
#include "kernel.h"

typedef struct {
  uint64_t key;  // 0: free
  uint64_t value;
} Slot;

typedef struct {
  Slot* slots;
  uint32_t mask;
  uint32_t count;
} Map;

static uint32_t home(const Map* map, uint64_t key) { return (uint32_t)(key * 0x9e3779b97f4a7c15U >> 32) & map->mask; }

static Map map_of(uint32_t capacity) { return (Map){allocate(capacity, sizeof(Slot)), capacity - 1, 0}; }

static Slot* find(const Map* map, uint64_t key) {
  uint32_t i = home(map, key);
  while (map->slots[i].key != 0 && map->slots[i].key != key)
    i = (i + 1) & map->mask;
  return &map->slots[i];
}

static uint64_t* insert(Map* map, uint64_t key) {
  if ((map->count + 1) * 4 > (map->mask + 1) * 3) {
    const Map old = *map;
    *map = map_of((old.mask + 1) * 2);
    for (uint32_t i = 0; i <= old.mask; i++)
      if (old.slots[i].key != 0)
        *find(map, old.slots[i].key) = old.slots[i];
    map->count = old.count;
    free(old.slots);
  }
  Slot* slot = find(map, key);
  if (slot->key == 0) {
    *slot = (Slot){key, 0};
    map->count++;
  }
  return &slot->value;
}

static int erase(Map* map, uint64_t key) {
  Slot* slot = find(map, key);
  if (slot->key == 0)
    return 0;
  uint32_t hole = (uint32_t)(slot - map->slots);
  for (uint32_t i = (hole + 1) & map->mask; map->slots[i].key != 0; i = (i + 1) & map->mask) {
    const uint32_t wanted = home(map, map->slots[i].key);
    if (((i - wanted) & map->mask) < ((i - hole) & map->mask))
      continue;
    map->slots[hole] = map->slots[i];
    hole = i;
  }
  map->slots[hole].key = 0;
  map->count--;
  return 1;
}

// Words in chains, each a copy of its text.
typedef struct Word {
  struct Word* next;
  uint32_t hash;
  uint32_t count;
  char text[16];
} Word;

enum { kChains = 1 << 14 };

static Word* intern(Word** chains, const char* text) {
  uint32_t hash = 2166136261U;
  for (const char* c = text; *c; c++)
    hash = (hash ^ (uint8_t)*c) * 16777619U;
  Word** chain = &chains[hash % kChains];
  for (Word* word = *chain; word; word = word->next)
    if (word->hash == hash && strcmp(word->text, text) == 0)
      return word;
  Word* word = allocate(1, sizeof *word);
  word->hash = hash;
  strcpy(word->text, text);
  word->next = *chain;
  *chain = word;
  return word;
}

int main(int argc, char** argv) {
  const uint32_t n = size_argument(argc, argv, 12000000);
  Random random = random_from(13);
  Map map = map_of(16);
  uint64_t sum = 0;
  for (uint32_t i = 0; i < n; i++) {
    const uint64_t key = 1 + random_below(&random, n / 8 + 16);
    if (random_below(&random, 4) == 0)
      sum += (uint64_t)erase(&map, key);
    else
      sum = mix(sum, ++*insert(&map, key));
  }
  Word** chains = allocate(kChains, sizeof *chains);
  for (uint32_t i = 0; i < n; i++) {
    char text[16];
    uint32_t value = random_below(&random, 64) * random_below(&random, 256);
    int length = 0;
    do {
      text[length++] = (char)('a' + value % 5);
      value /= 5;
    } while (value > 0);
    text[length] = 0;
    sum = mix(sum, ++intern(chains, text)->count);
  }
  return print_checksum(mix(sum, map.count));
}
