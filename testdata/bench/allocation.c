// Blocks of random sizes taken from and given back to an allocator of our own: first fit in lists by size, blocks split
// when taken and joined with their free neighbours when given back.
#include "kernel.h"

enum { kUnit = 16, kLists = 20, kArena = 32 << 20 };

// Sizes are bytes, header included, a multiple of kUnit; bit 0 says the block is taken. A free block is in a list.
typedef struct {
  uint32_t size;
  uint32_t size_before;
  uint32_t next;  // offsets in the arena; 0: none
  uint32_t previous;
} Block;

static uint8_t* arena;
static uint32_t lists[kLists];

static Block* block_at(uint32_t offset) { return (Block*)(arena + offset); }
static uint32_t size_of(const Block* block) { return block->size & ~1U; }
static uint32_t list_of(uint32_t size) {
  const uint32_t list = 31 - (uint32_t)__builtin_clz(size / kUnit);
  return list < kLists ? list : kLists - 1;
}

static void put_in_list(uint32_t offset) {
  Block* block = block_at(offset);
  uint32_t* head = &lists[list_of(block->size)];
  block->next = *head;
  block->previous = 0;
  if (*head)
    block_at(*head)->previous = offset;
  *head = offset;
}

static void take_from_list(uint32_t offset) {
  const Block* block = block_at(offset);
  if (block->next)
    block_at(block->next)->previous = block->previous;
  if (block->previous)
    block_at(block->previous)->next = block->next;
  else
    lists[list_of(block->size)] = block->next;
}

static void set_size(uint32_t offset, uint32_t size, uint32_t taken) {
  block_at(offset)->size = size | taken;
  block_at(offset + size)->size_before = size;
}

static void make_arena(void) {
  arena = allocate(kArena, 1);
  // The first and the last unit are taken for ever, so that every block has neighbours.
  set_size(0, kUnit, 1);
  set_size(kUnit, kArena - 2 * kUnit, 0);
  block_at(kArena - kUnit)->size = kUnit | 1;
  put_in_list(kUnit);
}

static uint8_t* take(uint32_t bytes) {
  const uint32_t size = (bytes + 8 + kUnit - 1) / kUnit * kUnit;
  for (uint32_t list = list_of(size); list < kLists; list++)
    for (uint32_t offset = lists[list]; offset; offset = block_at(offset)->next) {
      const uint32_t there = block_at(offset)->size;
      if (there < size)
        continue;
      take_from_list(offset);
      if (there - size >= kUnit) {
        set_size(offset + size, there - size, 0);
        put_in_list(offset + size);
        set_size(offset, size, 1);
      } else {
        set_size(offset, there, 1);
      }
      return arena + offset + 8;
    }
  fputs("the arena is full\n", stderr);
  exit(1);
}

static void give_back(const uint8_t* bytes) {
  uint32_t offset = (uint32_t)(bytes - arena) - 8, size = size_of(block_at(offset));
  const uint32_t after = offset + size;
  if ((block_at(after)->size & 1) == 0) {
    take_from_list(after);
    size += block_at(after)->size;
  }
  const uint32_t before = offset - block_at(offset)->size_before;
  if ((block_at(before)->size & 1) == 0) {
    take_from_list(before);
    size += block_at(before)->size;
    offset = before;
  }
  set_size(offset, size, 0);
  put_in_list(offset);
}

enum { kHeld = 20000 };

int main(int argc, char** argv) {
  const uint32_t rounds = size_argument(argc, argv, 4000000);
  static uint8_t* held[kHeld];
  static uint32_t sizes[kHeld];
  Random random = random_from(14);
  make_arena();
  uint64_t sum = 0;
  for (uint32_t i = 0; i < rounds; i++) {
    const uint32_t which = random_below(&random, kHeld);
    if (held[which]) {
      sum = mix(sum, (uint64_t)held[which][0] + held[which][sizes[which] - 1]);
      give_back(held[which]);
    }
    sizes[which] = 1 + random_below(&random, 1U << random_below(&random, 12));
    held[which] = take(sizes[which]);
    held[which][0] = held[which][sizes[which] - 1] = (uint8_t)i;
  }
  return print_checksum(sum);
}
